package issuer_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// Two issuers with the same kid never share keys.
func TestIssuersShareNoKeys(t *testing.T) {
	one, two := newEd(t), newEd(t)
	a, b := issuerOf(t, document(t, edJWK("k", one))), issuerOf(t, document(t, edJWK("k", two), edJWK("only-two", two)))
	b.Name, b.Path, b.ISS = "two", "issuers.two", []string{"https://two.example/"}
	set := newSet(t, issuer.Options{}, a, b)
	first, second := set.All()[0], set.All()[1]
	if !one.Equal(want(t, first, "k", "EdDSA", nil)) || !two.Equal(want(t, second, "k", "EdDSA", nil)) {
		t.Error("a key came from the other issuer")
	}
	want(t, first, "only-two", "EdDSA", issuer.ErrKeyPending)
	if first.Name() != "main" || second.Name() != "two" {
		t.Errorf("got issuers %q and %q; expected the order of the config", first.Name(), second.Name())
	}
}

func TestMistakes(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	unwritten := testutil.NamedPipe(t, filepath.Join(t.TempDir(), "pipe"))
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name       string
		change     func(*config.Issuer)
		path, text string // of the mistake
	}{
		{"no iss", func(c *config.Issuer) { c.ISS = nil }, "", "the issuer has no iss value"},
		{"an empty iss", func(c *config.Issuer) { c.ISS = []string{""} }, "", `an iss value is empty`},
		{"no algorithms", func(c *config.Issuer) { c.Algorithms = nil }, "algorithms", "the list is empty"},
		{"alg none", func(c *config.Issuer) { c.Algorithms = []string{"RS256", "none"} },
			"algorithms", `"none" is not a supported signature algorithm`},
		{"alg HS256", func(c *config.Issuer) { c.Algorithms = []string{"HS256"} },
			"algorithms", `"HS256" is not a supported signature algorithm`},
		{"max_keys", func(c *config.Issuer) { c.JWKS.MaxKeys = 0 }, "jwks.max_keys", "0 is not greater than zero"},
		{"refresh_interval", func(c *config.Issuer) { c.JWKS.RefreshInterval = 0 }, "jwks.refresh_interval", "0s is not greater than zero"},
		{"unknown_kid_cooldown", func(c *config.Issuer) { c.JWKS.UnknownKIDCooldown = 0 }, "jwks.unknown_kid_cooldown", "0s is not"},
		{"max_stale", func(c *config.Issuer) { c.JWKS.MaxStale = -1 }, "jwks.max_stale", "-1ns is not"},
		{"request_timeout", func(c *config.Issuer) { c.JWKS.RequestTimeout = 0 }, "jwks.request_timeout", "0s is not"},
		{"plain http", func(c *config.Issuer) {
			c.AllowHTTP, c.JWKS.URI = false, "http://issuer.example/jwks?k=hush"
		}, "jwks.uri", `"http://issuer.example/jwks" is plain http`},
		{"plain http by discovery", func(c *config.Issuer) {
			c.AllowHTTP, c.JWKS.URI, c.ISS = false, "", []string{"http://issuer.example"}
		}, "issuer", `"http://issuer.example/.well-known/openid-configuration" is plain http`},
		{"an invalid URL", func(c *config.Issuer) { c.JWKS.URI = "http://[::1" }, "jwks.uri", "the URL is invalid"},
		{"another scheme", func(c *config.Issuer) { c.JWKS.URI = "ftp://issuer.example/" },
			"jwks.uri", "\"ftp://issuer.example/\" is not an absolute https URL"},
		{"no host", func(c *config.Issuer) { c.JWKS.URI = "https:///jwks" },
			"jwks.uri", "\"https:///jwks\" is not an absolute https URL"},
		{"opaque", func(c *config.Issuer) { c.JWKS.URI = "https:issuer.example" }, "jwks.uri", "is not an absolute https URL"},
		{"credentials", func(c *config.Issuer) { c.JWKS.URI = "https://u:hush@issuer.example/" }, "jwks.uri", "contains credentials"},
		{"a key set file that is missing", func(c *config.Issuer) { c.JWKS.File = missing }, "jwks.file", "the key set cannot be used: open "},
		{"a directory as key set file", func(c *config.Issuer) { c.JWKS.File = filepath.Dir(missing) },
			"jwks.file", fmt.Sprintf("the key set cannot be used: %q %s", filepath.Dir(missing), filewatch.ErrIrregular)},
		{"a pipe as key set file", func(c *config.Issuer) { c.JWKS.File = unwritten },
			"jwks.file", fmt.Sprintf("the key set cannot be used: %q %s", unwritten, filewatch.ErrIrregular)},
		{"a device as key set file", func(c *config.Issuer) { c.JWKS.File = "/dev/zero" },
			"jwks.file", fmt.Sprintf("the key set cannot be used: \"/dev/zero\" %s", filewatch.ErrIrregular)},
		{"a pipe as CA file", func(c *config.Issuer) { c.JWKS.CAFile = unwritten },
			"jwks.ca_file", fmt.Sprintf("the CA file cannot be read: %q %s", unwritten, filewatch.ErrIrregular)},
		{"a CA file that is missing", func(c *config.Issuer) { c.JWKS.CAFile = missing }, "jwks.ca_file", "the CA file cannot be read: open "},
		{"a CA file without a certificate", func(c *config.Issuer) { c.JWKS.CAFile = noPEM }, "jwks.ca_file", "has no PEM certificate"},
		{"a proxy that is no URL", func(c *config.Issuer) { c.JWKS.Proxy = "proxy.example:3128" }, "jwks.proxy", "the proxy is invalid"},
	} {
		t.Run(row.name, func(t *testing.T) {
			one := issuerAt("https://issuer.example/jwks")
			row.change(&one)
			cfg := placed(t, one)
			set, err := issuer.NewSet(cfg, issuer.Options{})
			at := cfg.At(strings.TrimSuffix("issuers.main."+row.path, ".")).String() + ": "
			mistakes, ok := errors.AsType[config.Mistakes](err)
			if set != nil || !ok || len(mistakes) != 1 || !strings.HasPrefix(err.Error(), at) || !strings.Contains(err.Error(), row.text) ||
				strings.Contains(err.Error(), "hush") {
				t.Errorf("got %v; expected %s%s", err, at, row.text)
			}
		})
	}
	t.Run("all at once", func(t *testing.T) {
		one, two, three := issuerAt("http://issuer.example/"), issuerAt("https://issuer.example/"), issuerAt("https://issuer.example/")
		one.AllowHTTP = false
		three.Path, three.Algorithms = "issuers.three", nil
		cfg := placed(t, one, two, three)
		_, err := issuer.NewSet(cfg, issuer.Options{})
		mistakes, _ := errors.AsType[config.Mistakes](err)
		if len(mistakes) != 3 || mistakes[0].Pos != cfg.At("issuers.main.jwks.uri") ||
			mistakes[1] != cfg.Mistake("issuers.three", `another issuer already has the name "main"`) ||
			mistakes[2].Pos != cfg.At("issuers.three.algorithms") {
			t.Errorf("got %v", err)
		}
	})
}

