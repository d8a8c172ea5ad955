//go:build !race

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// promtool runs promtool in a folder and returns what it printed.
func promtool(t *testing.T, folder string, args ...string) string {
	t.Helper()
	cmd := exec.Command(promtoolBinary, args...)
	cmd.Dir = folder
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("promtool %q: %v\n%s", args, err, output)
	}
	return string(output)
}

// selector is a selector of a PromQL expression.
type selector struct {
	metric   string
	matchers []matcher
}

type matcher struct{ label, kind, value string }

// selectors are those of an expression, and the labels that it groups or matches
// by. promtool parses it: it adds a matcher to each selector, and prints the
// expression in one form.
func selectors(t *testing.T, expression string) (asked []selector, grouped []string) {
	t.Helper()
	form := promtool(t, ".", "--experimental", "promql", "label-matchers", "set", "-t", "=", expression, "probe", "here")
	const one = `[a-zA-Z0-9_]+(?:=~|!~|!=|=)"(?:[^"\\]|\\.)*"`
	for _, found := range regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:`+one+`,?)*)\}`).FindAllStringSubmatch(form, -1) {
		s := selector{metric: found[1]}
		for _, m := range regexp.MustCompile(`([a-zA-Z0-9_]+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(found[2], -1) {
			if m[1] != "probe" {
				s.matchers = append(s.matchers, matcher{m[1], m[2], m[3]})
			}
		}
		asked = append(asked, s)
	}
	if n := strings.Count(form, `probe="here"`); n == 0 || n != len(asked) {
		t.Fatalf("%d of %d selectors were found in\n%s", len(asked), n, form)
	}
	for _, found := range regexp.MustCompile(
		`\b(?:by|without|on|ignoring|group_left|group_right) \(([^)]*)\)`).FindAllStringSubmatch(form, -1) {
		grouped = append(grouped, strings.FieldsFunc(found[1], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return asked, grouped
}

// labelsOf checks that servers expose the metrics of an expression, and returns their
// labels.
func labelsOf(t *testing.T, all map[string]metric, expression string) map[string]bool {
	t.Helper()
	labels := map[string]bool{"job": true, "instance": true} // which Prometheus adds
	asked, grouped := selectors(t, expression)
	for _, s := range asked {
		name, is := s.metric, metric{}
		if is = all[name]; is.kind == "" {
			name = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			if is = all[name]; is.kind != "histogram" {
				t.Errorf("%s: no server exposes %s", expression, s.metric)
				continue
			}
			labels["le"] = true
		}
		for label := range is.labels {
			labels[label] = true
		}
		for _, m := range s.matchers {
			if _, has := is.labels[m.label]; !has && m.label != "job" && m.label != "instance" {
				t.Errorf("%s: %s has no label %s", expression, name, m.label)
			}
			for _, value := range strings.Split(m.value, "|") {
				if !isValue(is, m.label, value) {
					t.Errorf("%s: %s of %s is never %q", expression, m.label, name, value)
				}
			}
		}
	}
	for _, label := range grouped {
		if !labels[label] {
			t.Errorf("%s: groups by %s, which none of its metrics has", expression, label)
		}
	}
	return labels
}

// isValue reports whether a label can have a value.
func isValue(of metric, label, value string) bool {
	switch label {
	case "job", "instance":
		return true
	case "verdict", "from", "to":
		return slices.Contains([]gate.Verdict{gate.VerdictAllow, gate.VerdictDeny, gate.VerdictAnswer}, gate.Verdict(value))
	case "reason":
		_, known := gate.LookupReason(gate.Reason(value))
		return known
	default:
		return of.labels[label][value]
	}
}

// alertRules are deploy/prometheus/alerts.yaml.
type alertRules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Labels      struct{ Severity string }
			Annotations struct {
				Summary, Description string
				Runbook              string `yaml:"runbook_url"`
			}
		}
	}
}

const prometheusFolder = "../../deploy/prometheus"

// TestAlertRules: promtool accepts the alert rules, and their tests show each alert firing
// and not firing. Each rule has a hint and the place of its documentation, and uses only
// metrics that running servers and Envoy expose.
func TestAlertRules(t *testing.T) {
	promtool(t, prometheusFolder, "check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml")
	promtool(t, prometheusFolder, "test", "rules", "alerts.test.yaml")
	var rules alertRules
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(prometheusFolder, "alerts.yaml"))), &rules); err != nil {
		t.Fatal(err)
	}
	tested := alertTests(t)
	page := read(t, "../../docs/operating.md")
	all := exposed(t)
	exposedByEnvoy(t, all)
	headings := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^### (Jwtgate\w+)$`).FindAllStringSubmatch(page, -1) {
		headings[found[1]] = true
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			labels := labelsOf(t, all, rule.Expr)
			if !slices.Contains([]string{"critical", "warning", "info"}, rule.Labels.Severity) {
				t.Errorf("%s has the severity %q", rule.Alert, rule.Labels.Severity)
			}
			text := rule.Annotations.Summary + rule.Annotations.Description
			if rule.Annotations.Summary == "" || len(rule.Annotations.Description) < 80 {
				t.Errorf("%s does not say what to do", rule.Alert)
			}
			for _, found := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
				if !labels[found[1]] {
					t.Errorf("%s names its label %s, which it does not have", rule.Alert, found[1])
				}
			}
			const pageAt = "https://github.com/jwtgate/jwtgate/blob/main/docs/operating.md#"
			if want := pageAt + strings.ToLower(rule.Alert); rule.Annotations.Runbook != want || !headings[rule.Alert] {
				t.Errorf("%s is explained at %s, want %s with such a heading", rule.Alert, rule.Annotations.Runbook, want)
			}
			if seen := tested[rule.Alert]; !seen.fires || !seen.rests {
				t.Errorf("%s: the tests see it fire: %v, and not fire: %v", rule.Alert, seen.fires, seen.rests)
			}
			delete(headings, rule.Alert)
			delete(tested, rule.Alert)
		}
	}
	if len(headings) > 0 || len(tested) > 0 {
		t.Errorf("there are no rules for the headings %v and the tests of %v", slices.Sorted(maps.Keys(headings)),
			slices.Sorted(maps.Keys(tested)))
	}
}

