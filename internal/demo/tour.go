package demo

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/jwtgate/jwtgate/internal/devidp"
)

// The tour's user, client and pages. The client and the pages are in jwtgate.yaml.
const (
	userID   = "a1b2c3d4"
	userName = "andrewbrown"
	client   = "3v5exampleclient"

	publicPage   = "/api/health"
	optionalPage = "/api/activities/home"
	requiredPage = "/api/messages"

	// frontEnd is the origin that the demo adds to the shipped Envoy file, which allows none.
	frontEnd = "http://localhost:3000"
)

// tour is the guided tour: a sequence of requests with expected outcomes.
type tour struct {
	p       *printer
	caller  *caller
	issuers *devidp.Server
	pool    *devidp.Issuer

	steps, good int
}

func newTour(s *stack, p *printer) *tour {
	return &tour{
		p:       p,
		caller:  newCaller("http://"+s.ports.envoy, s.app),
		issuers: s.issuers,
		pool:    s.hosted["cruddur"],
	}
}

// nobody is the outcome of a request that the application receives without identity
// headers.
func nobody() outcome { return outcome{status: http.StatusOK, reached: true} }

// user is the outcome of a request that the application receives with the identity
// headers of the tour's user, and without the token.
func user() outcome {
	return outcome{status: http.StatusOK, reached: true, identity: map[string]string{
		"x-user-id":     userID,
		"x-user-name":   userName,
		"x-user-groups": "editors",
		"x-user-scopes": "aws.cognito.signin.user.admin",
		"x-user-client": client,
		"x-user-kind":   "user",
		"x-user-issuer": "cruddur",
	}}
}

// denied is the outcome of a denied request.
func denied(status int, reason string) outcome { return outcome{status: status, reason: reason} }

// give runs the tour. It continues after a step that failed, but not after an error.
func (t *tour) give(ctx context.Context) error {
	defer t.caller.http.CloseIdleConnections()
	for _, part := range []func(context.Context) error{
		t.signedOut, t.signedIn, t.forged, t.mistakes, t.crossOrigin, t.keysRotate,
	} {
		if err := part(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return interrupted(ctx)
		}
	}
	return nil
}

// step sends one request and prints its outcome.
func (t *tour) step(ctx context.Context, sent string, one call, want outcome, note string) {
	t.steps++
	got := t.caller.call(ctx, one)
	if !got.equal(want) {
		t.p.bad(sent, want.String(), got.String())
		return
	}
	t.good++
	t.p.good(sent, want.brief(), note)
}

// claims returns the claims of the tour's user with changes; nil removes a claim.
func claims(changes map[string]any) map[string]any {
	all := map[string]any{"sub": userID, "username": userName, "cognito:groups": []string{"editors"}}
	maps.Copy(all, changes)
	return all
}

// bearer returns a header with a new token.
func bearer(i *devidp.Issuer, claims map[string]any, ttl time.Duration) (http.Header, error) {
	token, err := i.Mint(claims, ttl)
	if err != nil {
		return nil, err
	}
	return http.Header{"Authorization": {"Bearer " + token}}, nil
}

func (t *tour) signedOut(ctx context.Context) error {
	t.p.heading("Signed out", "GET "+optionalPage+", access: optional")
	t.step(ctx, "no token", call{path: optionalPage}, nobody(), "")
	t.step(ctx, "Authorization: Bearer null", call{optionalPage, http.Header{"Authorization": {"Bearer null"}}}, nobody(), "")
	return nil
}

func (t *tour) signedIn(ctx context.Context) error {
	t.p.heading("Signed in", "the same page")
	header, err := bearer(t.pool, claims(nil), 0)
	if err != nil {
		return err
	}
	t.step(ctx, userName+"'s access token", call{optionalPage, header}, user(), "no token")
	return nil
}

func (t *tour) forged(ctx context.Context) error {
	t.p.heading("Forged headers", "GET "+publicPage+", access: public")
	for _, name := range []string{"x-user-id", "X_User_Id"} {
		t.step(ctx, name+": root", call{publicPage, http.Header{name: {"root"}}}, nobody(), "")
	}
	return nil
}

