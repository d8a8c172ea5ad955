package issuer_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// Each row is a fault of the key server. During the fault, the known key stays in
// use and a rotated one is pending. After it, both keys are there.
func TestFaultAndRecovery(t *testing.T) {
	stolen := document(t, edJWK("stolen", newEd(t)))
	const other = "http://evil.example/"
	bomb := gzipped(make([]byte, 1<<24))
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
		result string // of the fetches during the fault
		text   string // in the last error
	}{
		{"500", status(500), issuer.FetchStatus, "status 500"},
		{"404", status(404), issuer.FetchStatus, "status 404"},
		{"403", status(403), issuer.FetchStatus, "status 403"},
		{"204", status(204), issuer.FetchStatus, "status 204"},
		{"201 with keys", statusWith(201, stolen), issuer.FetchStatus, "status 201"},
		{"503 with keys", statusWith(503, stolen), issuer.FetchStatus, "status 503"},
		{"HTML", statusWith(200, "<!doctype html><title>down</title>"), issuer.FetchInvalid, "not a valid JSON object"},
		{"error object", statusWith(200, `{"error":"server_error"}`), issuer.FetchInvalid, `no member "keys"`},
		{"empty set", statusWith(200, `{"keys":[]}`), issuer.FetchInvalid, "empty"},
		{"null", statusWith(200, "null"), issuer.FetchInvalid, "not a valid JSON object"},
		{"truncated JSON", statusWith(200, `{"keys":[{"kty":"OKP"`), issuer.FetchInvalid, "not a valid JSON object"},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"keys":[`)
		}, issuer.FetchUnreachable, "unexpected EOF"},
		{"connection closed", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		}, issuer.FetchUnreachable, "EOF"},
		{"no HTTP", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprint(conn, "SSH-2.0-OpenSSH\r\n\r\n")
			_ = conn.Close()
		}, issuer.FetchUnreachable, "malformed HTTP"},
		{"endless headers", func(w http.ResponseWriter, _ *http.Request) {
			conn, buffered, _ := w.(http.Hijacker).Hijack()
			defer func() { _ = conn.Close() }()
			fmt.Fprint(buffered, "HTTP/1.1 200 OK\r\n")
			for n := 0; buffered.Flush() == nil; n++ {
				fmt.Fprintf(buffered, "X-%d: %s\r\n", n, strings.Repeat("x", 1000))
			}
		}, issuer.FetchUnreachable, "server response headers exceeded"},
		{"a mebibyte of headers", func(w http.ResponseWriter, _ *http.Request) {
			for n := range 1000 {
				w.Header().Set(fmt.Sprint("X-", n), strings.Repeat("x", 1000))
			}
			_, _ = w.Write([]byte(stolen))
		}, issuer.FetchUnreachable, "server response headers exceeded"},
		{"an endless body", endless, issuer.FetchInvalid, "more than 1048576 bytes"},
		{"a gzip bomb", coded("gzip", bomb), issuer.FetchInvalid, "more than 1048576 bytes"},
		{"gzip that is broken off", coded("gzip", gzipped([]byte(stolen))[:40]), issuer.FetchInvalid, "not valid gzip"},
		{"no gzip", coded("gzip", []byte(stolen)), issuer.FetchInvalid, "not valid gzip"},
		{"gzip twice", coded("gzip, gzip", gzipped(gzipped([]byte(stolen)))), issuer.FetchInvalid, `Content-Encoding "gzip, gzip"`},
		{"another coding", coded("br", []byte(stolen)), issuer.FetchInvalid, `Content-Encoding "br", which is not supported`},
		{"slow drip", func(w http.ResponseWriter, r *http.Request) {
			for tick := time.NewTicker(time.Second); ; {
				select {
				case <-r.Context().Done():
					tick.Stop()
					return
				case <-tick.C:
					fmt.Fprint(w, " ")
					_ = http.NewResponseController(w).Flush()
				}
			}
		}, issuer.FetchTimeout, "no complete response within"},
		{"hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, issuer.FetchTimeout, "no complete response within"},
		{"redirect to another host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other, http.StatusFound)
		}, issuer.FetchInvalid, "it leads to another host"},
		{"permanent redirect to another host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other, http.StatusPermanentRedirect)
		}, issuer.FetchInvalid, "it leads to another host"},
		{"redirect in a circle", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again", http.StatusFound)
		}, issuer.FetchInvalid, "more than 3 in a row"},
	} {
		t.Run(row.name, func(t *testing.T) { faultAndRecovery(t, row.answer, row.result, row.text) })
	}
}

func faultAndRecovery(t *testing.T, answer http.HandlerFunc, result, text string) {
	t.Helper()
	held, rotated := newEd(t), newEd(t)
	inBubble(t, []jwk{edJWK("a", held)}, nil, func(b *bubble) {
		stop := useKey(t, b.issuer, held)
		defer stop()
		b.keys.answers(answer)
		for range 60 {
			b.want("b", issuer.ErrKeyPending)
			b.want("stolen", issuer.ErrKeyPending)
			b.pass(time.Second)
		}
		if stats := b.issuer.Stats(); stats.Fetches[result] < 2 || !strings.Contains(stats.LastError, text) {
			t.Errorf("got fetches %v, last error %q; expected %s, %q", stats.Fetches, stats.LastError, result, text)
		}
		b.keys.publish(t, edJWK("a", held), edJWK("b", rotated))
		b.pass(time.Minute)
		if key := want(t, b.issuer, "b", "EdDSA", nil); !rotated.Equal(key) {
			t.Error("got another key than the rotated one")
		}
		if stats := b.issuer.Stats(); stats.Failures != 0 || stats.LastError == "" {
			t.Errorf("after the recovery: %d consecutive failures, last error %q", stats.Failures, stats.LastError)
		}
		for _, request := range b.keys.received() {
			if request.Host != "keys.example" {
				t.Errorf("a request was sent to %s", request.Host)
			}
		}
	})
}

func gzipped(body []byte) []byte {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(body)
	_ = z.Close()
	return packed.Bytes()
}

// coded answers with a content coding, whatever the request accepts.
func coded(coding string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", coding)
		_, _ = w.Write(body)
	}
}

// A request asks for no content coding. A store that sends gzip all the same is understood.
func TestContentEncoding(t *testing.T) {
	inBubble(t, nil, nil, func(b *bubble) {
		for kid, coding := range map[string]string{"a": "gzip", "b": "X-GZIP", "c": "identity"} {
			body := []byte(document(t, edJWK(kid, newEd(t))))
			if coding != "identity" {
				body = gzipped(body)
			}
			b.keys.answers(coded(coding, body))
			b.pass(16 * time.Minute)
			b.want(kid, nil)
		}
		for _, request := range b.keys.received() {
			if got := request.Header.Get("Accept-Encoding"); got != "identity" {
				t.Errorf("got Accept-Encoding %q; expected identity", got)
			}
		}
	})
}

// An answer without a usable key shows why each of its keys cannot be used, until an
// answer has one.
func TestSkippedKeysOfARefusedSet(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t)), edJWK("b", newEd(t)).with("use", "enc")}, nil, func(b *bubble) {
		skipped := func(kids ...string) {
			t.Helper()
			var got []string
			for _, one := range b.issuer.Stats().Skipped {
				got = append(got, one.KID)
			}
			if !slices.Equal(got, kids) {
				t.Errorf("got skipped %q; expected %q", got, kids)
			}
		}
		skipped("b")
		b.keys.publish(t, edJWK("c", newEd(t)).with("use", "enc"), jwk{"kid": "d", "kty": "oct"})
		b.pass(16 * time.Minute)
		skipped("c", "d")
		b.keys.answers(status(500))
		b.pass(16 * time.Minute)
		skipped("b")
		b.keys.publish(t, edJWK("e", newEd(t)))
		b.pass(16 * time.Minute)
		skipped()
	})
}

func endless(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, `{"keys":["`)
	for line := strings.Repeat("x", 1<<16); ; {
		if _, err := fmt.Fprint(w, line); err != nil {
			return
		}
	}
}

func TestEndlessBodyTakesNoMemory(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		before := heap()
		var read atomic.Int64 // by the issuer, since a pipe has no buffer
		b.keys.answers(func(w http.ResponseWriter, r *http.Request) { endless(countingWriter{w, &read}, r) })
		b.want("b", issuer.ErrKeyPending)
		b.pass(time.Minute)
		fetches := b.issuer.Stats().Fetches[issuer.FetchInvalid]
		if fetches < 3 {
			t.Errorf("got %d invalid fetches; expected several", fetches)
		}
		if most := int64(fetches) * (1<<20 + 1<<17); read.Load() > most {
			t.Errorf("%d fetches read %d bytes; expected at most %d", fetches, read.Load(), most)
		}
		if grown := int64(heap()) - int64(before); grown > 4<<20 {
			t.Errorf("the heap grew by %d bytes", grown)
		}
	})
}

// countingWriter counts the bytes that are written.
type countingWriter struct {
	http.ResponseWriter
	written *atomic.Int64
}

func (c countingWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.written.Add(int64(n))
	return n, err
}

func status(code int) http.HandlerFunc { return statusWith(code, "") }

func statusWith(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// The same faults before any keys were loaded: no token can be verified.
func TestFaultAtStart(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"500", status(500)},
		{"empty set", statusWith(200, `{"keys":[]}`)},
		{"hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, nil, func(_ *config.Issuer, keys *server) { keys.answers(row.answer) }, func(b *bubble) {
				b.want("a", issuer.ErrKeysUnavailable)
				if b.set.Ready() {
					t.Error("the set is ready without keys")
				}
				b.keys.publish(t, edJWK("a", newEd(t)))
				b.pass(10 * time.Second)
				b.want("a", nil)
				if !b.set.Ready() {
					t.Error("the set is not ready although it has keys")
				}
			})
		})
	}
}
