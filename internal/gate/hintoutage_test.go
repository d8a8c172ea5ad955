package gate_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/signer"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

const outageYAML = `
issuers:
  home: {issuer: "${ISS}", audiences: [a], algorithms: [ES256], dangerously_allow_http: true, jwks: {max_stale: 24h}}
`

// followOutages follows the fixes of denials for which no token and no request is the
// cause, and records the fixes and the reasons.
func followOutages(t *testing.T, all []fix, seen map[string]bool, reasons map[gate.Reason]bool) {
	t.Helper()
	// check checks a denial, and returns how to follow each of its fixes.
	check := func(t *testing.T, d *gate.Decision, reason gate.Reason, names ...string) {
		t.Helper()
		var found []string
		for text := range strings.SplitSeq(d.Hint, ", or ") {
			name, _ := namedFix(t, all, text)
			found, seen[name] = append(found, name), true
		}
		if reasons[d.Reason] = true; d.Reason != reason || strings.Join(found, " ") != strings.Join(names, " ") {
			t.Errorf("got %s, hint %q; expected %s with %v", ending(d), d.Hint, reason, names)
		}
	}
	allowed := func(t *testing.T, g *gate.Gate, r *request.Request) {
		t.Helper()
		if d := g.Decide(t.Context(), r); d.Reason != gate.ReasonAllowed {
			t.Errorf("got %s", ending(d))
		}
	}
	t.Run("an issuer that is down", func(t *testing.T) { outageOfAll(t, check, allowed) })
	t.Run("an issuer that does not answer yet", func(t *testing.T) { outageAtFirst(t, check, allowed) })
	t.Run("keys for another algorithm", func(t *testing.T) { outageByAlgorithm(t, check, allowed) })
}

type (
	checkOutage = func(t *testing.T, d *gate.Decision, reason gate.Reason, names ...string)
	checkEnded  = func(t *testing.T, g *gate.Gate, r *request.Request)
)

func outageOfAll(t *testing.T, check checkOutage, allowed checkEnded) {
	server := testbed.Issuers(t)
	home := addIssuer(t, server, "home", "")
	cfg := parse(t, outageYAML, map[string]string{"ISS": home.ISS()})
	now := &clock{}
	o := gate.Options{Logger: quiet(), Now: now.now}
	ask := func(header object) *request.Request {
		return get("/x", bearer(sign(t, home, header, object{"aud": "a", "sub": "s", "exp": time.Now().Add(48 * time.Hour).Unix()})))
	}
	g := open(t, cfg, o)
	stop(t, server)
	check(t, open(t, cfg, o).Decide(t.Context(), ask(nil)), "keys_unavailable", "FixFetchKeys")
	check(t, g.Decide(t.Context(), ask(object{"kid": "new"})), "key_pending", "FixFetchKeys")
	now.ahead.Store(int64(25 * time.Hour))
	check(t, g.Decide(t.Context(), ask(nil)), "keys_stale", "FixFetchKeys", "FixMaxStale")
	longer := parse(t, strings.Replace(outageYAML, "24h", "26h", 1), map[string]string{"ISS": home.ISS()})
	allowed(t, openSharing(t, g, longer, o), ask(nil))
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	allowed(t, open(t, cfg, o), ask(nil))
}

func stop(t *testing.T, server *devidp.Server) {
	t.Helper()
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
}

// outageAtFirst has an issuer whose first answer takes a while.
func outageAtFirst(t *testing.T, check checkOutage, allowed checkEnded) {
	key, err := signer.New("ES256")
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-answer
		text, _ := signer.KeySet(key)
		_, _ = w.Write(text)
	}))
	t.Cleanup(server.Close)
	cfg := parse(t, strings.Replace(outageYAML, "{max_stale: 24h}", `{uri: "${ISS}"}`, 1), map[string]string{"ISS": server.URL})
	g, err := newGate(cfg, gate.Options{Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	raw, err := key.Token(nil, object{"iss": server.URL, "aud": "a", "sub": "s", "exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	changed := g.Issuers().Changed()
	check(t, g.Decide(t.Context(), get("/x", bearer(raw))), "keys_unavailable", "FixRetry")
	close(answer)
	<-changed
	allowed(t, g, get("/x", bearer(raw)))
}

// outageByAlgorithm has an issuer none of whose keys fits its algorithms. The keys are
// fetched, so that is not a fix.
func outageByAlgorithm(t *testing.T, check checkOutage, allowed checkEnded) {
	server := testbed.Issuers(t)
	home := addIssuer(t, server, "home", "") // ES256
	kid, err := home.AddKey("ES384")
	if err != nil {
		t.Fatal(err)
	}
	old := home.KeyID()
	use := func(kid string) string {
		if err := home.UseKey(kid); err != nil {
			t.Fatal(err)
		}
		return bearer(sign(t, home, nil, object{"aud": "a", "sub": "s", "exp": time.Now().Add(time.Hour).Unix()}))
	}
	first, second := get("/x", use(old)), get("/x", use(kid))
	use(old)
	if err := home.RemoveKey(kid); err != nil {
		t.Fatal(err)
	}
	with := func(algorithms string) *gate.Gate {
		cfg := parse(t, strings.Replace(outageYAML, "[ES256]", algorithms, 1), map[string]string{"ISS": home.ISS()})
		return open(t, cfg, gate.Options{Logger: quiet()})
	}
	check(t, with("[ES384]").Decide(t.Context(), second), "keys_unavailable", "FixAddAlgorithm", "FixKeyFor")
	check(t, with("[ES384, ES256]").Decide(t.Context(), second), "key_unknown", "FixPublishedKey")
	allowed(t, with("[ES384, ES256]"), first)
	if _, err := home.AddKey("ES384"); err != nil {
		t.Fatal(err)
	}
	check(t, with("[ES384]").Decide(t.Context(), second), "key_unknown", "FixPublishedKey")
}