// placed returns a config of these issuers in which each value that a mistake may
// refer to is on a line of its own.
func placed(t *testing.T, issuers ...config.Issuer) *config.Config {
	t.Helper()
	cfg, err := config.Parse("gate.yaml", []byte(`issuers:
  main:
    issuer: https://main.example
    prefix: "main:"
    audiences: [a]
    algorithms: [RS256]
    jwks:
      uri: https://main.example/jwks
      max_keys: 100
      refresh_interval: 15m
      unknown_kid_cooldown: 5s
      max_stale: 24h
      request_timeout: 5s
      proxy: none
      ca_file: ca.pem
  three:
    issuer: https://three.example
    prefix: "three:"
    audiences: [a]
    algorithms: [RS256]
`), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	cfg.Issuers = issuers
	return cfg
}

func TestNoIssuers(t *testing.T) {
	set := newSet(t, issuer.Options{})
	set.Start()
	if !set.Healthy() || !set.Ready() || len(set.Stats()) != 0 {
		t.Errorf("healthy %v, ready %v", set.Healthy(), set.Ready())
	}
}

// Neither NewSet nor Key of a set that was not started uses the network or waits.
func TestSetThatWasNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dial := newPipeServer(t, edJWK("a", newEd(t)))
		set := newSet(t, issuer.Options{Dial: dial}, issuerAt("http://keys.example/"))
		began := time.Now()
		want(t, only(t, set), "a", "EdDSA", issuer.ErrKeysUnavailable)
		if took := time.Since(began); took != 0 || s.fetches() != 0 || set.Healthy() {
			t.Errorf("after %s, %d fetches, healthy %v", took, s.fetches(), set.Healthy())
		}
	})
}

