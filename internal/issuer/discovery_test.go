package issuer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// discovered returns an issuer that uses discovery on this server.
func discovered(s *server, path string) config.Issuer {
	cfg := issuerAt("")
	cfg.ISS = []string{s.URL + path}
	return cfg
}

// serves makes the server answer by path, with 404 for a path that is missing.
func (s *server) serves(paths map[string]string) {
	s.answers(func(w http.ResponseWriter, r *http.Request) {
		text, ok := paths[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, text)
	})
}

func metadata(t *testing.T, members ...any) string {
	t.Helper()
	text, err := json.Marshal(jwk{}.with(members...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const wellKnown = "/.well-known/openid-configuration"

func TestDiscovery(t *testing.T) {
	a := edJWK("a", newEd(t))
	keySet := document(t, a)
	elsewhere := newServer(t, a)
	for _, row := range []struct {
		name, path string // path is the issuer's
		serves     func(url string) map[string]string
		text       string // of the error; empty: the key is found
	}{
		{"an issuer without a path", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url, "jwks_uri", url+"/k"), "/k": keySet}
		}, ""},
		{"a final slash is part of the issuer and not of the document's path", "/", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url+"/", "jwks_uri", url+"/k"), "/k": keySet}
		}, ""},
		{"a path", "/realms/main", func(url string) map[string]string {
			return map[string]string{"/realms/main" + wellKnown: metadata(t, "issuer", url+"/realms/main", "jwks_uri", url+"/k"), "/k": keySet}
		}, ""},
		{"keys on another host", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url, "jwks_uri", elsewhere.URL)}
		}, ""},
		{"a slash too many in the document", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url+"/", "jwks_uri", url+"/k"), "/k": keySet}
		}, "the discovery document's issuer is"},
		{"a slash too few in the document", "/", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url, "jwks_uri", url+"/k"), "/k": keySet}
		}, "the discovery document's issuer is"},
		{"another issuer's document", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", "https://evil.example", "jwks_uri", url+"/k"), "/k": keySet}
		}, `issuer is "https://evil.example"; expected "`},
		{"Entra's document for all tenants", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url+"/{tenantid}/v2.0", "jwks_uri", url+"/k"), "/k": keySet}
		}, "set issuer to the URL with the ID of your tenant"},
		{"the issuer in capitals", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", strings.ToUpper(url), "jwks_uri", url+"/k"), "/k": keySet}
		}, "the discovery document's issuer is"},
		{"no issuer", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "jwks_uri", url+"/k"), "/k": keySet}
		}, `issuer is ""`},
		{"an issuer's name in capitals", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "Issuer", url, "jwks_uri", url+"/k"), "/k": keySet}
		}, `issuer is ""`},
		{"no jwks_uri", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url)}
		}, "no jwks_uri"},
		{"jwks_uri no URL", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url, "jwks_uri", "file:///etc/passwd")}
		}, "is not an absolute https URL"},
		{"jwks_uri without a scheme", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url, "jwks_uri", "/k"), "/k": keySet}
		}, "is not an absolute https URL"},
		{"jwks_uri with credentials", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url, "jwks_uri", strings.Replace(url, "//", "//u:p@", 1)+"/k"), "/k": keySet}
		}, "contains credentials"},
		{"the key set itself", "", func(string) map[string]string {
			return map[string]string{wellKnown: keySet}
		}, `issuer is ""`},
		{"HTML", "", func(string) map[string]string { return map[string]string{wellKnown: "<html>"} }, "not an object at byte 0"},
		{"null", "", func(string) map[string]string { return map[string]string{wellKnown: "null"} }, "not a valid JSON object"},
		{"issuer twice", "", func(url string) map[string]string {
			twice := strings.Replace(metadata(t, "issuer", url, "jwks_uri", url+"/k"), "{", `{"issuer":"https://evil.example",`, 1)
			return map[string]string{wellKnown: twice, "/k": keySet}
		}, "not a valid JSON object: duplicate name at byte"},
		{"jwks_uri twice, once escaped", "", func(url string) map[string]string {
			twice := strings.Replace(metadata(t, "issuer", url, "jwks_uri", url+"/k"), "{", `{"jwks\u005furi":"https://evil.example/k",`, 1)
			return map[string]string{wellKnown: twice, "/k": keySet}
		}, "not a valid JSON object: duplicate name at byte"},
		{"more than 1 MiB", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url, "jwks_uri", url+"/k", "pad", strings.Repeat("x", 1<<20)), "/k": keySet}
		}, "more than 1048576 bytes"},
		{"no document", "", func(string) map[string]string { return nil }, "status 404"},
		{"no key set", "", func(url string) map[string]string {
			return map[string]string{wellKnown: metadata(t, "issuer", url, "jwks_uri", url+"/k")}
		}, "/k answered with status 404"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t)
			s.serves(row.serves(s.URL))
			i := only(t, start(t, issuer.Options{}, discovered(s, row.path)))
			if row.text == "" {
				want(t, i, "a", "EdDSA", nil)
				return
			}
			want(t, i, "a", "EdDSA", issuer.ErrKeysUnavailable)
			last := i.Stats().LastError
			if !strings.Contains(last, row.text) {
				t.Errorf("last error %q, want %q", last, row.text)
			}
			// Discover does not fetch the key set.
			if _, err := issuer.Discover(t.Context(), discovered(s, row.path)); row.name != "no key set" && (err == nil || err.Error() != last) {
				t.Errorf("Discover: %v, want what the set says: %s", err, last)
			}
		})
	}
}

