package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// denial is one row of the answer table: a request and the answer that its client
// receives.
type denial struct {
	name          string
	call          call
	wantStatus    int
	wantReason    string
	wantChallenge string // exact; "..." stands for a text in quotes
	// onlyBare: the shipped Envoy rejects or corrects the request itself, so jwtgate
	// decides it only where nothing else protects the application.
	onlyBare bool
	// onlyHTTP1: HTTP/2 has no way to write it.
	onlyHTTP1 bool
}

// The challenges of RFC 6750 section 3.
const (
	noError           = `Bearer realm="jwtgate"`
	invalidRequest    = `Bearer realm="jwtgate", error="invalid_request"`
	invalidToken      = `Bearer realm="jwtgate", error="invalid_token", error_description="..."`
	insufficientScope = `Bearer realm="jwtgate", error="insufficient_scope"`
)

// decisionID is the form of a decision id.
var decisionID = regexp.MustCompile(`^[a-zA-Z0-9.]+-[0-9a-f]{16}$`)

// check compares an answer with the row.
func (d denial) check(t *testing.T, got answer) {
	t.Helper()
	if got.Status != d.wantStatus {
		t.Fatalf("status %d %q, want %d", got.Status, got.Body, d.wantStatus)
	}
	p := got.problem(t)
	if p.Reason != d.wantReason {
		t.Errorf("reason %q (%s), want %q", p.Reason, p.Detail, d.wantReason)
	}
	if p.Status != d.wantStatus || p.Title == "" || p.Detail == "" || !decisionID.MatchString(p.Decision) {
		t.Errorf("problem document %s", got.Body)
	}
	header := func(name, want string) {
		t.Helper()
		if values := got.Header.Values(name); strings.Join(values, " | ") != want {
			t.Errorf("%s is %q, want %q", name, values, want)
		}
	}
	header("Content-Type", "application/problem+json")
	header("Cache-Control", "no-store")
	description := regexp.MustCompile(`error_description="[^"\\]+"`)
	challenge := description.ReplaceAllString(got.Header.Get("WWW-Authenticate"), `error_description="..."`)
	if challenge != d.wantChallenge || len(got.Header.Values("WWW-Authenticate")) > 1 {
		t.Errorf("www-authenticate is %q, want %q", got.Header.Values("WWW-Authenticate"), d.wantChallenge)
	}
	seconds, err := strconv.Atoi(got.Header.Get("Retry-After"))
	outage := strings.HasPrefix(d.wantReason, "key") // one that may be over soon
	if outage && d.wantStatus == 503 && (err != nil || seconds < 1 || seconds > 30) {
		t.Errorf("retry-after is %q, want 1 to 30", got.Header.Get("Retry-After"))
	}
	if !outage || d.wantStatus != 503 {
		header("Retry-After", "")
	}
}
