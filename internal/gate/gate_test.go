package gate_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// publicYAML needs no issuer and no network.
const publicYAML = "default: deny\nroutes: [{name: all, match: /**, access: public}]\n"

// Mistakes that only the parts of a policy find are reported together with their positions,
// like the mistakes that the config itself finds.
func TestMistakesOfAllParts(t *testing.T) {
	cfg := parse(t, `
issuers:
  home: {issuer: "https://home.example/", audiences: [a], jwks: {file: nowhere.json}}
routes:
  - {match: /a//b}
  - {match: orders}
`, nil)
	want := []string{
		"gate.yaml:3:", "the key set cannot be used",
		"gate.yaml:5:", "an empty segment (//) matches no request",
		"gate.yaml:6:", `"orders" does not begin with /; write "/orders"`,
	}
	check := func(t *testing.T, err error) {
		t.Helper()
		var mistakes config.Mistakes
		if !errors.As(err, &mistakes) {
			t.Fatalf("%T: %v, want mistakes", err, err)
		}
		got := strings.Split(mistakes.Sorted().Error(), "\n")
		if len(got) != len(want)/2 {
			t.Fatalf("%d mistakes:\n%v", len(got), err)
		}
		for i, line := range got {
			if !strings.HasPrefix(line, want[2*i]) || !strings.Contains(line, want[2*i+1]) {
				t.Errorf("%q, want it at %s with %q", line, want[2*i], want[2*i+1])
			}
		}
	}
	t.Run("Compile", func(t *testing.T) { check(t, compiles(cfg)) })
	t.Run("New", func(t *testing.T) {
		g, err := newGate(cfg, gate.Options{})
		if g != nil {
			t.Error("got a gate and mistakes")
		}
		check(t, err)
	})
}

// An issuer that would accept any token is rejected, also in a config that was not checked by
// the loader.
func TestIssuerThatWouldTakeAnythingIsRefused(t *testing.T) {
	w := start(t)
	cfg := *w.cfg
	cfg.Issuers = slices.Clone(cfg.Issuers)
	cfg.Issuers[0].Audiences, cfg.Issuers[0].Clients = nil, nil
	if g, err := newGate(&cfg, gate.Options{Logger: quiet()}); err == nil || g != nil {
		t.Errorf("got a gate: %v, error %v", g != nil, err)
	}
	if err := compiles(&cfg); err == nil || !strings.Contains(err.Error(), `issuer "home" lacks`) {
		t.Errorf("Compile: %v", err)
	}
}

func TestCompileFetchesNothing(t *testing.T) {
	w := start(t)
	before := w.home.Fetches()
	if err := compiles(w.cfg); err != nil {
		t.Fatal(err)
	}
	if got := w.home.Fetches(); got != before {
		t.Errorf("%d fetches, %d before", got, before)
	}
}

func TestGateAccessors(t *testing.T) {
	w := start(t)
	if w.gate.Config() != w.cfg {
		t.Error("Config returns a different config")
	}
	want := []string{"open", "optional", "lenient", "closed", "fixed", "elsewhere", "strict", "team", "session", "fresh", "readers", "own",
		"level", "shadow", "default"}
	if got := w.gate.Routes(); !slices.Equal(got, want) {
		t.Errorf("routes %v, want %v", got, want)
	}
	var names []string
	for _, i := range w.gate.Issuers().All() {
		names = append(names, i.Name())
	}
	if !slices.Equal(names, []string{"home", "pool", "dark", "dim"}) {
		t.Errorf("issuers %v", names)
	}
}