// TestDiscover: the endpoints are those of a document in which a set finds a jwks_uri, and each is a
// text.
func TestDiscover(t *testing.T) {
	type result interface {
		error
		Result() string
	}
	all := issuer.Endpoints{Authorization: "https://login.example/auth?a=b", Token: "x", EndSession: "https://login.example/out"}
	for _, row := range []struct {
		name    string
		members []any
		want    issuer.Endpoints
		text    string // of the error; empty: none
	}{
		{"all", []any{"authorization_endpoint", all.Authorization, "token_endpoint", all.Token, "end_session_endpoint", all.EndSession}, all, ""},
		{"none", nil, issuer.Endpoints{}, ""},
		{"a number", []any{"token_endpoint", 1}, issuer.Endpoints{}, "the discovery document's token_endpoint is not a string"},
		{"a list", []any{"end_session_endpoint", []string{"https://login.example/out"}}, issuer.Endpoints{},
			"the discovery document's end_session_endpoint is not a string"},
		{"a name in capitals", []any{"Token_Endpoint", "https://evil.example"}, issuer.Endpoints{}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t)
			s.serves(map[string]string{wellKnown: metadata(t, append(row.members, "issuer", s.URL, "jwks_uri", s.URL+"/k")...)})
			got, err := issuer.Discover(t.Context(), discovered(s, ""))
			if row.text == "" && err != nil || row.text != "" && (err == nil || err.Error() != row.text) || got != row.want {
				t.Errorf("%+v, %v", got, err)
			}
			if failed, ok := errors.AsType[result](err); err != nil && (!ok || failed.Result() != issuer.FetchInvalid) {
				t.Errorf("the error has no result: %v", err)
			}
		})
	}
	s := newServer(t)
	s.answers(statusWith(http.StatusNotFound, ""))
	_, err := issuer.Discover(t.Context(), discovered(s, ""))
	if failed, ok := errors.AsType[result](err); !ok || failed.Result() != issuer.FetchStatus {
		t.Errorf("without a document: %v", err)
	}
}

func TestDiscoveryMayNotLeadToPlainHTTP(t *testing.T) {
	s, caFile, dial := tlsServer(t)
	s.serves(map[string]string{wellKnown: metadata(t, "issuer", "https://example.com", "jwks_uri", "http://example.com/k")})
	cfg := issuerAt("")
	cfg.ISS, cfg.AllowHTTP, cfg.JWKS.CAFile = []string{"https://example.com"}, false, caFile
	i := only(t, start(t, issuer.Options{Dial: dial}, cfg))
	if got := i.Stats().LastError; !strings.Contains(got, `jwks_uri: "http://example.com/k" is plain http`) || s.fetches() != 1 {
		t.Errorf("last error %q after %d requests", got, s.fetches())
	}
	cfg.ISS[0] = "http://example.com"
	if _, err := issuer.Discover(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), `"http://example.com/.well-known`) {
		t.Errorf("a document over plain http: %v", err)
	}
}