// After a reload, an issuer with the same source and settings shares its running
// refresher with the old set, without a new fetch.
func TestReloadSharesTheRefresher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := edJWK("a", newEd(t))
		keys, dial := newPipeServer(t, a)
		cfg := issuerAt("http://keys.example/")
		old := newSet(t, issuer.Options{Dial: dial}, cfg)
		old.Start()
		synctest.Wait()
		only(t, old).Verified("a", "EdDSA")

		cfg.Audiences, cfg.Prefix, cfg.Leeway = []string{"api"}, "p:", time.Second
		next := newSet(t, issuer.Options{Previous: old, Dial: dial}, cfg)
		next.Start()
		synctest.Wait()
		if !next.Healthy() || !next.Ready() || keys.fetches() != 1 {
			t.Errorf("healthy %v, ready %v, %d fetches", next.Healthy(), next.Ready(), keys.fetches())
		}
		if only(t, next).Config().Prefix != "p:" || only(t, old).Config().Prefix != "" || only(t, next).Stats().Keys[0].Tokens != 1 {
			t.Error("the new set does not have its own config and the old counters")
		}
		old.Close()
		keys.publish(t, a, edJWK("b", newEd(t)))
		want(t, only(t, next), "b", "EdDSA", nil) // still running
		want(t, only(t, old), "b", "EdDSA", nil)  // the closed set has the same keys
		next.Close()
		began := time.Now()
		want(t, only(t, next), "a", "EdDSA", nil) // after Close: the same keys, but no fetch
		want(t, only(t, next), "c", "EdDSA", issuer.ErrKeyPending)
		if took := time.Since(began); took != 0 {
			t.Errorf("after Close, Key took %s", took)
		}
	})
}

// A reload that fails closes the new set. The old one must continue to fetch.
func TestFailedReloadKeepsTheOldSet(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		cfg := b.issuer.Config()
		next := newSet(t, issuer.Options{Previous: b.set}, cfg)
		next.Close()
		next.Close()
		bad := issuerAt("ftp://issuer.example/")
		bad.Name, bad.ISS = "bad", []string{"https://bad.example/"}
		if _, err := issuer.NewSet(configOf(cfg, bad), issuer.Options{Previous: b.set}); err == nil {
			t.Fatal("got no error for an invalid config")
		}
		b.keys.publish(t, edJWK("b", newEd(t)))
		b.want("b", nil)
	})
}

// An issuer whose settings changed starts with the keys of the old set, so that a
// reload during an outage does not lose them.
func TestNewSettingsKeepTheKeys(t *testing.T) {
	cfg := issuerAt("")
	for _, row := range []struct {
		name   string
		change func(*config.Issuer)
		kept   bool
	}{
		{"refresh_interval", func(c *config.Issuer) { c.JWKS.RefreshInterval = time.Hour }, true},
		{"max_stale", func(c *config.Issuer) { c.JWKS.MaxStale = time.Hour }, true},
		{"algorithms, the key still fits", func(c *config.Issuer) { c.Algorithms = []string{"EdDSA", "RS256"} }, true},
		{"algorithms, the key no longer fits", func(c *config.Issuer) { c.Algorithms = []string{"RS256"} }, false},
		{"another key set", func(c *config.Issuer) { c.JWKS.URI += "/other" }, false},
		{"another iss", func(c *config.Issuer) { c.ISS = []string{"https://other.example/"} }, false},
		{"another name", func(c *config.Issuer) { c.Name = "other" }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			keys := newServer(t, edJWK("a", newEd(t)))
			cfg = issuerAt(keys.URL)
			old := start(t, issuer.Options{}, cfg)
			keys.status(500)
			row.change(&cfg)
			next := newSet(t, issuer.Options{Previous: old}, cfg)
			next.Start()
			i := only(t, next)
			old.Close()
			if row.kept {
				want(t, i, "a", "EdDSA", nil)
			} else if _, err := i.Key(t.Context(), "a", "EdDSA"); err == nil {
				t.Error("the new set has the old keys")
			}
		})
	}
	for allowed, sentinel := range map[bool]error{true: issuer.ErrKeysUnavailable, false: nil} {
		t.Run(fmt.Sprintf("plain http was allowed %v and is not then", allowed), func(t *testing.T) {
			_, caFile, dial := tlsServer(t, edJWK("a", newEd(t)))
			cfg := issuerAt("https://example.com/jwks")
			cfg.AllowHTTP, cfg.JWKS.CAFile = allowed, caFile
			old := start(t, issuer.Options{Dial: dial}, cfg)
			want(t, only(t, old), "a", "EdDSA", nil)
			cfg.AllowHTTP, cfg.JWKS.RefreshInterval = false, time.Hour
			want(t, only(t, newSet(t, issuer.Options{Previous: old}, cfg)), "a", "EdDSA", sentinel)
		})
	}
}

