package extauthz

import (
	"bytes"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// template is an encoded answer from which the answers of similar decisions are made: those
// that differ only in their ID. The IDs of one process have the same length.
type template struct {
	answer   []byte
	idLength int
	offsets  []int // of the ID in answer
}

// newTemplate returns the template of an answer that contains the ID this many times. It
// returns nil if the ID occurs more often, because another value contains it, or less often,
// because it is escaped.
func newTemplate(answer []byte, id string, times int) *template {
	t := &template{answer: bytes.Clone(answer), idLength: len(id)}
	for from := 0; ; {
		next := bytes.Index(answer[from:], []byte(id))
		if next < 0 {
			break
		}
		t.offsets = append(t.offsets, from+next)
		from += next + len(id)
	}
	if len(t.offsets) != times {
		return nil
	}
	return t
}

// append appends the answer for a decision with this ID. It reports false if there is no
// template or if the ID has another length.
func (t *template) append(to []byte, id gate.ID) ([]byte, bool) {
	var space [64]byte
	text := id.Append(space[:0])
	if t == nil || len(text) != t.idLength {
		return to, false
	}
	begin := len(to)
	to = append(to, t.answer...)
	for _, offset := range t.offsets {
		copy(to[begin+offset:], text)
	}
	return to, true
}

// templates are the templates of denials. The zero value is empty. It is safe for concurrent
// use.
type templates struct {
	byKey sync.Map // of denialKey to *template
	count atomic.Int32
}

// maxTemplates is the maximum number of templates of denials; when it is exceeded, all are
// dropped. A client cannot create a key, because keys contain only values of the
// configuration, but a configuration can have more than this, and each reload adds keys.
const maxTemplates = 1024

// denialKey is everything that the answer of a denial depends on, except the decision's ID.
type denialKey struct {
	route                    string
	reason                   gate.Reason
	status, retryAfter       int
	title, detail, challenge string
	cors                     *request.Header // the first element of a list that never changes
	grpcClient               bool
}

// keyOf returns the key of a denial, and whether its answer can be kept, because it contains
// nothing of a token.
func keyOf(d *gate.Decision, grpcClient bool) (denialKey, bool) {
	denial := denialOf(d)
	key := denialKey{
		route: d.Route, reason: d.Reason, status: denial.Status, retryAfter: denial.RetryAfter,
		title: denial.Title, detail: denial.Detail, challenge: denial.Challenge, grpcClient: grpcClient,
	}
	if len(denial.CORS) > 0 {
		key.cors = &denial.CORS[0]
	}
	return key, d.Verdict == gate.VerdictDeny && d.Issuer == "" && d.Subject == "" && d.Expires.IsZero()
}

func (t *templates) find(key denialKey) *template {
	if found, ok := t.byKey.Load(key); ok {
		return found.(*template)
	}
	return nil
}

func (t *templates) keep(key denialKey, one *template) {
	if one == nil {
		return
	}
	if _, replaced := t.byKey.Swap(key, one); !replaced && t.count.Add(1) > maxTemplates {
		t.byKey.Clear()
		t.count.Store(0)
	}
}

// appendAnswer appends the answer for a decision. It returns an error if a text is not UTF-8,
// because Protobuf cannot encode it.
func (t *templates) appendAnswer(to []byte, d *gate.Decision, grpcClient bool) ([]byte, error) {
	switch {
	case answered(d):
		return proto.MarshalOptions{}.MarshalAppend(to, answeredResponse(d, d.ID.String()))
	case allowed(d):
		return appendAllowed(to, d)
	}
	key, keep := keyOf(d, grpcClient)
	if keep {
		if to, ok := t.find(key).append(to, d.ID); ok {
			return to, nil
		}
	}
	begin, id := len(to), d.ID.String()
	to, err := proto.MarshalOptions{}.MarshalAppend(to, deniedResponse(d, id, grpcClient))
	if err == nil && keep {
		t.keep(key, newTemplate(to[begin:], id, 2)) // the ID is in the body and in the metadata
	}
	return to, err
}

// appendAllowed appends the answer for a decision that allows the request. An identity that
// decisions share keeps their template.
func appendAllowed(to []byte, d *gate.Decision) ([]byte, error) {
	if d.Identity != nil {
		kept, _ := d.Identity.Rendered().(*template)
		if to, ok := kept.append(to, d.ID); ok {
			return to, nil
		}
	}
	begin, id := len(to), d.ID.String()
	to, err := proto.MarshalOptions{}.MarshalAppend(to, allowedResponse(d, id))
	if err == nil && d.Identity != nil {
		if made := newTemplate(to[begin:], id, 1); made != nil { // the ID is in the metadata
			d.Identity.KeepRendered(made)
		}
	}
	return to, err
}
