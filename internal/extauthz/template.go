package extauthz

import (
	"bytes"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// template is a marshalled answer that fits every decision that differs from the first
// one in nothing but its ID. IDs of one process have the same length.
type template struct {
	answer []byte
	id     int   // length of the ID
	at     []int // where the ID is
}

// newTemplate returns the template of an answer that has the ID exactly so many times,
// or nil: then the ID is somewhere else too, or not text.
func newTemplate(answer []byte, id string, times int) *template {
	t := &template{answer: bytes.Clone(answer), id: len(id)}
	for from := 0; ; {
		next := bytes.Index(answer[from:], []byte(id))
		if next < 0 {
			break
		}
		t.at = append(t.at, from+next)
		from += next + len(id)
	}
	if len(t.at) != times {
		return nil
	}
	return t
}

// append appends the answer for a decision, and reports whether it could.
func (t *template) append(to []byte, id gate.ID) ([]byte, bool) {
	var space [64]byte
	text := id.Append(space[:0])
	if t == nil || len(text) != t.id {
		return to, false
	}
	begin := len(to)
	to = append(to, t.answer...)
	for _, at := range t.at {
		copy(to[begin+at:], text)
	}
	return to, true
}

// templates are the templates of denials. The zero value is ready. It is safe for
// concurrent use.
type templates struct {
	known sync.Map // of denialKey to *template
	count atomic.Int32
}

// maxTemplates bounds how many denials are kept. Their keys come from the configuration
// alone, so that clients cannot create them; reloads can.
const maxTemplates = 1024

// denialKey is all that a denial's answer depends on, but for the decision's ID.
type denialKey struct {
	route                    string
	reason                   gate.Reason
	status, retryAfter       int
	title, detail, challenge string
	cors                     *request.Header // the first of a list that never changes
	grpcClient               bool
}

// keyOf returns the key of a denial, and whether its answer can be kept: it names nobody.
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
	if found, ok := t.known.Load(key); ok {
		return found.(*template)
	}
	return nil
}

func (t *templates) keep(key denialKey, one *template) {
	if one == nil {
		return
	}
	if _, replaced := t.known.Swap(key, one); !replaced && t.count.Add(1) > maxTemplates {
		t.known.Clear()
		t.count.Store(0)
	}
}

// appendAnswer appends the answer of a decision. An error is that of a text that is not
// UTF-8, which a message of Protobuf cannot have.
func (t *templates) appendAnswer(to []byte, d *gate.Decision, grpcClient bool) ([]byte, error) {
	switch {
	case answered(d):
		return proto.MarshalOptions{}.MarshalAppend(to, answeredResponse(d, d.ID.String()))
	case allowed(d):
		return appendAllowed(to, d)
	}
	key, keeps := keyOf(d, grpcClient)
	if keeps {
		if to, ok := t.find(key).append(to, d.ID); ok {
			return to, nil
		}
	}
	begin, id := len(to), d.ID.String()
	to, err := proto.MarshalOptions{}.MarshalAppend(to, deniedResponse(d, id, grpcClient))
	if err == nil && keeps {
		t.keep(key, newTemplate(to[begin:], id, 2)) // in the body and in the metadata
	}
	return to, err
}

// appendAllowed appends the answer of an allowed decision. An identity that decisions
// share keeps its template.
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
		if made := newTemplate(to[begin:], id, 1); made != nil { // in the metadata
			d.Identity.KeepRendered(made)
		}
	}
	return to, err
}
