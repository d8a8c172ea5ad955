package gate_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
)

var update = flag.Bool("update", false, "write docs/reasons.md")

const reasonsPage = "../../docs/reasons.md"

// TestReasonsPage compares docs/reasons.md with the table of reasons. With -update it
// writes the page.
func TestReasonsPage(t *testing.T) {
	want := page()
	if *update {
		if err := os.WriteFile(reasonsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(reasonsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("the page is out of date; run: go test ./internal/gate -run TestReasonsPage -update")
	}
	for _, reason := range declared(t) {
		if n := strings.Count(want, "\n| `"+string(reason)+"` |"); n != 1 {
			t.Errorf("%s has %d rows on the page, want 1", reason, n)
		}
	}
}

// page returns the page.
func page() string {
	var b strings.Builder
	b.WriteString(`# Reasons

Every decision has one reason of this closed list. You find it in the body of a denial (` + "`reason`" + `), in the audit line, in the
label ` + "`reason`" + ` of ` + "`jwtgate_checks_total`" + `, in the output of ` + "`jwtgate explain`" + `,
and in the cases of ` + "`jwtgate test`" + `.

The checks run in the order below. The first check that fails gives the reason. The client gets a fixed text, which contains no part of the
token or the request. Operators see more: what the check found and what it expected. They find it in the audit line of the decision, or
with ` + "`jwtgate explain --decision ID`" + `, where ID is the value of ` + "`decision`" + ` in the body of the denial.

The column WWW-Authenticate has the error code of RFC 6750 (section 3.1) or RFC 9470. "No error" is a challenge without an error code, and
"–" means that the response has no challenge. The column "fault" names the party that has to change something: the client, the
operator (of the gate, of Envoy or of the issuer), or the gate itself.

This page is generated. ` + "`go test ./internal/gate -run TestReasonsPage -update`" + ` writes it.

## Allowed

| reason | when |
|---|---|
`)
	for _, m := range gate.Reasons() {
		if m.Verdict == gate.VerdictAllow {
			fmt.Fprintf(&b, "| `%s` | %s |\n", m.Reason, whenAllowed()[m.Reason])
		}
	}
	b.WriteString("\n## Answered\n\nThe gate answers these requests instead of the application. The verdict is `answer`.\n\n" +
		"| reason | when |\n|---|---|\n")
	for _, m := range gate.Reasons() {
		if m.Verdict == gate.VerdictAnswer {
			fmt.Fprintf(&b, "| `%s` | %s |\n", m.Reason, whenAllowed()[m.Reason])
		}
	}
	for stage := gate.StageTarget; stage <= gate.StageIdentity; stage++ {
		writeDenials(&b, fmt.Sprintf("%d. %s", stage, capital(stage.String())), stage)
	}
	writeDenials(&b, "Not decided by a check", gate.StageNone)
	b.WriteString(`
## Near misses

For some common mistakes the client gets a more specific text. Details that would reveal configuration before the signature is
verified, such as an issuer that differs by a final slash, appear only in the audit line and in the output of ` + "`jwtgate explain`" + `.

| text for the client | reasons |
|---|---|
`)
	for _, one := range gate.NearTexts() {
		names := make([]string, len(one.Reasons))
		for i, reason := range one.Reasons {
			names[i] = "`" + string(reason) + "`"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", one.Text, strings.Join(names, ", "))
	}
	return b.String()
}

// whenAllowed describes the reasons of requests that are allowed or answered.
func whenAllowed() map[gate.Reason]string {
	return map[gate.Reason]string{
		"allowed": "all checks passed; the application gets the identity in headers",
		"preflight_answered": "a CORS preflight from an origin under `cors.origins`, with `cors.preflight: answer`: " +
			"the response has status 200 and the methods and headers that pages of this origin may send",
		"public":    "the route is public: the gate does not read the token, and removes identity headers",
		"preflight": "a CORS preflight, with `cors.preflight: pass`; the gate removes identity headers",
		"anonymous": "the route is optional and the request has no token; the application gets no identity",
		"anonymous_invalid": "a check of the token failed, and the route has `if_invalid: anonymous`: the gate forwards the request " +
			"without identity and without the token; `would_deny` in the audit line is the reason of the failure",
		"shadowed": "a check failed, and the route or the gate has `shadow: true`: the gate forwards the request " +
			"without identity and without the token; `would_deny` in the audit line is the reason of the failure",
	}
}

// writeDenials writes the denials of one check.
func writeDenials(b *strings.Builder, title string, stage gate.Stage) {
	denials := slices.DeleteFunc(gate.Reasons(), func(m gate.ReasonInfo) bool {
		return m.Stage != stage || m.Verdict != gate.VerdictDeny
	})
	if len(denials) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| reason | status | WWW-Authenticate | text for the client | fault | to allow the request |\n"+
		"|---|---|---|---|---|---|\n", title)
	for _, m := range denials {
		code := map[gate.Code]string{gate.CodeNoChallenge: "–", gate.CodeNoError: "no error"}[m.Code]
		if code == "" {
			code = "`" + string(m.Code) + "`"
		}
		status := fmt.Sprint(m.Status)
		if m.Outage {
			status += ", Retry-After"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s |\n", m.Reason, status, code, m.Text, m.Fault, m.Hint)
	}
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// Each denial has a text, a hint and a fault, and they can be written into a table.
func TestEveryDenialHasAHint(t *testing.T) {
	for _, m := range gate.Reasons() {
		if m.Verdict != gate.VerdictDeny {
			if m.Hint != "" || m.Fault != gate.FaultNone || m.Text != "" {
				t.Errorf("%s is allowed: %+v", m.Reason, m)
			}
			continue
		}
		if m.Hint == "" || m.Text == "" || m.Fault == gate.FaultNone {
			t.Errorf("%s: text %q, fault %q, hint %q", m.Reason, m.Text, m.Fault, m.Hint)
		}
		if strings.ContainsAny(m.Hint+m.Text, "|\n") || strings.HasSuffix(m.Hint, ".") {
			t.Errorf("%s: %q or %q has a character that breaks a table, or a full stop", m.Reason, m.Hint, m.Text)
		}
	}
}