// TestScrapeConfiguration: promtool accepts the scrape configuration of docs/upgrading.md.
func TestScrapeConfiguration(t *testing.T) {
	found := regexp.MustCompile("(?s)<!-- scrape -->\n```yaml\n(.*?)```\n").FindStringSubmatch(read(t, "../../docs/upgrading.md"))
	if found == nil {
		t.Fatal("docs/upgrading.md has no scrape configuration")
	}
	file := testutil.File(t, "prometheus.yml", found[1])
	promtool(t, filepath.Dir(file), "check", "config", "--syntax-only", "--lint=all", "--lint-fatal", "prometheus.yml")
}

// seen is which states of an alert its tests cover.
type seen struct{ fires, rests bool }

// alertTests reads the expectations of alerts.test.yaml.
func alertTests(t *testing.T) map[string]seen {
	t.Helper()
	var file struct {
		Tests []struct {
			Expressions []struct {
				Expr    string
				Samples []any `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(prometheusFolder, "alerts.test.yaml"))), &file); err != nil {
		t.Fatal(err)
	}
	all := map[string]seen{}
	for _, test := range file.Tests {
		for _, e := range test.Expressions {
			found := regexp.MustCompile(`^ALERTS\{alertname="(\w+)",alertstate="firing"\}$`).FindStringSubmatch(e.Expr)
			if found == nil {
				t.Fatalf("a test of %s", e.Expr)
			}
			now := all[found[1]]
			now.fires, now.rests = now.fires || len(e.Samples) > 0, now.rests || len(e.Samples) == 0
			all[found[1]] = now
		}
	}
	return all
}

// dashboard is the relevant part of deploy/grafana/jwtgate.json.
type dashboard struct {
	UID, Title  string
	Annotations struct {
		List []struct{ Datasource, Expr any }
	}
	Templating struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
	Panels []struct {
		ID                       int
		Type, Title, Description string
		Datasource               struct{ UID string }
		GridPos                  struct{ H, W, X, Y int }
		Targets                  []struct {
			Expr, LegendFormat, RefID string
			Datasource                struct{ UID string }
		}
	}
}

// TestDashboard: each query of the Grafana dashboard uses only metrics that running servers
// expose, with the selected data source; panels do not overlap, and each has a description.
func TestDashboard(t *testing.T) {
	data, err := os.ReadFile("../../deploy/grafana/jwtgate.json")
	if err != nil {
		t.Fatal(err)
	}
	var board dashboard
	if err := json.Unmarshal(data, &board); err != nil {
		t.Fatal(err)
	}
	all := exposed(t)
	concrete := strings.NewReplacer("$__rate_interval", "5m")
	taken, ids, shown := map[[2]int]string{}, map[int]bool{}, ""
	for _, p := range board.Panels {
		if p.Title == "" || ids[p.ID] {
			t.Errorf("panel %d %q has no title, or another's id", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x > 23 {
					t.Fatalf("%q conflicts with %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("%q says nothing, asks nothing or has a data source of its own: %+v", p.Title, p)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("%q asks %q", p.Title, target.Datasource.UID)
			}
			shown += target.Expr + "\n"
			labels := labelsOf(t, all, concrete.Replace(target.Expr))
			for _, found := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if !labels[found[1]] {
					t.Errorf("%q names series by %s, which they do not have", p.Title, found[1])
				}
			}
		}
	}
	for name := range all {
		if strings.HasPrefix(name, "jwtgate_") && !regexp.MustCompile(`\b`+name+`(_sum|_count|_bucket)?\b`).MatchString(shown) {
			t.Errorf("no panel shows %s", name)
		}
	}
	for _, a := range board.Annotations.List {
		labelsOf(t, all, fmt.Sprint(a.Expr))
	}
	for _, v := range board.Templating.List {
		query := regexp.MustCompile(`query:label_values\(([^,{]+)(\{.*\})?, (\w+)\)`).FindStringSubmatch(fmt.Sprint(v.Query))
		if v.Type != "query" {
			continue
		}
		if query == nil || all[query[1]].kind == "" {
			t.Errorf("variable %s is filled by %v", v.Name, v.Query)
		}
	}
}
