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

// discovered is an issuer whose keys are found by discovery on this server.
func discovered(s *server, path string) config.Issuer {
	cfg := issuerAt("")
	cfg.ISS = []string{s.URL + path}
	return cfg
}

// serves makes the server answer by path; a path that is missing is 404.
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
			if got := i.Stats().LastError; !strings.Contains(got, row.text) {
				t.Errorf("last error %q, want %q", got, row.text)
			}
		})
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
}

// A document may be signed by any of the forms that the issuer is known by.
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

// impatient is an issuer by discovery that may be asked for unknown kids all
// the time.
func impatient(t *testing.T) (*server, *issuer.Issuer, *logs) {
	t.Helper()
	s, lines := newServer(t), &logs{}
	s.serves(map[string]string{wellKnown: metadata(t, "issuer", s.URL, "jwks_uri", s.URL+"/old"), "/old": document(t, edJWK("a", newEd(t)))})
	cfg := discovered(s, "")
	cfg.JWKS.UnknownKIDCooldown = time.Millisecond
	return s, only(t, start(t, issuer.Options{Logger: lines.logger()}, cfg)), lines
}

func TestKeySetThatMoves(t *testing.T) {
	s, i, _ := impatient(t)
	s.serves(map[string]string{
		wellKnown: metadata(t, "issuer", s.URL, "jwks_uri", s.URL+"/new"), "/old": document(t, edJWK("a", newEd(t))),
		"/new": document(t, edJWK("b", newEd(t))),
	})
	comes(t, i, "b")
}

// While the document cannot be had, the key set that it named last serves on,
// and the operator reads of it.
func TestDiscoveryOutage(t *testing.T) {
	s, i, lines := impatient(t)
	s.serves(map[string]string{"/old": document(t, edJWK("b", newEd(t)))})
	comes(t, i, "b")
	if got := i.Stats().LastError; !strings.Contains(got, wellKnown+" answered with status 404") {
		t.Errorf("last error %q", got)
	}
	eventually(t, 5*time.Second, "the outage is in the log", func() bool { return lines.count("WARN", "using its last jwks_uri") == 1 })
	s.serves(map[string]string{wellKnown: metadata(t, "issuer", s.URL, "jwks_uri", s.URL+"/old"), "/old": document(t, edJWK("c", newEd(t)))})
	comes(t, i, "c")
	eventually(t, 5*time.Second, "its end is in the log", func() bool { return lines.count("discovery document fetching recovered") == 1 })
}

// A document that is there but wrong is no outage: nothing is fetched by it,
// nor by the one before.
func TestDiscoveryThatTurnsHostile(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer func(url string) http.HandlerFunc
	}{
		{"it names another issuer", func(url string) http.HandlerFunc {
			return statusWith(200, metadata(t, "issuer", "https://evil.example", "jwks_uri", url+"/new"))
		}},
		{"it leads to another host", func(string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://127.0.0.1:1"+wellKnown, http.StatusFound)
			}
		}},
		{"it is too long", func(url string) http.HandlerFunc {
			return statusWith(200, metadata(t, "issuer", url, "jwks_uri", url+"/new", "pad", strings.Repeat("x", 1<<20)))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, i, _ := impatient(t)
			answer, keySet := row.answer(s.URL), document(t, edJWK("b", newEd(t)))
			s.answers(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == wellKnown {
					answer(w, r)
					return
				}
				fmt.Fprint(w, keySet)
			})
			eventually(t, 5*time.Second, "the document is refused", func() bool {
				if _, err := i.Key(t.Context(), "b", "EdDSA"); !errors.Is(err, issuer.ErrKeyPending) {
					t.Fatalf("got %v", err)
				}
				return i.Stats().Fetches[issuer.FetchInvalid] > 1
			})
			want(t, i, "a", "EdDSA", nil)
		})
	}
}

// The ETag of one key set must not vouch for another.
func TestETagBelongsToItsURI(t *testing.T) {
	s, i, _ := impatient(t)
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
	route := func(uri string, handler http.HandlerFunc) {
		s.answers(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == wellKnown {
				fmt.Fprint(w, metadata(t, "issuer", s.URL, "jwks_uri", s.URL+uri))
				return
			}
			handler(w, r)
		})
	}
	route("/one", tagged(document(t, edJWK("b", newEd(t)))))
	comes(t, i, "b")
	route("/two", tagged(document(t, edJWK("c", newEd(t)))))
	comes(t, i, "c")
}
