package extauthz

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// template is an encoded answer from which the answers of similar decisions are made: those
// that differ only in their ID. The IDs of one process have the same length. An empty
// template is none. It is one string, because each remembered token has one:
//
//	the length of the ID, how often the answer has it     one byte each
//	the offsets of the ID in the answer                   four bytes each, big endian
//	the answer
type template string

// newTemplate returns the template of an answer that contains the ID this many times. It
// returns none if the ID occurs more often, because another value contains it, or less
// often, because it is escaped; or if the ID is too long.
func newTemplate(answer []byte, id string, times int) template {
	if bytes.Count(answer, []byte(id)) != times || len(id) > math.MaxUint8 {
		return ""
	}
	made := append(make([]byte, 0, 2+4*times+len(answer)), byte(len(id)), byte(times))
	for n, from := 0, 0; n < times; n++ {
		at := from + bytes.Index(answer[from:], []byte(id))
		made = binary.BigEndian.AppendUint32(made, uint32(at))
		from = at + len(id)
	}
	return template(append(made, answer...))
}

// append appends the answer for a decision with this ID. It reports false if there is no
// template or if the ID has another length.
func (t template) append(to []byte, id gate.ID) ([]byte, bool) {
	var space [64]byte
	text := id.Append(space[:0])
	if t == "" || len(text) != int(t[0]) {
		return to, false
	}
	times, begin := int(t[1]), len(to)
	to = append(to, t[2+4*times:]...)
	for n := range times {
		offset := binary.BigEndian.Uint32([]byte(t[2+4*n:]))
		copy(to[begin+int(offset):], text)
	}
	return to, true
}

// templates makes answers, and has the templates of denials. The zero value is ready. It
// is safe for concurrent use.
type templates struct {
	byKey sync.Map // of denialKey to template
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
	if last := t.removal.Load(); last != nil && same(last.names, names) {
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

// same reports whether two lists are equal. Shared lists are the same memory.
func same(a, b []string) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
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

func (t *templates) find(key denialKey) template {
	found, _ := t.byKey.Load(key)
	one, _ := found.(template)
	return one
}

func (t *templates) keep(key denialKey, one template) {
	if one == "" {
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

// appendAllowed appends the answer of an allowed decision. The answer is in two parts, which
// a reader of Protobuf merges: the list of removed headers, which is the same for nearly all
// tokens, and the rest, which is kept with the token.
func (t *templates) appendAllowed(to []byte, d *gate.Decision) ([]byte, error) {
	removal, err := t.removalPart(d.Remove)
	if err != nil {
		return to, err
	}
	if to, ok := template(d.Rendered).append(to, d.ID); ok {
		return append(to, removal...), nil
	}
	begin, id := len(to), d.ID.String()
	to, err = proto.MarshalOptions{}.MarshalAppend(to, allowedResponse(d, id))
	if err != nil {
		return to, err
	}
	if d.KeepRendered != nil {
		if made := newTemplate(to[begin:], id, 1); made != "" { // in the metadata
			d.KeepRendered(string(made))
		}
	}
	return append(to, removal...), nil
}
