package devidp_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jwtgate/jwtgate/internal/devidp"
)

// start starts a server that is closed when the test ends.
func start(t *testing.T, c devidp.Config) *devidp.Server {
	t.Helper()
	s, err := devidp.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// add adds an issuer to the server.
func add(t *testing.T, s *devidp.Server, name string, c devidp.IssuerConfig) *devidp.Issuer {
	t.Helper()
	i, err := s.Add(name, c)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// fetch gets a JSON document over a connection of its own.
func fetch[T any](t *testing.T, url string) (int, T) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); got != "application/json" {
		t.Fatalf("%s: content-type %q, body %q", url, got, data)
	}
	var body T
	if err := json.Unmarshal(data, &body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

func TestStartRefusesAddressesOffLoopback(t *testing.T) {
	for name, address := range map[string]string{
		"every address":     "0.0.0.0:0",
		"every address, v6": "[::]:0",
		"no host":           ":0",
		"another machine":   "192.0.2.1:0",
		"a name":            "localhost:0",
		"no port":           "127.0.0.1",
		"a named port":      "127.0.0.1:http",
		"a Unix socket":     "unix:/run/issuer",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := devidp.Start(devidp.Config{Listen: address})
			if err == nil {
				_ = s.Close()
				t.Fatalf("listens on %s", s.URL())
			}
			if !strings.Contains(err.Error(), "is not a loopback IP address with a port") {
				t.Errorf("error %q does not say why", err)
			}
		})
	}
}

func TestStartSaysThatThePortIsTaken(t *testing.T) {
	first := start(t, devidp.Config{})
	_, err := devidp.Start(devidp.Config{Listen: strings.TrimPrefix(first.URL(), "http://")})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error %v, want one that says that the address is in use", err)
	}
}

func TestDiscovery(t *testing.T) {
	type document struct {
		Issuer  string   `json:"issuer"`
		JWKSURI string   `json:"jwks_uri"`
		Algs    []string `json:"id_token_signing_alg_values_supported"`
	}
	s := start(t, devidp.Config{})
	cognito := "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU"
	for _, row := range []struct {
		name    string
		config  devidp.IssuerConfig
		wantISS string
		wantAlg string
	}{
		{"plain", devidp.IssuerConfig{}, s.URL() + "/plain", "RS256"},
		{"us-west-1_6BpkgoczU", devidp.IssuerConfig{ISS: cognito}, cognito, "RS256"},
		{"curved", devidp.IssuerConfig{Algorithm: "ES384"}, s.URL() + "/curved", "ES384"},
		{"with space", devidp.IssuerConfig{Algorithm: "EdDSA"}, s.URL() + "/with%20space", "EdDSA"},
	} {
		t.Run(row.name, func(t *testing.T) {
			i := add(t, s, row.name, row.config)
			if i.Name() != row.name || i.ISS() != row.wantISS {
				t.Errorf("name %q, iss %q, want %q, %q", i.Name(), i.ISS(), row.name, row.wantISS)
			}
			status, got := fetch[document](t, i.URL()+"/.well-known/openid-configuration")
			if status != http.StatusOK || got.Issuer != row.wantISS || got.JWKSURI != i.JWKSURL() {
				t.Errorf("status %d, document %+v, want issuer %q with keys at %q", status, got, row.wantISS, i.JWKSURL())
			}
			if len(got.Algs) != 1 || got.Algs[0] != row.wantAlg {
				t.Errorf("algorithms %q, want only %q", got.Algs, row.wantAlg)
			}
		})
	}
}

func TestUnknownIssuerListsTheIssuers(t *testing.T) {
	s := start(t, devidp.Config{})
	add(t, s, "partner", devidp.IssuerConfig{Algorithm: "EdDSA"})
	add(t, s, "cruddur", devidp.IssuerConfig{Algorithm: "EdDSA"})
	status, body := fetch[map[string]string](t, s.URL()+"/crudur/.well-known/jwks.json")
	want := `unknown issuer "crudur"; expected one of cruddur, partner`
	if status != http.StatusNotFound || body["error"] != want {
		t.Errorf("status %d, error %q, want 404 with %q", status, body["error"], want)
	}
}

func TestAddRefuses(t *testing.T) {
	s := start(t, devidp.Config{})
	first := add(t, s, "first", devidp.IssuerConfig{Algorithm: "EdDSA"})
	for _, row := range []struct {
		name   string
		issuer string
		config devidp.IssuerConfig
		want   string
	}{
		{"no name", "", devidp.IssuerConfig{}, `invalid issuer name ""`},
		{"a dot segment", "..", devidp.IssuerConfig{}, `invalid issuer name ".."`},
		{"two segments", "a/b", devidp.IssuerConfig{}, `invalid issuer name "a/b"`},
		{"a control character", "a\nb", devidp.IssuerConfig{}, `invalid issuer name "a\nb"`},
		{"a name that exists", "first", devidp.IssuerConfig{Algorithm: "EdDSA"}, `an issuer named "first" already exists`},
		{"no signature", "none", devidp.IssuerConfig{Algorithm: "none"}, `issuer "none": unsupported algorithm "none"`},
		{"a shared secret", "hmac", devidp.IssuerConfig{Algorithm: "HS256"}, `unsupported algorithm "HS256"`},
		{"shared keys of another kind", "twin", devidp.IssuerConfig{KeysOf: first, Algorithm: "ES256"},
			`issuer "twin" shares the keys of "first"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := s.Add(row.issuer, row.config)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q in it", err, row.want)
			}
		})
	}
}

func TestPauseIsAnOutageAndResumeEndsIt(t *testing.T) {
	s := start(t, devidp.Config{})
	i := add(t, s, "cruddur", devidp.IssuerConfig{Algorithm: "EdDSA"})
	kid := i.KeyID()
	for range 2 { // the second does nothing
		if err := s.Pause(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := http.Get(i.JWKSURL()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("during the outage: %v, want a refused connection", err)
	}
	if _, err := i.Mint(nil, 0); err != nil {
		t.Errorf("a token during the outage: %v", err)
	}
	for range 2 {
		if err := s.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	if got := published(t, i); len(got) != 1 || got[0]["kid"] != kid {
		t.Errorf("after the outage the set is %v, want the key %q of before", got, kid)
	}
	if i.Fetches() != 1 {
		t.Errorf("%d fetches counted, want 1", i.Fetches())
	}
}

func TestCloseIsFinal(t *testing.T) {
	s := start(t, devidp.Config{})
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Resume(); !errors.Is(err, devidp.ErrClosed) {
		t.Errorf("resume after close: %v, want %v", err, devidp.ErrClosed)
	}
}

// Requests during Pause must not deadlock with it.
func TestOutagesUnderLoad(t *testing.T) {
	s := start(t, devidp.Config{})
	i := add(t, s, "cruddur", devidp.IssuerConfig{Algorithm: "EdDSA"})
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if response, err := http.Get(i.JWKSURL()); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
			}
		})
	}
	for range 20 {
		if err := errors.Join(s.Pause(), s.Resume()); err != nil {
			t.Error(err)
		}
	}
	close(done)
	clients.Wait()
}
