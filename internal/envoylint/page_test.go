package envoylint_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

var update = flag.Bool("update", false, "write the page of rules anew")

const rulesPage = "../../docs/lint-envoy.md"

// TestRulesPage holds the page of rules to the table of rules. With -update it
// writes the page.
func TestRulesPage(t *testing.T) {
	want := page(t)
	if *update {
		if err := os.WriteFile(rulesPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, rulesPage); got != want {
		t.Error("the page is out of date; run: go test ./internal/envoylint -run TestRulesPage -update")
	}
	for _, rule := range envoylint.Rules() {
		if n := strings.Count(want, "\n| `"+rule.ID+"` |"); n < 1 || n > 2 {
			t.Errorf("%s stands %d times on the page", rule.ID, n)
		}
	}
}

// sample is what the command prints on a terminal about the shipped file with two
// settings changed.
func sample(t *testing.T) string {
	t.Helper()
	text := shippedWith(t, "merge_slashes: true", "merge_slashes: false", ", max_retries: 1000", "")
	var b strings.Builder
	if err := lint(t, text, plainGate(), envoylint.Plain).WriteText(&b, envoylint.Layout{Terminal: true}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// page is the whole page.
func page(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("# What `jwtgate lint-envoy` looks for\n" + `
jwtgate sees what Envoy sends it, and nothing of what Envoy does before, beside and behind. A route without ext_authz, a
header that a client may forge, a timeout that loses requests when a replica dies: none of that can be seen from a gate.
` + "`jwtgate lint-envoy`" + ` reads it from Envoy's own configuration, beside yours:

` + "```sh" + `
jwtgate lint-envoy --config jwtgate.yaml envoy.yaml
curl -s http://127.0.0.1:9901/config_dump | jwtgate lint-envoy --config jwtgate.yaml -       # what a running Envoy has
kubectl exec POD -c istio-proxy -- pilot-agent request GET config_dump | jwtgate lint-envoy --config jwtgate.yaml --platform istio -
egctl config envoy-proxy all -o json | jwtgate lint-envoy --config jwtgate.yaml --platform envoy-gateway -
` + "```" + `

` + "```text\n" + sample(t) + "```" + `

Each finding has the place, the path of the setting, its id, what is wrong and what comes of it, and what to write instead: in three
lines on a terminal, in one line elsewhere. Characters that cannot be printed are escaped (` + "`\\x1b`" + `). The exit code is 0 when nothing
was found, 1 with findings or with mistakes in jwtgate.yaml, and 2 when the file could not be looked at. A *hole* may let something
hostile through, an *outage* may refuse a proper request, a *note* is worth knowing and never makes the exit code 1.

- It reads a bootstrap (YAML or JSON), the answer of ` + "`/config_dump`" + ` (whole, or a part by ` + "`?resource=`" + `), what egctl and istioctl print
  around one, and a file of xDS resources. Listeners, routes and clusters that Envoy fetches are in a dump alone.
- It reads each value as the message type that Envoy reads it as, in the version of Envoy's API that jwtgate was built with (1.40). So it sees
  every connection manager, filter chain (those of upgrades, matchers and composites included) and route (those of matchers and scopes
  included), wherever it stands and in whatever form Envoy accepts: a single mapping in place of a list, camelCase, a TypedStruct.
- A field, a value or an extension that it does not know is a note. On the path of a request, from the listener to the router, it is the
  finding ` + "`not-read`" + `: a way around the gate may be in it.
- It skips three kinds of listeners: those that only redirect or answer by themselves, those that lead only to Envoy's own admin interface or
  to another listener of the file, and the outbound listeners of a mesh's sidecar (` + "`node.id`" + ` begins with ` + "`sidecar~`" + `), which serve what the
  application itself calls. The last line of the output counts and names the latter.
- Of several ext_authz filters, the gate's are those whose cluster, name or stat_prefix has "jwtgate" in it or whose cluster has the
  port that jwtgate listens on; without such a sign, all of them.
- It asks nobody and looks no name up. It cannot tell what a script in a filter does, nor who else reaches your application.

With ` + "`--platform envoy-gateway` or `--platform istio`" + `, whose users do not write Envoy's configuration, a finding names the platform's own
field. What the platform leaves as it is and has no field for is a note, which says what sets it all the same, or what jwtgate does in
its place. What is only so because somebody patched it stays a finding.

Each rule but those about the file itself is shown on a real Envoy 1.40 by the end-to-end tests: the setting does what stands here, and its
mend ends it. The platforms' fields are from their documentation and sources, which change; no Envoy Gateway and no Istio ran.

Written from the program; ` + "`go test ./internal/envoylint -run TestRulesPage -update`" + ` writes it anew.
`)
	for _, group := range envoylint.Groups() {
		fmt.Fprintf(&b, "\n## %s\n\n| id | opens | what is found | what comes of it | to mend it |\n|---|---|---|---|---|\n", group.Title)
		for _, r := range group.Rules {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.ID, r.Opens, cell(r.What), cell(r.Why), cell(r.Mend))
		}
	}
	b.WriteString("\n## By platform\n\n*Note:* what the platform has no field for. A rule that is not here is mended as above.\n\n| id | Envoy Gateway | Istio |\n|---|---|---|\n")
	for _, r := range envoylint.Rules() {
		if r.Gateway != (envoylint.Way{}) || r.Istio != (envoylint.Way{}) {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, way(r.Gateway), way(r.Istio))
		}
	}
	return b.String()
}

func way(w envoylint.Way) string {
	switch {
	case w.Without != "":
		return "*Note:* " + cell(w.Without)
	case w.Field != "":
		return cell(w.Field)
	default:
		return "as above"
	}
}

// cell writes a text so that Markdown changes nothing in it.
func cell(text string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", "&lt;").Replace(text)
}
