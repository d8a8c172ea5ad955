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

var update = flag.Bool("update", false, "write the page of reasons anew")

const reasonsPage = "../../docs/reasons.md"

// TestReasonsPage holds the page of reasons to the table of reasons. With -update
// it writes the page.
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
			t.Errorf("%s stands %d times on the page", reason, n)
		}
	}
}

// page is the whole page.
func page() string {
	var b strings.Builder
	b.WriteString(`# Reasons

Every decision has one reason of this closed list. It stands in the body of a denial (` + "`reason`" + `), in the audit line, in the
label of ` + "`jwtgate_checks_total`" + `, in ` + "`jwtgate explain`" + ` and in the cases of ` + "`jwtgate test`" + `.

The checks are done in the order below, and the first that fails is the reason. What the client is told are fixed texts: nothing
of the token or the request stands in them. Who runs the gate learns more, what was found against what was due: from the audit
line of the decision, or with ` + "`jwtgate explain --decision ID`" + `, where ID is the ` + "`decision`" + ` of the denial's body.

The WWW-Authenticate column has the error code of RFC 6750 (section 3.1) or RFC 9470; "no error" is a challenge without one, and
– no challenge at all. The fault says whose turn it is: the client's, the operator's (who runs the gate, Envoy or the issuer), or
the gate's own.

Written from the program; ` + "`go test ./internal/gate -run TestReasonsPage -update`" + ` writes it anew.

## Allowed

| reason | when |
|---|---|
`)
	for _, m := range gate.Reasons() {
		if m.Verdict == gate.VerdictAllow {
			fmt.Fprintf(&b, "| `%s` | %s |\n", m.Reason, whenAllowed()[m.Reason])
		}
	}
	b.WriteString("\n## Answered\n\nThe gate answers these in place of the application; the verdict is `answer`.\n\n| reason | when |\n|---|---|\n")
	for _, m := range gate.Reasons() {
		if m.Verdict == gate.VerdictAnswer {
			fmt.Fprintf(&b, "| `%s` | %s |\n", m.Reason, whenAllowed()[m.Reason])
		}
	}
	for stage := gate.CheckTarget; stage <= gate.CheckIdentity; stage++ {
		writeDenials(&b, fmt.Sprintf("%d. %s", stage, capital(stage.String())), stage)
	}
	writeDenials(&b, "Outside of the checks", gate.CheckNone)
	b.WriteString(`
## Near misses

For some common mistakes the client gets a more specific text. Details that would reveal configuration before the signature is verified, such
as an issuer that differs by a final slash, appear only in the log and in what the command explain prints.

| the client is told | for the reasons |
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

// whenAllowed says when a request is allowed, or answered, for each reason.
func whenAllowed() map[gate.Reason]string {
	return map[gate.Reason]string{
		"allowed":            "all checks passed; the application is told who calls",
		"preflight_answered": "a CORS preflight of an origin under `cors.origins`, with `cors.preflight: answer`: 200, and what the origin's pages may send",
		"public":             "the route is public: no token is looked at, and identity headers are removed",
		"preflight":          "a CORS preflight, with `cors.preflight: pass`; identity headers are removed",
		"anonymous":          "the route is optional and there was no token; the application is told of nobody",
		"anonymous_invalid":  "the token failed, and the route says `if_invalid: anonymous`: the request goes on without identity and without the token; the audit line's `would_deny` has the reason of the failure",
		"shadowed":           "it would have been denied, and the route or the gate is in `shadow`: the request goes on without identity and without the token; the audit line's `would_deny` has the reason",
	}
}

// writeDenials writes the denials of one check.
func writeDenials(b *strings.Builder, title string, stage gate.Stage) {
	denials := slices.DeleteFunc(gate.Reasons(), func(m gate.ReasonInfo) bool {
		return m.Check != stage || m.Verdict != gate.VerdictDeny
	})
	if len(denials) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| reason | status | WWW-Authenticate | the client is told | fault | to allow it |\n|---|---|---|---|---|---|\n", title)
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

// What an operator is told to change names things by the names that the config,
// the command line and Envoy give them, and each reason has such a text.
func TestEveryDenialHasItsMend(t *testing.T) {
	for _, m := range gate.Reasons() {
		if m.Verdict != gate.VerdictDeny {
			if m.Hint != "" || m.Fault != gate.FaultNone || m.Text != "" {
				t.Errorf("%s is allowed: %+v", m.Reason, m)
			}
			continue
		}
		if m.Hint == "" || m.Text == "" || m.Fault == gate.FaultNone {
			t.Errorf("%s: text %q, fault %q, mend %q", m.Reason, m.Text, m.Fault, m.Hint)
		}
		if strings.ContainsAny(m.Hint+m.Text, "|\n") || strings.HasSuffix(m.Hint, ".") {
			t.Errorf("%s: %q or %q breaks a table, or has a full stop", m.Reason, m.Hint, m.Text)
		}
	}
}
