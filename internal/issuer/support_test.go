package issuer_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// jwk is one JWK of a document.
type jwk map[string]any

// with returns the JWK with members set, or removed where a value is nil.
func (k jwk) with(members ...any) jwk {
	changed := jwk{}
	for name, value := range k {
		changed[name] = value
	}
	for i := 0; i < len(members); i += 2 {
		if members[i+1] == nil {
			delete(changed, members[i].(string))
		} else {
			changed[members[i].(string)] = members[i+1]
		}
	}
	return changed
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func rsaJWK(kid string, public *rsa.PublicKey) jwk {
	return jwk{"kid": kid, "kty": "RSA", "use": "sig", "n": b64(public.N.Bytes()), "e": b64(big.NewInt(int64(public.E)).Bytes())}
}

func ecJWK(t testing.TB, kid string, public *ecdsa.PublicKey) jwk {
	t.Helper()
	point, err := public.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	half := (len(point) - 1) / 2
	return jwk{"kid": kid, "kty": "EC", "crv": public.Params().Name, "x": b64(point[1 : 1+half]), "y": b64(point[1+half:])}
}

func edJWK(kid string, public ed25519.PublicKey) jwk {
	return jwk{"kid": kid, "kty": "OKP", "crv": "Ed25519", "x": b64(public)}
}

// newEd returns an Ed25519 key, the cheapest kind.
func newEd(t testing.TB) ed25519.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func newEC(t testing.TB, curve elliptic.Curve) *ecdsa.PublicKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &private.PublicKey
}

func newRSA(t testing.TB) *rsa.PublicKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &private.PublicKey
}

// modulus returns an RSA key whose modulus is a random odd number of exactly this
// many bits, since no test needs the private key.
func modulus(t testing.TB, bits int) *rsa.PublicKey {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-1)))
	if err != nil {
		t.Fatal(err)
	}
	n.SetBit(n, bits-1, 1).SetBit(n, 0, 1)
	return &rsa.PublicKey{N: n, E: 65537}
}

func document(t testing.TB, keys ...jwk) string {
	t.Helper()
	if keys == nil {
		keys = []jwk{}
	}
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// issuerAt returns an issuer whose key set is at uri, with the defaults of package
// config.
func issuerAt(uri string) config.Issuer {
	return config.Issuer{
		Name: "main", Path: "issuers.main", ISS: []string{"https://issuer.example/"}, Algorithms: config.Algorithms(), AllowHTTP: true,
		JWKS: config.JWKS{
			URI: uri, MaxKeys: 100, RefreshInterval: 15 * time.Minute, UnknownKIDCooldown: 5 * time.Second, MaxStale: 24 * time.Hour,
			RequestTimeout: 5 * time.Second, Proxy: "none",
		},
	}
}

// issuerOf returns an issuer whose key set is a file with this content.
func issuerOf(t testing.TB, content string) config.Issuer {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := issuerAt("")
	cfg.JWKS.File = name
	return cfg
}

// configOf returns a config with these issuers.
func configOf(issuers ...config.Issuer) *config.Config { return &config.Config{Issuers: issuers} }

// newSet returns a set that is closed when the test ends.
func newSet(t testing.TB, o issuer.Options, issuers ...config.Issuer) *issuer.Set {
	t.Helper()
	return newSetIn(t, "", o, issuers...)
}

// newSetIn is newSet with a cache_dir.
func newSetIn(t testing.TB, dir string, o issuer.Options, issuers ...config.Issuer) *issuer.Set {
	t.Helper()
	cfg := configOf(issuers...)
	cfg.CacheDir = dir
	set, err := issuer.NewSet(cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Close)
	return set
}

// start returns a started set, after the first fetch of each issuer.
func start(t testing.TB, o issuer.Options, issuers ...config.Issuer) *issuer.Set {
	t.Helper()
	return startIn(t, "", o, issuers...)
}

// startIn is start with a cache_dir.
func startIn(t testing.TB, dir string, o issuer.Options, issuers ...config.Issuer) *issuer.Set {
	t.Helper()
	set := newSetIn(t, dir, o, issuers...)
	set.Start()
	settle(t, set)
	return set
}

func settle(t testing.TB, set *issuer.Set) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for changed := set.Changed(); !set.Healthy(); changed = set.Changed() {
		select {
		case <-changed:
		case <-deadline:
			t.Fatal("the set was not healthy in time")
		}
	}
}

// only returns the set's only issuer.
func only(t testing.TB, set *issuer.Set) *issuer.Issuer {
	t.Helper()
	all := set.All()
	if len(all) != 1 {
		t.Fatalf("the set has %d issuers", len(all))
	}
	return all[0]
}

// want checks the result of one call of Key: nil for a key, else an error.
func want(t testing.TB, i *issuer.Issuer, kid, alg string, sentinel error) crypto.PublicKey {
	t.Helper()
	key, err := i.Key(t.Context(), kid, alg)
	if !errors.Is(err, sentinel) || (err == nil) != (sentinel == nil) {
		t.Fatalf("Key(%q, %q): got error %v, want %v", kid, alg, err, sentinel)
	}
	if (key != nil) != (sentinel == nil) {
		t.Fatalf("Key(%q, %q): got key %v with error %v", kid, alg, key, err)
	}
	return key
}

// retry calls Key until the key fetch that it waits for has finished, as a client
// does. It is for issuers with real connections, whose fetches may take longer than
// a request waits.
func retry(t testing.TB, i *issuer.Issuer, kid string, sentinel error) {
	t.Helper()
	for {
		_, err := i.Key(t.Context(), kid, "EdDSA")
		if !errors.Is(err, issuer.ErrKeyPending) && !errors.Is(err, issuer.ErrKeysUnavailable) {
			if !errors.Is(err, sentinel) {
				t.Errorf("kid %q: got error %v; expected %v", kid, err, sentinel)
			}
			return
		}
		runtime.Gosched()
	}
}

// logs collects log lines.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// count is how many lines contain all of the parts.
func (l *logs) count(parts ...string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			n++
		}
	}
	return n
}

// fit reports whether a key may verify an alg, independently of the package.
func fit(k crypto.PublicKey, alg string) bool {
	switch k := k.(type) {
	case *rsa.PublicKey:
		return (alg[:2] == "RS" || alg[:2] == "PS") && k.N.BitLen() >= 2048 && k.N.BitLen() <= 8192 && k.E >= 3 && k.E%2 == 1
	case *ecdsa.PublicKey:
		curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}[alg]
		_, err := k.ECDH()
		return curve != nil && k.Curve == curve && err == nil
	case ed25519.PublicKey:
		return (alg == "EdDSA" || alg == "Ed25519") && len(k) == ed25519.PublicKeySize
	}
	return false
}
