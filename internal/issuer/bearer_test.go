package issuer_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

const secret = "mounted-token.of-the.gate"

// tokenFile writes a token as Kubernetes mounts it.
func tokenFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// guarded answers with keys to the bearer of a token only.
func guarded(t *testing.T, token string, keys ...jwk) http.HandlerFunc {
	text := document(t, keys...)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, text)
	}
}

// A fetch carries the token that the file has now. With a file that cannot be used, the
// fetch fails and the keys stay. Nothing shows the token.
func TestBearerFile(t *testing.T) {
	name := tokenFile(t, secret+"\n")
	inBubble(t, nil, func(cfg *config.Issuer, keys *server) {
		refreshing(cfg, keys)
		cfg.JWKS.URI, cfg.JWKS.BearerFile = "http://127.0.0.1/jwks.json", name
		keys.answers(guarded(t, secret, edJWK("a", newEd(t))))
	}, func(b *bubble) {
		b.want("a", nil)
		b.keys.answers(guarded(t, "rotated", edJWK("a", newEd(t)), edJWK("b", newEd(t))))
		b.pass(2 * time.Minute)
		if got := b.issuer.Stats().LastError; !strings.Contains(got, "status 403") {
			t.Errorf("got last error %q", got)
		}
		if err := os.WriteFile(name, []byte("rotated"), 0o600); err != nil {
			t.Fatal(err)
		}
		b.pass(2 * time.Minute)
		b.want("b", nil)
		for content, text := range map[string]string{
			"": "does not contain one token", secret + "\nX-Header: " + secret: "does not contain one token",
			secret + "é": "does not contain one token", strings.Repeat("x", 1<<17): "does not contain one token",
		} {
			if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			fetches := b.keys.fetches()
			b.pass(2 * time.Minute)
			b.fetches(fetches, fetches)
			if got := b.issuer.Stats().LastError; !strings.Contains(got, text) {
				t.Errorf("got last error %q; expected %q", got, text)
			}
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		b.pass(2 * time.Minute)
		b.want("b", nil)
		stats := b.issuer.Stats()
		if !strings.Contains(stats.LastError, "bearer_file cannot be read") || stats.Fetches[issuer.FetchUnreachable] == 0 {
			t.Errorf("got last error %q, fetches %v", stats.LastError, stats.Fetches)
		}
		if shown := fmt.Sprint(b.logs, stats); strings.Contains(shown, secret) || strings.Contains(shown, "rotated") {
			t.Errorf("the token is shown:\n%s", shown)
		}
	})
}

// Where Kubernetes mounts the token, a missing file means that the pod has none, or that
// this is no pod: the error says what to do.
func TestBearerFileOfAPod(t *testing.T) {
	for file, hint := range map[string]bool{config.PodSecrets + "absent": true, filepath.Join(t.TempDir(), "absent"): false} {
		inBubble(t, []jwk{edJWK("a", newEd(t))}, func(cfg *config.Issuer, _ *server) {
			cfg.JWKS.URI, cfg.JWKS.BearerFile = "http://127.0.0.1/jwks.json", file
		}, func(b *bubble) {
			b.want("a", issuer.ErrKeysUnavailable)
			got := b.issuer.Stats().LastError
			if !strings.Contains(got, "bearer_file cannot be read: ") || strings.Contains(got, "hint: in a pod, mount") != hint {
				t.Errorf("got last error %q", got)
			}
		})
	}
}

// The token is not sent over plain http to another host, or to a proxy, whatever the
// config says.
func TestBearerNeedsHTTPS(t *testing.T) {
	for name, change := range map[string]func(*config.JWKS){
		"another host":  func(c *config.JWKS) { c.URI = "http://keys.example/jwks.json" },
		"another port":  func(c *config.JWKS) { c.URI = "http://10.0.0.1:8080/jwks.json" },
		"a proxy":       func(c *config.JWKS) { c.URI, c.Proxy = "http://127.0.0.1/jwks.json", "http://proxy.example:3128" },
		"a host's name": func(c *config.JWKS) { c.URI = "http://localhost.example/jwks.json" },
	} {
		t.Run(name, func(t *testing.T) {
			file := tokenFile(t, secret)
			inBubble(t, []jwk{edJWK("a", newEd(t))}, func(cfg *config.Issuer, _ *server) {
				cfg.JWKS.BearerFile = file
				change(&cfg.JWKS)
			}, func(b *bubble) {
				b.want("a", issuer.ErrKeysUnavailable)
				b.fetches(0, 0)
				if got := b.issuer.Stats().LastError; !strings.Contains(got, "only over https") {
					t.Errorf("got last error %q", got)
				}
			})
		})
	}
}

// The token goes to the host of the configured URL only: not to a jwks_uri elsewhere, and
// not to the target of a redirect to another host.
func TestBearerStaysAtItsHost(t *testing.T) {
	file := tokenFile(t, secret)
	elsewhere := newServer(t, edJWK("a", newEd(t)))
	home := newServer(t)
	cfg := issuerAt("")
	cfg.ISS, cfg.JWKS.BearerFile = []string{home.URL}, file
	home.answers(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, home.URL, elsewhere.URL+"/jwks")
	})
	want(t, only(t, start(t, issuer.Options{}, cfg)), "a", "EdDSA", nil)
	if got := home.lastRequest().Header.Get("Authorization"); got != "Bearer "+secret {
		t.Errorf("got Authorization %q at the issuer", got)
	}
	if sent, ok := elsewhere.lastRequest().Header["Authorization"]; ok {
		t.Errorf("got Authorization %q at another host", sent)
	}

	redirected := newServer(t, edJWK("a", newEd(t)))
	home.answers(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, redirected.URL, http.StatusTemporaryRedirect)
	})
	cfg = issuerAt(home.URL)
	cfg.JWKS.BearerFile = file
	want(t, only(t, start(t, issuer.Options{}, cfg)), "a", "EdDSA", issuer.ErrKeysUnavailable)
	if redirected.fetches() != 0 {
		t.Error("the redirect was followed")
	}
}