// Before it has any key, a gate allows public requests and denies tokens with an outage.
func TestDecidesAtOnce(t *testing.T) {
	server := testbed.Issuers(t)
	home := addIssuer(t, server, "home", "")
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	cfg := parse(t, `
issuers: {home: {issuer: "${ISS}", audiences: [a], algorithms: [ES256], dangerously_allow_http: true}}
routes: [{match: /open, access: public}]
`, map[string]string{"ISS": home.ISS()})
	g, err := newGate(cfg, gate.Options{Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if d := g.Decide(t.Context(), get("/open")); d.Reason != gate.ReasonPublic {
		t.Errorf("public: %s", d.Reason)
	}
	d := g.Decide(t.Context(), get("/x", bearer(mint(t, home, map[string]any{"aud": "a", "sub": "s"}))))
	if d.Reason != gate.ReasonKeysUnavailable {
		t.Errorf("with a token: %s", d.Reason)
	}
	checkRetryAfter(t, d.Reason, d.Denial)
}

func TestClosedGateDecidesByTheKeysAtHand(t *testing.T) {
	w := start(t)
	w.gate.Close()
	w.gate.Close() // a second time does nothing
	if d := w.decide(t, get("/strict", bearer(mint(t, w.home, claims(nil))))); d.Reason != gate.ReasonAllowed {
		t.Errorf("%s (%s)", d.Reason, d.InternalDetail)
	}
}

// After a rotation, a token signed with the new key is allowed, and one signed with the
// removed key is denied.
func TestRotation(t *testing.T) {
	w := start(t)
	old := mint(t, w.home, claims(nil))
	if _, err := w.home.Rotate(); err != nil {
		t.Fatal(err)
	}
	if d := w.decide(t, get("/strict", bearer(mint(t, w.home, claims(nil))))); d.Reason != gate.ReasonAllowed {
		t.Errorf("the new key: %s (%s)", d.Reason, d.InternalDetail)
	}
	if d := w.decide(t, get("/strict", bearer(old))); d.Reason != gate.ReasonKeyUnknown {
		t.Errorf("the old key: %s (%s)", d.Reason, d.InternalDetail)
	}
}

func TestRefuse(t *testing.T) {
	w := start(t)
	for _, reason := range []gate.Reason{gate.ReasonRequestMalformed, gate.ReasonInternal, gate.ReasonDeadline} {
		d := w.gate.Refuse(reason, "what happened")
		consistent(t, d)
		if d.Verdict != gate.VerdictDeny || d.Reason != reason || d.InternalDetail != "what happened" || d.Route != gate.RouteNone {
			t.Errorf("%s: %+v", reason, d)
		}
		if strings.Contains(d.Denial.Detail+d.Denial.Challenge, "what happened") {
			t.Errorf("%s: the client gets %+v", reason, d.Denial)
		}
		if d.ConfigHash != w.cfg.Hash || d.Time.IsZero() {
			t.Errorf("%s: config %q at %v", reason, d.ConfigHash, d.Time)
		}
	}
	t.Run("the reason of an allowed request, and an unknown one", func(t *testing.T) {
		for _, reason := range []gate.Reason{gate.ReasonAllowed, gate.ReasonPublic, "new", ""} {
			d := w.gate.Refuse(reason, "")
			consistent(t, d)
			if d.Verdict != gate.VerdictDeny || d.Reason != gate.ReasonInternal || d.Denial.Status != 503 {
				t.Errorf("%q: %s for %s with %d", reason, d.Verdict, d.Reason, d.Denial.Status)
			}
		}
	})
}

func TestDecisionIDs(t *testing.T) {
	w := start(t)
	form := regexp.MustCompile(`^replica-[0-9a-f]{16}$`)
	seen := map[string]bool{}
	for range 500 {
		for _, d := range []*gate.Decision{w.gate.Decide(t.Context(), get("/open/x")), w.gate.Refuse(gate.ReasonInternal, "")} {
			if !form.MatchString(d.ID.String()) || seen[d.ID.String()] {
				t.Fatalf("ID %q: malformed, or used before", d.ID)
			}
			seen[d.ID.String()] = true
		}
	}
}

func TestDecisionTimes(t *testing.T) {
	var ticks int
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	g := open(t, parse(t, publicYAML, nil), gate.Options{Logger: quiet(), Now: func() time.Time {
		ticks++
		return began.Add(time.Duration(ticks) * time.Millisecond)
	}})
	ticks = 0
	d := g.Decide(t.Context(), get("/x"))
	if !d.Time.Equal(began.Add(time.Millisecond)) || d.Elapsed != time.Millisecond {
		t.Errorf("time %v, elapsed %v", d.Time, d.Elapsed)
	}
}

// A gate works without options.
func TestZeroOptions(t *testing.T) {
	g := open(t, parse(t, publicYAML, nil), gate.Options{})
	d := g.Decide(t.Context(), get("/x"))
	if d.Reason != gate.ReasonPublic || !strings.HasPrefix(d.ID.String(), "-") || time.Since(d.Time) > time.Minute {
		t.Errorf("%+v", d)
	}
}

func TestRequest(t *testing.T) {
	r := get("/a/b?c=d?e", "X-One: first", "x-one: second", "x-empty: ")
	if got := r.RawPath(); got != "/a/b" {
		t.Errorf("path %q", got)
	}
	if got := get("/a").RawPath(); got != "/a" {
		t.Errorf("path without a query %q", got)
	}
	for name, want := range map[string]string{"x-one": "first", "X-ONE": "first", "x-empty": "", "x-none": ""} {
		if got := r.Header(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
