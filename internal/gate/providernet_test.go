package gate_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/signer"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// internet is a server for all hosts, and a proxy that leads to it. Issuers have their real
// URLs, and the gate fetches their keys as it does in production: over TLS, from the URL
// that the provider's data says.
type internet struct {
	proxy, ca string // for jwks
	bearer    string // requests must have this token; empty: none

	mu    sync.Mutex
	pages map[string][]byte // by URL without the scheme
}

func startInternet(t *testing.T, hosts ...string) *internet {
	t.Helper()
	authority := testutil.NewAuthority(t)
	n := &internet{ca: authority.File(t), pages: map[string][]byte{}}
	secure := httptest.NewUnstartedServer(http.HandlerFunc(n.serve))
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Sign(t, &x509.Certificate{DNSNames: hosts})}}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tunnel(w, r, secure.Listener.Addr().String())
	}))
	t.Cleanup(proxy.Close)
	n.proxy = proxy.URL
	return n
}

func (n *internet) serve(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	body, ok := n.pages[r.Host+r.URL.Path]
	n.mu.Unlock()
	if !ok || n.bearer != "" && r.Header.Get("Authorization") != "Bearer "+n.bearer {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

// tunnel answers CONNECT with a connection to address, whatever host it names.
func tunnel(w http.ResponseWriter, r *http.Request, address string) {
	far, err := net.Dial("tcp", address)
	if err != nil || r.Method != http.MethodConnect {
		http.Error(w, "expected CONNECT", http.StatusBadGateway)
		return
	}
	defer far.Close()
	near, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(far, buffered)
		_ = far.(*net.TCPConn).CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(near, far)
	_ = near.Close()
	<-done
}

// publish serves a body at a URL without the scheme. A body that is not bytes is JSON.
func (n *internet) publish(t *testing.T, url string, body any) {
	t.Helper()
	data, isText := body.([]byte)
	if !isText {
		var err error
		if data, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pages[url] = data
}

func newSigner(t *testing.T, alg string) *signer.Key {
	t.Helper()
	key, err := signer.New(alg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keySet(t *testing.T, keys ...*signer.Key) []byte {
	t.Helper()
	set, err := signer.KeySet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// publicPEM returns the map from kid to PEM that Firebase publishes.
func publicPEM(t *testing.T, key *signer.Key) map[string]string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{key.ID: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
}

// shaped is a token in the form that a provider writes it.
type shaped struct {
	key            *signer.Key
	header, claims map[string]any
}

// with returns the token with changes to its claims; nil removes one.
func (s shaped) with(changes map[string]any) shaped {
	s.claims = maps.Clone(s.claims)
	maps.Copy(s.claims, changes)
	return s
}

// headed returns the token with changes to its header.
func (s shaped) headed(changes map[string]any) shaped {
	s.header = maps.Clone(s.header)
	if s.header == nil {
		s.header = map[string]any{}
	}
	maps.Copy(s.header, changes)
	return s
}

// by returns the token signed by another key.
func (s shaped) by(key *signer.Key) shaped {
	s.key = key
	return s
}

func (s shaped) sign(t *testing.T) string {
	t.Helper()
	now := time.Now().Unix()
	all := map[string]any{"iat": now, "exp": now + 3600}
	maps.Copy(all, s.claims)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	raw, err := s.key.Token(s.header, all)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// outcome is a token, and what the gate must decide about it.
type outcome struct {
	name   string
	token  shaped
	reason gate.Reason
	user   string // x-user-id of an allowed request
	groups string // and x-user-groups
	kind   string // and x-user-kind; empty: user
}

// decideAll compares what the gate decides with what is expected. Header is the field that
// carries the token.
func decideAll(t *testing.T, g *gate.Gate, header string, rows []outcome) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			field := bearer(row.token.sign(t))
			if header != "" {
				field = header + ": " + strings.TrimPrefix(field, "authorization: Bearer ")
			}
			r := get("/orders", field)
			d := g.Decide(t.Context(), r)
			consistent(t, d)
			if d.Reason != row.reason {
				t.Fatalf("got %s (%s; hint: %s), want %s", d.Reason, d.InternalDetail, d.Hint, row.reason)
			}
			if row.reason != "allowed" {
				return
			}
			got := identityOf(forwarded(d, r))
			if row.kind == "" {
				row.kind = "user"
			}
			if got["x-user-id"] != row.user || got["x-user-groups"] != row.groups || got["x-user-kind"] != row.kind {
				t.Errorf("got %v, want user %q, groups %q, kind %q", got, row.user, row.groups, row.kind)
			}
		})
	}
}
