package issuer_test

import (
	"encoding/json"
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

// withFallbacks returns an issuer whose key set is at the first server, and at the others
// while the first one cannot be fetched.
func withFallbacks(first *server, others ...*server) config.Issuer {
	cfg := issuerAt(first.URL + "/keys")
	for _, other := range others {
		cfg.JWKS.Fallbacks = append(cfg.JWKS.Fallbacks, other.URL+"/keys")
	}
	cfg.JWKS.UnknownKIDCooldown = 10 * time.Millisecond
	return cfg
}

// While the key set cannot be fetched, the keys come from the first fallback that answers.
// Then they come from the key set again.
func TestFallback(t *testing.T) {
	a, b := edJWK("a", newEd(t)), edJWK("b", newEd(t))
	first, second, third := newServer(t, a, b), newServer(t), newServer(t, a)
	first.status(http.StatusServiceUnavailable)
	second.status(http.StatusForbidden) // of a pool that does not use the UPDATED form
	log := &logs{}
	set := start(t, issuer.Options{Logger: log.logger()}, withFallbacks(first, second, third))
	i := only(t, set)
	want(t, i, "a", "EdDSA", nil)
	stats := i.Stats()
	if !strings.Contains(stats.LastError, "/keys answered with status 503; the keys are from the fallback "+third.URL+"/keys") ||
		stats.Fetches[issuer.FetchOK] != 1 || stats.Failures != 0 || stats.Source != first.URL+"/keys" {
		t.Errorf("got %+v", stats)
	}
	first.publish(t, a, b)
	retry(t, i, "b", nil)
	set.Close() // writes the last lines of the log
	if log.count(`"msg":"key fetch failed; using a fallback"`) != 1 || log.count(`"msg":"key fetching without a fallback recovered"`) != 1 {
		t.Errorf("the log: %s", log)
	}
	if asked := third.fetches(); asked != 1 {
		t.Errorf("the fallback was asked %d times; expected 1", asked)
	}
}

// A fallback is asked only because a fetch failed, and its failure does not hide the first one.
func TestFallbackIsNotAsked(t *testing.T) {
	keys := edJWK("a", newEd(t))
	text := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	}
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
		asked  int
		result string
		text   string
	}{
		{"keys", nil, 0, issuer.FetchOK, ""},
		{"no key set", text("<html>"), 0, issuer.FetchInvalid, "not a valid JSON object"},
		{"no key", text(`{"keys": []}`), 0, issuer.FetchInvalid, "the key set is empty"},
		{"another host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://other.example/keys", http.StatusFound)
		}, 0, issuer.FetchInvalid, "redirect"},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, 1, issuer.FetchStatus,
			"/keys answered with status 418; fallback http://127.0.0.1:"},
	} {
		t.Run(row.name, func(t *testing.T) {
			first, other := newServer(t, keys), newServer(t)
			if row.answer != nil {
				first.answers(row.answer)
			}
			other.status(http.StatusForbidden)
			i := only(t, start(t, issuer.Options{}, withFallbacks(first, other)))
			stats := i.Stats()
			if other.fetches() != row.asked || stats.Fetches[row.result] != 1 || !strings.Contains(stats.LastError, row.text) {
				t.Errorf("the fallback was asked %d times, fetches %v, last error %q", other.fetches(), stats.Fetches, stats.LastError)
			}
		})
	}
}

// A fallback replaces a server that does not answer, and does not get its bearer token.
func TestFallbackOfAServerThatHangs(t *testing.T) {
	first, other := newServer(t), newServer(t, edJWK("a", newEd(t)))
	release := make(chan struct{})
	t.Cleanup(func() { close(release) }) // before the server is closed
	first.answers(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	cfg := withFallbacks(first, other)
	cfg.JWKS.RequestTimeout = time.Second
	cfg.JWKS.BearerFile = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(cfg.JWKS.BearerFile, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	i := only(t, start(t, issuer.Options{}, cfg))
	want(t, i, "a", "EdDSA", nil)
	if got := other.lastRequest().Header; got.Get("Authorization") != "" {
		t.Errorf("the fallback got %v", got)
	}
	if got := i.Stats().LastError; !strings.HasPrefix(got, "no complete response within 1s; the keys are from the fallback") {
		t.Errorf("last error %q", got)
	}
}

// A fallback does not get the ETag of the server that it replaces: its 304 would confirm keys
// that it never had.
func TestFallbackGetsNoETagOfAnother(t *testing.T) {
	first, other := newServer(t), newServer(t, edJWK("b", newEd(t)))
	text := document(t, edJWK("a", newEd(t)))
	first.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		fmt.Fprint(w, text)
	})
	i := only(t, start(t, issuer.Options{}, withFallbacks(first, other)))
	want(t, i, "a", "EdDSA", nil)
	first.status(http.StatusServiceUnavailable)
	retry(t, i, "b", nil)
	if got := first.lastRequest().Header.Get("If-None-Match"); got != `"v1"` {
		t.Errorf("the first server got If-None-Match %s", got)
	}
	if got := other.lastRequest().Header.Get("If-None-Match"); got != "" {
		t.Errorf("the fallback got If-None-Match %s", got)
	}
}

// Plain http to a fallback is a mistake, as to the key set.
func TestFallbackNeedsHTTPS(t *testing.T) {
	cfg := issuerAt("https://a.example/keys")
	cfg.AllowHTTP, cfg.JWKS.Fallbacks = false, []string{"https://b.example/keys", "http://c.example/keys?secret"}
	_, err := issuer.NewSet(configOf(cfg), issuer.Options{})
	if err == nil || !strings.Contains(err.Error(), "fallback http://c.example/keys:") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

// The keys of a pool with a replica come from the pool's own URL in another region while the
// pool's region does not answer. No fallback is the URL of another pool.
func TestCognitoReplica(t *testing.T) {
	const home, updated, replica = "https://cognito-idp.us-west-1.amazonaws.com/", "https://issuer-cognito-idp.us-west-1.amazonaws.com/",
		"https://cognito-idp.us-east-1.amazonaws.com/"
	const keys = "us-west-1_6BpkgoczU/.well-known/jwks.json"
	content, err := json.Marshal(map[string]any{"keys": []jwk{edJWK("a", newEd(t))}})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, url, from string }{
		{"the pool's region", home + keys, ""},
		{"the UPDATED form", updated + keys, updated + keys},
		{"the replica's region", replica + keys, replica + keys},
		{"another pool in the replica's region", replica + "us-west-1_other/.well-known/jwks.json", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			// The other URLs answer with 404.
			caFile, dial := publicServer(t, map[string]string{
				row.url: string(content), home + "x": "", updated + "x": "", replica + "x": "",
			})
			cfg, err := config.Parse("replica.yaml", []byte(fmt.Sprintf(`issuers:
  pool: {cognito: us-west-1_6BpkgoczU, clients: [web], replica_regions: [us-east-1], algorithms: [EdDSA], jwks: {ca_file: %q}}
`, caFile)), nil)
			if err != nil {
				t.Fatal(err)
			}
			i := only(t, start(t, issuer.Options{Dial: dial}, cfg.Issuers...))
			if strings.Contains(row.url, "other") {
				want(t, i, "a", "EdDSA", issuer.ErrKeysUnavailable)
				return
			}
			want(t, i, "a", "EdDSA", nil)
			if got := i.Stats().LastError; (got == "") != (row.from == "") || !strings.HasSuffix(got, row.from) {
				t.Errorf("last error %q; expected the keys from %q", got, row.from)
			}
		})
	}
}