// mistakes shows five mistakes that hand-written middleware makes. With the first, the
// second and the fourth, it accepts an invalid token; with the others, it rejects a
// valid one.
func (t *tour) mistakes(ctx context.Context) error {
	t.p.heading("Five classic mistakes of hand-written middleware", "GET "+requiredPage+", access: required")
	other, err := t.issuers.Add("another-pool", devidp.IssuerConfig{
		ISS:    "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_AnotherPl",
		KeysOf: t.pool,
	})
	if err != nil {
		return err
	}
	idToken := map[string]any{"token_use": "id", "aud": client}
	access := claims(map[string]any{"token_use": "access", "client_id": client, "aud": nil})
	for _, mistake := range []struct {
		sent   string
		issuer *devidp.Issuer
		claims map[string]any
		ttl    time.Duration
		rotate bool
		want   outcome
		note   string
	}{
		{"another pool's token, under the same key", other, access, 0, false,
			denied(http.StatusUnauthorized, "issuer_unknown"), "though the signature fits"},
		{"an ID token instead of an access token", t.pool, claims(idToken), 0, false,
			denied(http.StatusUnauthorized, "token_use_mismatch"), ""},
		{"an access token without aud", t.pool, access, 0, false,
			user(), ""},
		{"a token that expired a minute ago", t.pool, access, -time.Minute, false,
			denied(http.StatusUnauthorized, "expired"), ""},
		{"a token of keys rotated since the start", t.pool, access, 0, true,
			user(), ""},
	} {
		if mistake.rotate {
			if _, err := t.pool.Rotate(); err != nil {
				return err
			}
		}
		header, err := bearer(mistake.issuer, mistake.claims, mistake.ttl)
		if err != nil {
			return err
		}
		t.step(ctx, mistake.sent, call{requiredPage, header}, mistake.want, mistake.note)
	}
	return nil
}

func (t *tour) crossOrigin(ctx context.Context) error {
	t.p.heading("A page of "+frontEnd+" calls", "GET "+requiredPage)
	want := denied(http.StatusUnauthorized, "credential_missing")
	want.readable = true
	t.step(ctx, "fetch without a token", call{requiredPage, http.Header{"Origin": {frontEnd}}}, want,
		"and the page can read it")
	return nil
}

// The interval and the number of the calls while keys rotate.
const (
	callInterval = time.Second / 50
	callCount    = 300
)

func (t *tour) keysRotate(ctx context.Context) error {
	t.p.heading("A client calls 50 times a second, a fresh token each", "GET "+requiredPage)
	for _, phase := range []struct {
		sent  string
		event func() error
	}{
		{"6 s, the keys rotate after 2 s", func() error { _, err := t.pool.Rotate(); return err }},
		{"6 s, the issuer is killed after 2 s", t.issuers.Pause},
	} {
		if err := t.underLoad(ctx, phase.sent, phase.event); err != nil {
			return err
		}
	}
	// The commands that the demo prints next need the issuer.
	return t.issuers.Resume()
}

// underLoad runs a step of many calls, all of which must succeed.
func (t *tour) underLoad(ctx context.Context, sent string, event func() error) error {
	t.steps++
	prepare := func() (call, error) {
		header, err := bearer(t.pool, claims(nil), 0)
		return call{requiredPage, header}, err
	}
	got, err := t.caller.run(ctx, load{calls: callCount, interval: callInterval, prepare: prepare, want: user(), event: event})
	if err != nil {
		return err
	}
	summary := fmt.Sprintf("%d calls, %d refused", got.calls, got.refused)
	if got.refused > 0 {
		t.p.bad(sent, fmt.Sprintf("%d calls, 0 refused", got.calls), summary+"; the first: "+got.first.String())
		return nil
	}
	t.good++
	t.p.good(sent, summary, fmt.Sprintf("slowest %d ms", got.slowest.Milliseconds()))
	return nil
}
