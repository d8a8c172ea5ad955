package issuer_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/issuer"
)

// Each row is a fault of the key server, real HTTP on loopback. While it
// lasts the held key verifies, a rotated one is pending, and both again
// verify when it is over.
func TestFaultAndRecovery(t *testing.T) {
	stolen := document(t, edJWK("stolen", newEd(t)))
	other := newServer(t, edJWK("stolen", newEd(t)))
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 1<<24))
	_ = z.Close()
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
		result string // of the fetches meanwhile
		text   string // what an operator reads
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
		{"a gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		}, issuer.FetchInvalid, `Content-Encoding "gzip"`},
		{"slow drip", func(w http.ResponseWriter, r *http.Request) {
			for tick := time.NewTicker(5 * time.Millisecond); ; {
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
			http.Redirect(w, r, other.URL, http.StatusFound)
		}, issuer.FetchInvalid, "it leads to another host"},
		{"permanent redirect to another host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusPermanentRedirect)
		}, issuer.FetchInvalid, "it leads to another host"},
		{"redirect in a circle", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again", http.StatusFound)
		}, issuer.FetchInvalid, "more than 3 in a row"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			faultAndRecovery(t, row.answer, row.result, row.text)
			if n := other.fetches(); n != 0 {
				t.Errorf("the other host was asked %d times", n)
			}
		})
	}
}

func faultAndRecovery(t *testing.T, answer http.HandlerFunc, result, text string) {
	t.Helper()
	held, rotated := newEd(t), newEd(t)
	keys := newServer(t, edJWK("a", held))
	cfg := issuerAt(keys.URL)
	cfg.JWKS.UnknownKIDCooldown = 20 * time.Millisecond
	cfg.JWKS.RefreshInterval = 50 * time.Millisecond
	cfg.JWKS.RequestTimeout = 500 * time.Millisecond
	i := only(t, start(t, issuer.Options{}, cfg))
	comes(t, i, "a") // on a busy machine the first fetch may have timed out
	stop := proper(t, i, held)
	defer stop()
	keys.answers(answer)
	eventually(t, 10*time.Second, "the fault shows in the statistics", func() bool {
		if _, err := i.Key(t.Context(), "b", "EdDSA"); err == nil {
			t.Fatal("a key came out of the fault")
		}
		if _, err := i.Key(t.Context(), "stolen", "EdDSA"); err == nil {
			t.Fatal("a stolen key came out of the fault")
		}
		stats := i.Stats()
		return stats.Fetches[result] > 0 && strings.Contains(stats.LastError, text)
	})
	keys.publish(t, edJWK("a", held), edJWK("b", rotated))
	eventually(t, 10*time.Second, "the rotated key verifies after the fault", func() bool {
		key, err := i.Key(t.Context(), "b", "EdDSA")
		return err == nil && rotated.Equal(key)
	})
	if stats := i.Stats(); stats.Failures != 0 || stats.LastError == "" {
		t.Errorf("after the recovery: %d failures in a row, last error %q", stats.Failures, stats.LastError)
	}
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
	keys := newServer(t, edJWK("a", newEd(t)))
	cfg := issuerAt(keys.URL)
	cfg.JWKS.UnknownKIDCooldown = time.Millisecond
	i := only(t, start(t, issuer.Options{}, cfg))
	before := heap()
	keys.answers(endless)
	eventually(t, 10*time.Second, "three fetches failed", func() bool {
		_, _ = i.Key(t.Context(), "b", "EdDSA")
		return i.Stats().Fetches[issuer.FetchInvalid] >= 3
	})
	if grown := int64(heap()) - int64(before); grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

func status(code int) http.HandlerFunc { return statusWith(code, "") }

func statusWith(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// The same faults before there were any keys: nobody can be judged.
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
			t.Parallel()
			keys := newServer(t)
			keys.answers(row.answer)
			cfg := issuerAt(keys.URL)
			cfg.JWKS.RequestTimeout = 200 * time.Millisecond
			cfg.JWKS.UnknownKIDCooldown = 20 * time.Millisecond
			set := start(t, issuer.Options{}, cfg)
			want(t, only(t, set), "a", "EdDSA", issuer.ErrKeysUnavailable)
			if set.Ready() {
				t.Error("the set is ready without keys")
			}
			keys.publish(t, edJWK("a", newEd(t)))
			eventually(t, 10*time.Second, "keys after the fault", func() bool {
				_, err := only(t, set).Key(t.Context(), "a", "EdDSA")
				return err == nil && set.Ready()
			})
		})
	}
}
