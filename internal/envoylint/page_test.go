package envoylint_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

var update = flag.Bool("update", false, "write the page of rules")

const rulesPage = "../../docs/lint-envoy.md"

// TestRulesPage compares the page of rules with the table of rules. With -update it
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
			t.Errorf("%s is %d times on the page", rule.ID, n)
		}
	}
}

// sample is the command's output on a terminal for the shipped file with two changed
// settings.
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
jwtgate sees only what Envoy sends to it. It cannot see a route without ext_authz, a header that a client may forge, or a timeout that
loses requests when a replica fails. ` + "`jwtgate lint-envoy`" + ` finds them in Envoy's configuration, by comparing it with jwtgate's:

` + "```sh" + `
jwtgate lint-envoy --config jwtgate.yaml envoy.yaml
curl -s http://127.0.0.1:9901/config_dump | jwtgate lint-envoy --config jwtgate.yaml -       # the configuration of a running Envoy
kubectl exec POD -c istio-proxy -- pilot-agent request GET config_dump | jwtgate lint-envoy --config jwtgate.yaml --platform istio -
egctl config envoy-proxy all -o json | jwtgate lint-envoy --config jwtgate.yaml --platform envoy-gateway -
` + "```" + `

` + "```text\n" + sample(t) + "```" + `

Each finding has the place, the path of the setting, its id, what is wrong, what can happen, and what to write instead: in three lines
on a terminal, else in one line. Characters that cannot be printed are escaped (` + "`\\x1b`" +
		`). The exit code is 0 without findings, 1 with
findings or with mistakes in jwtgate.yaml, and 2 if the file could not be checked. A *hole* may let a hostile request reach the
application, an *outage* may make a legitimate request fail, and a *note* is worth knowing but never makes the exit code 1.

- It reads a bootstrap (YAML or JSON), the answer of ` + "`/config_dump`" + ` (whole, or a part by ` + "`?resource=`" +
		`), the output of egctl and istioctl
  that contains one, and a file of xDS resources. Only a dump has listeners, routes and clusters that Envoy fetches.
- It reads each value as the message type that Envoy reads it as, in the version of Envoy's API that jwtgate was built with (1.40). So it
  finds every connection manager, filter chain (including those of upgrades, matchers and composites) and route (including those of
  matchers and scopes), at any depth and in every form that Envoy accepts: a single mapping instead of a list, camelCase, a TypedStruct.
- A field, a value or an extension that it does not know is a note. On the path of a request, from the listener to the router, it is the
  finding ` + "`not-read`" + `, since requests may bypass the gate there.
- It skips three kinds of listeners: those that only redirect or answer requests themselves, those that lead only to Envoy's own admin
  interface or to another listener of the file, and the outbound listeners of a mesh's sidecar (` + "`node.id`" + ` begins with ` +
		"`sidecar~`" + `), which
  serve the application's own calls. The last line of the output counts and names the latter.
- If there are several ext_authz filters, the gate's are those whose cluster, name or stat_prefix contains "jwtgate" or whose cluster has
  the port that jwtgate listens on; without such a sign, all of them are.
- It opens no connection and looks up no name. It does not know what a script in a filter does, nor who else can connect to your
  application.

With ` + "`--platform envoy-gateway` or `--platform istio`" +
		`, whose users do not write Envoy's configuration, a finding names the platform's own
field. A setting for which the platform has no field is a note, which names another way to set it, or what jwtgate does instead. A
setting that only a patch can have caused remains a finding.

Rules about releases need the version of Envoy: a dump has it, and for a file, ` + "`--envoy-version 1.38.4`" + ` names it (it also replaces
the dump's). Without a version these rules report nothing. A build with a label, such as Istio's 1.38.2-dev, is not a release, and a note
says that nothing is known about it; if you know the release that it is built from, name that.

The end-to-end tests show each rule, except those about the file itself, on a real Envoy 1.40: the setting has the effect that is
described here, and the fix removes it. ` + "`make test-lint`" + ` shows the rules about releases on Envoy 1.37.0, 1.39.0 and 1.40.0, except
` + "`override-crash`" + `, whose crash depends on timing. The platforms' fields are from their documentation and sources, which change;
the tests run neither Envoy Gateway nor Istio.

Generated; to update, run ` + "`go test ./internal/envoylint -run TestRulesPage -update`" + `.
`)
	for _, group := range envoylint.Groups() {
		fmt.Fprintf(&b, "\n## %s\n\n| id | severity | what is wrong | what can happen | fix |\n|---|---|---|---|---|\n", group.Title)
		for _, r := range group.Rules {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.ID, r.Severity, cell(r.What), cell(r.Why), cell(r.Fix))
		}
	}
	b.WriteString(affected(t))
	b.WriteString("\n## By platform\n\n*Note:* the platform has no field for it. For rules that are not listed here, " +
		"the fix above applies.\n\n")
	b.WriteString("| id | Envoy Gateway | Istio |\n|---|---|---|\n")
	for _, r := range envoylint.Rules() {
		if r.Gateway != (envoylint.PlatformFix{}) || r.Istio != (envoylint.PlatformFix{}) {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, platformCell(r.Gateway), platformCell(r.Istio))
		}
	}
	return b.String()
}

func platformCell(fix envoylint.PlatformFix) string {
	switch {
	case fix.Without != "":
		return "*Note:* " + cell(fix.Without)
	case fix.Field != "":
		return cell(fix.Field)
	default:
		return "as above"
	}
}

// cell escapes a text for a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", "&lt;").Replace(text)
}

// affected is the table of releases.
func affected(t *testing.T) string {
	t.Helper()
	branches, fixes, err := envoylint.VersionTable()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n## Affected releases\n\nFrom `internal/envoylint/versions.yaml`, which covers the releases %s; nothing is known about "+
		"others.\n\n"+
		"| fix | releases that lack it | runtime guards that keep it on | sources |\n|---|---|---|---|\n", strings.Join(branches, ", "))
	for _, fix := range fixes {
		var spans, guards, sources []string
		for _, span := range fix.Affected {
			spans = append(spans, fmt.Sprintf("%s to before %s", span[0], span[1]))
		}
		for _, guard := range slices.Sorted(maps.Keys(fix.Guards)) {
			guards = append(guards, fmt.Sprintf("`%s`: %v", guard, fix.Guards[guard]))
		}
		if fix.OptIn {
			guards = append(guards, "off by default")
		}
		for i, source := range fix.Sources {
			sources = append(sources, fmt.Sprintf("[%d](%s)", i+1, source))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", fix.ID, strings.Join(spans, ", "), strings.Join(guards, ", "), strings.Join(sources, " "))
	}
	return b.String()
}
