package extauthz

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// template is an encoded answer from which the answers of similar decisions are made: those
// that differ only in their ID. The IDs of one process have the same length.
type template struct {
	answer []byte // without shared
	// shared is the rest of the answer, which those of many tokens have in common. A
	// message of Protobuf can be in two parts: a reader merges them.
	shared   []byte
	idLength int
	times    int    // how often answer has the ID
	offsets  [2]int // of the ID in answer
}

// newTemplate returns the template of an answer that contains the ID this many times. It
// returns nil if the ID occurs more often, because another value contains it, or less often,
// because it is escaped.
func newTemplate(answer []byte, id string, times int) *template {
	t := &template{idLength: len(id), times: times}
	if bytes.Count(answer, []byte(id)) != times {
		return nil
	}
	t.answer = bytes.Clone(answer)
	for n, from := 0, 0; n < times; n++ {
		t.offsets[n] = from + bytes.Index(answer[from:], []byte(id))
		from = t.offsets[n] + len(id)
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
	for _, offset := range t.offsets[:t.times] {
		copy(to[begin+offset:], text)
	}
	return append(to, t.shared...), true
}

// templates makes answers, and has the templates of denials. The zero value is ready. It
// is safe for concurrent use.
type templates struct {
	byKey sync.Map // of denialKey to *template
	count atomic.Int32
	// removal is the part of allowed answers that removes headers, as it was made last:
	// nearly all identities share one list.
	removal atomic.Pointer[removal]
}

type removal struct {
	names []string
	part  []byte
}

// removalPart returns the part of an allowed answer that removes headers. It must not be
// changed.
func (t *templates) removalPart(names []string) ([]byte, error) {
	if last := t.removal.Load(); last != nil && slices.Equal(last.names, names) {
		return last.part, nil
	}
	part, err := proto.Marshal(&authv3.CheckResponse{HttpResponse: &authv3.CheckResponse_OkResponse{
		OkResponse: &authv3.OkHttpResponse{HeadersToRemove: names},
	}})
	if err == nil {
		t.removal.Store(&removal{names, part})
	}
	return part, err
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
		return t.appendAllowed(to, d)
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

// appendAllowed appends the answer of an allowed decision. An identity that decisions
// share keeps its template.
func (t *templates) appendAllowed(to []byte, d *gate.Decision) ([]byte, error) {
	if d.Identity == nil {
		return proto.MarshalOptions{}.MarshalAppend(to, allowedResponse(d, d.ID.String()))
	}
	kept, _ := d.Identity.Rendered().(*template)
	if to, ok := kept.append(to, d.ID); ok {
		return to, nil
	}
	begin, id := len(to), d.ID.String()
	message := allowedResponse(d, id)
	message.GetOkResponse().HeadersToRemove = nil
	shared, err := t.removalPart(d.Remove)
	if err == nil {
		to, err = proto.MarshalOptions{}.MarshalAppend(to, message)
	}
	if err != nil {
		return to, err
	}
	if made := newTemplate(to[begin:], id, 1); made != nil { // in the metadata
		made.shared = shared
		d.Identity.KeepRendered(made)
	}
	return append(to, shared...), nil
}
