package gate

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Prepared is what a remembered token comes to under one rule: all of an allowed
// answer but the decision's id. The zero value is that of an answer which has to be
// made for its request alone.
type Prepared struct {
	removal *removal
	// The answer, if it was kept: what of it is the token's own, which the removal's
	// bytes divide, and where the id's text begins in the whole.
	own     string
	cut, id int
	// Where it is to be kept otherwise.
	tokens *token.Memory
	entry  token.Entry
	key    uint64
}

// Append appends the answer for another decision by that id, if it was kept.
func (p *Prepared) Append(to []byte, id ID) ([]byte, bool) {
	if p.own == "" {
		return to, false
	}
	begin := len(to)
	to = append(to, p.own[:p.cut]...)
	to = append(to, *p.removal.rendered.Load()...)
	to = append(to, p.own[p.cut:]...)
	id.Append(to[:begin+p.id])
	return to, true
}

// Layout is where in an answer parts stand that it shares with others, in bytes
// from its begin.
type Layout struct {
	RemoveBegin, RemoveEnd int // the names that are removed
	ID                     int // the decision's id, in its text
}

// Keep keeps the answer of a decision with its token, for the next one that comes to
// the same. Answers of many tokens share the bytes of what they remove.
func (p *Prepared) Keep(answer []byte, at Layout) {
	if p.tokens == nil || !p.removal.keep(answer[at.RemoveBegin:at.RemoveEnd]) {
		return
	}
	kept := make([]byte, 0, len(answer)+keptHead)
	for _, number := range [keptHead / 4]int{p.removal.number, at.RemoveBegin, at.ID} {
		kept = binary.LittleEndian.AppendUint32(kept, uint32(number))
	}
	kept = append(append(kept, answer[:at.RemoveBegin]...), answer[at.RemoveEnd:]...)
	p.tokens.Keep(p.entry, p.key, string(kept))
}

// keptHead is the size of the numbers before an answer that is kept, in bytes.
const keptHead = 3 * 4

// read reads what Keep has kept.
func (p *Prepared) read(kept string, known []*removal) {
	var numbers [keptHead / 4]int
	for i := range numbers {
		numbers[i] = int(binary.LittleEndian.Uint32([]byte(kept[4*i : 4*i+4])))
	}
	*p = Prepared{removal: known[numbers[0]], cut: numbers[1], id: numbers[2], own: kept[keptHead:]}
}

// removal is a list of names that prepared answers remove, and the names that are
// set beside it. There are few of them, and many tokens that share them.
type removal struct {
	number   int // among the removals
	names    []string
	set      []request.Header // without values
	rendered atomic.Pointer[[]byte]
}

// keep keeps the list as it is sent, and reports whether that is removed.
func (r *removal) keep(removed []byte) bool {
	if r.rendered.Load() == nil {
		copied := slices.Clone(removed)
		r.rendered.CompareAndSwap(nil, &copied)
	}
	return string(*r.rendered.Load()) == string(removed)
}

// removals are the removals of one policy.
type removals struct {
	mu    sync.Mutex
	known map[string]*removal        // :: the names that are removed and those that are set, joined
	all   atomic.Pointer[[]*removal] // by their numbers; never changed, but replaced
}

// maxRemovals bounds how many lists are shared; what identity headers a token
// sets makes the difference between them.
const maxRemovals = 1024

// of returns the removal of these names beside those that are set; nil when there
// are too many others.
func (r *removals) of(names []string, set []request.Header) *removal {
	key := strings.Join(names, ",") + ";"
	for _, h := range set {
		key += h.Name + ","
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if shared, known := r.known[key]; known {
		return shared
	}
	if len(r.known) >= maxRemovals {
		return nil
	}
	made := &removal{number: len(r.known), names: names, set: make([]request.Header, len(set))}
	for i, h := range set {
		made.set[i].Name = h.Name
	}
	if r.known == nil {
		r.known = make(map[string]*removal)
	}
	r.known[key] = made
	all := append(slices.Clone(r.list()), made)
	r.all.Store(&all)
	return made
}

func (r *removals) list() []*removal {
	if all := r.all.Load(); all != nil {
		return *all
	}
	return nil
}

// allowPrepared allows a request whose answer holds nothing of the request, as
// it has been put together before. False: the answer has to be made.
func (c *check) allowPrepared() bool {
	if !c.repeatable() {
		return false
	}
	kept, there := c.token.Entry().Kept(c.preparedKey())
	if !there {
		return false
	}
	d := c.decision
	d.Prepared.read(kept, c.policy.removals.list())
	if !c.policy.mapper.Usual(c.request.Headers, d.Prepared.removal.set, c.parsed.Relaxed) {
		d.Prepared = Prepared{}
		return false
	}
	d.Verdict, d.Reason = VerdictAllow, ReasonAllowed
	d.Remove = d.Prepared.removal.names
	d.AddToResponse = c.policy.cors.allowed(c.request.Header("origin"))
	return true
}

// repeatable reports whether the rule's answers may hold nothing of the request and
// its time: a credential in another place is taken out of what came with it.
func (c *check) repeatable() bool {
	return len(c.further) == 0 && c.rule.BearerOnly() && !c.rule.EndStreamsAtExpiry
}

// prepare lets an allowed answer be kept, if it is one that holds nothing of the
// request.
func (c *check) prepare(set []request.Header) {
	entry := c.token.Entry()
	if !c.repeatable() || !entry.Remembered() {
		return
	}
	// Before it is shared: names that only this client has spelled so are views of
	// its request, and would take the places of lists that many tokens share.
	if !c.policy.mapper.Usual(c.request.Headers, set, c.parsed.Relaxed) {
		return
	}
	shared := c.policy.removals.of(c.decision.Remove, set)
	if shared == nil {
		return
	}
	c.decision.Prepared = Prepared{removal: shared, tokens: c.policy.tokens, entry: entry, key: c.preparedKey()}
}

// preparedKey tells apart what one token comes to in one policy: by its rule, by the
// origin whose pages may read the response, and by what is relaxed.
func (c *check) preparedKey() uint64 {
	origin := c.policy.cors.readers[c.request.Header("origin")].number
	return uint64(c.rule.Number())<<40 | uint64(origin)<<16 | uint64(c.parsed.Relaxed.Bits())
}