// A document may have any of the issuer's configured iss values.
func TestDiscoveryAcceptsEachFormOfTheIssuer(t *testing.T) {
	s := newServer(t)
	cfg := discovered(s, "/us-west-1_pool")
	cfg.ISS = append(cfg.ISS, "https://issuer-cognito-idp.us-west-1.amazonaws.com/us-west-1_pool")
	s.serves(map[string]string{
		"/us-west-1_pool" + wellKnown: metadata(t, "issuer", cfg.ISS[1], "jwks_uri", s.URL+"/k"),
		"/k":                          document(t, edJWK("a", newEd(t))),
	})
	set := start(t, issuer.Options{}, cfg)
	want(t, only(t, set), "a", "EdDSA", nil)
}

// base is the issuer of inDiscovery.
const base = "http://keys.example"

// inDiscovery runs a test in a bubble, with an issuer whose discovery document
// names the key set /old with the key a.
func inDiscovery(t *testing.T, test func(b *bubble)) {
	t.Helper()
	inBubble(t, nil, func(cfg *config.Issuer, keys *server) {
		cfg.ISS, cfg.JWKS.URI = []string{base}, ""
		keys.serves(map[string]string{
			wellKnown: metadata(t, "issuer", base, "jwks_uri", base+"/old"), "/old": document(t, edJWK("a", newEd(t))),
		})
	}, test)
}

func TestKeySetThatMoves(t *testing.T) {
	inDiscovery(t, func(b *bubble) {
		b.keys.serves(map[string]string{
			wellKnown: metadata(t, "issuer", base, "jwks_uri", base+"/new"), "/old": document(t, edJWK("a", newEd(t))),
			"/new": document(t, edJWK("b", newEd(t))),
		})
		b.want("b", nil)
	})
}

// While the document is unavailable, the last known key set URI stays in use, and
// the log says so.
func TestDiscoveryOutage(t *testing.T) {
	inDiscovery(t, func(b *bubble) {
		b.keys.serves(map[string]string{"/old": document(t, edJWK("b", newEd(t)))})
		b.want("b", nil)
		if got := b.issuer.Stats().LastError; !strings.Contains(got, wellKnown+" answered with status 404") {
			t.Errorf("last error %q", got)
		}
		if b.logs.count("WARN", "using its last jwks_uri") != 1 {
			t.Errorf("the log says\n%s", b.logs)
		}
		b.keys.serves(map[string]string{
			wellKnown: metadata(t, "issuer", base, "jwks_uri", base+"/old"), "/old": document(t, edJWK("c", newEd(t))),
		})
		b.want("c", nil)
		if b.logs.count("discovery document fetching recovered") != 1 {
			t.Errorf("the log says\n%s", b.logs)
		}
	})
}

// An invalid document is not an outage: no key set is fetched, neither from its URI
// nor from the last known one.
func TestDiscoveryThatTurnsHostile(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"it names another issuer", statusWith(200, metadata(t, "issuer", "https://evil.example", "jwks_uri", base+"/new"))},
		{"it redirects to another host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://evil.example"+wellKnown, http.StatusFound)
		}},
		{"it is too long", statusWith(200, metadata(t, "issuer", base, "jwks_uri", base+"/new", "pad", strings.Repeat("x", 1<<20)))},
	} {
		t.Run(row.name, func(t *testing.T) {
			inDiscovery(t, func(b *bubble) {
				keySet := document(t, edJWK("b", newEd(t)))
				b.keys.answers(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == wellKnown {
						row.answer(w, r)
						return
					}
					fmt.Fprint(w, keySet)
				})
				for range 60 {
					b.want("b", issuer.ErrKeyPending)
					b.pass(time.Second)
				}
				if n := b.issuer.Stats().Fetches[issuer.FetchInvalid]; n < 2 {
					t.Errorf("got %d invalid fetches; expected several", n)
				}
				b.want("a", nil)
			})
		})
	}
}

// The ETag of one key set must not validate another.
func TestETagBelongsToItsURI(t *testing.T) {
	tagged := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"same"`)
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			fmt.Fprint(w, text)
		}
	}
	inDiscovery(t, func(b *bubble) {
		for _, kid := range []string{"b", "c"} {
			handler := tagged(document(t, edJWK(kid, newEd(t))))
			b.keys.answers(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == wellKnown {
					fmt.Fprint(w, metadata(t, "issuer", base, "jwks_uri", base+"/"+kid))
					return
				}
				handler(w, r)
			})
			b.want(kid, nil)
		}
	})
}