// New settings apply to the keys of the old set, which keep their age.
func TestNewSettingsApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dial := newPipeServer(t, edJWK("a", newEd(t)))
		cfg := issuerAt("http://keys.example/")
		old := newSet(t, issuer.Options{Dial: dial}, cfg)
		old.Start()
		synctest.Wait()
		s.status(500)
		time.Sleep(2 * time.Hour)
		cfg.JWKS.MaxStale = 3 * time.Hour
		next := newSet(t, issuer.Options{Dial: dial, Previous: old}, cfg)
		want(t, only(t, next), "a", "EdDSA", nil)
		if age := only(t, next).Stats().Age; age != 2*time.Hour {
			t.Errorf("age %s", age)
		}
		time.Sleep(time.Hour + time.Second)
		want(t, only(t, next), "a", "EdDSA", issuer.ErrKeysStale)
		want(t, only(t, old), "a", "EdDSA", nil)
	})
}

func TestReloadReadsTheKeySetFileAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := issuerOf(t, document(t, edJWK("a", newEd(t))))
		old := start(t, issuer.Options{}, cfg)
		synctest.Wait()
		if err := os.WriteFile(cfg.JWKS.File, []byte(document(t, edJWK("b", newEd(t)))), 0o600); err != nil {
			t.Fatal(err)
		}
		next := newSet(t, issuer.Options{Previous: old}, cfg)
		next.Start()
		synctest.Wait()
		if keys := only(t, next).Stats().Keys; len(keys) != 1 || keys[0].KID != "b" {
			t.Errorf("got keys %+v; expected those of the new file", keys)
		}
	})
}

func TestChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys, dial := newPipeServer(t)
		keys.status(500)
		set := newSet(t, issuer.Options{Dial: dial}, issuerAt("http://keys.example/"))
		changed := set.Changed()
		select {
		case <-changed:
			t.Fatal("Changed was closed before Start")
		default:
		}
		set.Start()
		<-changed
		if changed = set.Changed(); !set.Healthy() || set.Ready() {
			t.Errorf("after the first fetch failed: healthy %v, ready %v", set.Healthy(), set.Ready())
		}
		keys.publish(t, edJWK("a", newEd(t)))
		<-changed
		if !set.Healthy() || !set.Ready() {
			t.Errorf("with keys: healthy %v, ready %v", set.Healthy(), set.Ready())
		}
	})
}

// Close stops the goroutines, also during a fetch, and wakes the requests that wait
// for it.
func TestCloseLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		s, dial := newPipeServer(t, edJWK("a", newEd(t)))
		set := newSet(t, issuer.Options{Dial: dial}, issuerAt("http://keys.example/"))
		set.Start()
		synctest.Wait()
		b := &bubble{t: t, keys: s}
		b.slow(time.Hour)
		waited := make(chan time.Duration)
		began := time.Now()
		go func() {
			_, err := only(t, set).Key(t.Context(), "b", "EdDSA")
			if !errors.Is(err, issuer.ErrKeyPending) {
				t.Errorf("got %v", err)
			}
			waited <- time.Since(began)
		}()
		synctest.Wait()
		set.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("Close took %s", took)
		}
		if took := <-waited; took != 0 {
			t.Errorf("the request waited for %s", took)
		}
	})
}

// slowToClose is a connection that takes a minute to close, as a TLS connection may
// if the peer does not read.
type slowToClose struct{ net.Conn }

func (c slowToClose) Close() error {
	time.Sleep(time.Minute)
	return c.Conn.Close()
}

// Close cancels a fetch in flight and returns only after it has ended.
func TestCloseWaitsForTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dial := newPipeServer(t)
		s.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		slow := func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return slowToClose{conn}, err
		}
		set := newSet(t, issuer.Options{Dial: slow}, issuerAt("http://keys.example/"))
		set.Start()
		synctest.Wait()
		if !only(t, set).Stats().Fetching {
			t.Fatal("got no fetch in flight; expected one")
		}
		began := time.Now()
		set.Close()
		took := time.Since(began)
		time.Sleep(time.Minute) // let the fetch end before the server closes
		if took < time.Minute {
			t.Errorf("Close returned after %s; expected it to wait for the fetch, which ends after %s", took, time.Minute)
		}
	})
}
