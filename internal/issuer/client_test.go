package issuer_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

func TestRequestToTheIssuer(t *testing.T) {
	keys := newServer(t, edJWK("a", newEd(t)))
	start(t, issuer.Options{}, issuerAt(keys.URL+"/jwks?tenant=1"))
	request := keys.lastRequest()
	if request.Method != http.MethodGet || request.URL.RequestURI() != "/jwks?tenant=1" || request.UserAgent() != "jwtgate" {
		t.Errorf("%s %s by %q", request.Method, request.URL.RequestURI(), request.UserAgent())
	}
	for _, name := range []string{"Cookie", "Authorization", "Referer"} {
		if value, sent := request.Header[name]; sent {
			t.Errorf("%s: %q was sent", name, value)
		}
	}
}

func TestCookiesAreNotKept(t *testing.T) {
	text := document(t, edJWK("a", newEd(t)))
	inBubble(t, nil, func(_ *config.Issuer, keys *server) {
		keys.answers(func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
			fmt.Fprint(w, text)
		})
	}, func(b *bubble) {
		b.want("b", issuer.ErrKeyUnknown)
		if got := b.keys.lastRequest().Header.Get("Cookie"); got != "" {
			t.Errorf("cookie %q was sent back", got)
		}
	})
}

func TestRedirectOnTheSameHostIsFollowed(t *testing.T) {
	keys := newServer(t)
	text := document(t, edJWK("a", newEd(t)))
	keys.answers(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/v2/keys", http.StatusMovedPermanently)
			return
		}
		fmt.Fprint(w, text)
	})
	want(t, only(t, start(t, issuer.Options{}, issuerAt(keys.URL+"/"))), "a", "EdDSA", nil)
}

// Neither the statistics nor the log contain the URI's query after a failed fetch.
func TestErrorsHideTheQuery(t *testing.T) {
	for _, answer := range []http.HandlerFunc{status(500), func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		_ = conn.Close()
	}} {
		inBubble(t, nil, func(cfg *config.Issuer, keys *server) {
			cfg.JWKS.URI += "?code=hush"
			keys.answers(answer)
		}, func(b *bubble) {
			stats := b.issuer.Stats()
			if text := fmt.Sprintf("%+v", stats); strings.Contains(text, "hush") || stats.LastError == "" {
				t.Errorf("the statistics say %s", text)
			}
			if b.logs.count("key fetch failed") != 1 || strings.Contains(b.logs.String(), "hush") {
				t.Errorf("the log says %s", b.logs)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	noDNS := &net.DNSError{Err: "no such host", Name: "issuer.example", IsNotFound: true}
	for _, row := range []struct {
		name string
		dial dialFunc
		text string
	}{
		{"no such host", func(context.Context, string, string) (net.Conn, error) { return nil, noDNS }, "no such host"},
		{"refused", func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:1")
		}, "connection refused"},
	} {
		t.Run(row.name, func(t *testing.T) {
			i := only(t, start(t, issuer.Options{Dial: row.dial}, issuerAt("https://issuer.example/jwks")))
			stats := i.Stats()
			if stats.Fetches[issuer.FetchUnreachable] != 1 || !strings.Contains(stats.LastError, row.text) {
				t.Errorf("fetches %v, last error %q", stats.Fetches, stats.LastError)
			}
			want(t, i, "a", "EdDSA", issuer.ErrKeysUnavailable)
		})
	}
}

// tlsServer serves keys over TLS with a self-signed certificate for example.com.
// dial connects to it.
func tlsServer(t *testing.T, keys ...jwk) (s *server, caFile string, dial dialFunc) {
	t.Helper()
	pair := testutil.SelfSigned(t, &x509.Certificate{DNSNames: []string{"example.com"}, IsCA: true, BasicConstraintsValid: true})
	s = &server{}
	s.publish(t, keys...)
	s.Server = httptest.NewUnstartedServer(s)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	caFile, _ = testutil.CertificateFiles(t, pair)
	return s, caFile, func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
	}
}

func TestTLS(t *testing.T) {
	_, caFile, dial := tlsServer(t, edJWK("a", newEd(t)))
	_, otherCA, _ := tlsServer(t)
	for _, row := range []struct{ name, uri, caFile, text string }{
		{"the configured CA", "https://example.com/jwks", caFile, ""},
		{"the system's CAs", "https://example.com/jwks", "", "unknown authority"},
		{"another name", "https://issuer.test/jwks", caFile, "not issuer.test"},
		{"plain HTTP asked of a TLS port", "http://example.com/jwks", "", "status 400"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := issuerAt(row.uri)
			cfg.JWKS.CAFile = row.caFile
			i := only(t, start(t, issuer.Options{Dial: dial}, cfg))
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
	t.Run("the CA file of a pod, outside of the pod", func(t *testing.T) {
		cfg := issuerAt("https://example.com/jwks")
		cfg.JWKS.CAFile = config.PodSecrets + "absent.crt"
		i := only(t, start(t, issuer.Options{Dial: dial}, cfg))
		want(t, i, "a", "EdDSA", issuer.ErrKeysUnavailable)
		if got := i.Stats().LastError; !strings.Contains(got, "the CA file cannot be read") {
			t.Errorf("last error %q", got)
		}
	})
	t.Run("a CA file that is replaced while running", func(t *testing.T) {
		cfg := issuerAt("https://example.com/jwks")
		cfg.JWKS.CAFile = filepath.Join(t.TempDir(), "ca.pem")
		cfg.JWKS.UnknownKIDCooldown = 10 * time.Millisecond
		replace(t, otherCA, cfg.JWKS.CAFile)
		i := only(t, start(t, issuer.Options{Dial: dial}, cfg))
		want(t, i, "a", "EdDSA", issuer.ErrKeysUnavailable)
		replace(t, caFile, cfg.JWKS.CAFile)
		retry(t, i, "a", nil)
		if err := os.Remove(cfg.JWKS.CAFile); err != nil {
			t.Fatal(err)
		}
		retry(t, i, "b", issuer.ErrKeyUnknown) // without the file, the certificates stay trusted
	})
}

func replace(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRedirectFromHTTPSToHTTPIsRefused(t *testing.T) {
	keys, caFile, dial := tlsServer(t)
	keys.answers(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://example.com/jwks", http.StatusFound)
	})
	cfg := issuerAt("https://example.com/jwks")
	cfg.JWKS.CAFile = caFile
	i := only(t, start(t, issuer.Options{Dial: dial}, cfg))
	if got := i.Stats().LastError; !strings.Contains(got, "it leads from https to") || keys.fetches() != 1 {
		t.Errorf("last error %q after %d requests", got, keys.fetches())
	}
}

// A fetch uses the configured proxy, and that of the environment only if the config
// says so.
func TestProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://env-proxy.example:3128") // net/http reads it once
	for _, row := range []struct{ setting, dialled string }{
		{"none", "issuer.example:80"},
		{"", "issuer.example:80"},
		{"environment", "env-proxy.example:3128"},
		{"http://proxy.example:8888", "proxy.example:8888"},
	} {
		t.Run(row.setting, func(t *testing.T) {
			keys := newServer(t, edJWK("a", newEd(t)))
			dialled := make(chan string, 100)
			dial := func(ctx context.Context, network, address string) (net.Conn, error) {
				dialled <- address
				return (&net.Dialer{}).DialContext(ctx, network, keys.Listener.Addr().String())
			}
			cfg := issuerAt("http://issuer.example/jwks")
			cfg.JWKS.Proxy = row.setting
			want(t, only(t, start(t, issuer.Options{Dial: dial}, cfg)), "a", "EdDSA", nil)
			if got := <-dialled; got != row.dialled {
				t.Errorf("%s was dialled, want %s", got, row.dialled)
			}
		})
	}
}
