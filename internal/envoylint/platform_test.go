package envoylint_test

import (
	"bytes"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// TestPlatforms: a setting that users of a platform can change is a finding with the
// platform's field; a setting that they cannot change is a note.
func TestPlatforms(t *testing.T) {
	for _, row := range []struct {
		file     string
		platform envoylint.Platform
		want     []string
		texts    []string
	}{
		{
			"testdata/envoy-gateway.yaml", envoylint.Gateway,
			[]string{
				"cluster-elsewhere?", "early-strip-missing", "ext-authz-disabled", "max-retries", "mutation-rules-missing?", "no-health-check",
				"no-retry", "raw-headers?", "request-headers-timeout?", "request-trailers?", "status-on-error?", "validate-mutations?",
			},
			[]string{
				"ext_authz is off for the route httproute/default/admin/rule/0", "let the SecurityPolicy with extAuth.grpc target the Gateway",
				"ClientTrafficPolicy: headers.earlyRequestHeaders.remove", "only an EnvoyPatchPolicy can set it",
			},
		},
		{
			"testdata/istio.yaml", envoylint.Istio,
			[]string{
				"cluster-elsewhere?", "cors-behind-ext-authz?", "early-strip-missing?", "escaped-slashes", "grpc-timeout", "mutation-rules-missing?",
				"no-health-check?", "no-retry?", "raw-headers?", "request-headers-timeout?", "request-trailers?",
				"slashes-not-merged", "status-on-error", "underscore-headers?", "validate-mutations?",
			},
			[]string{
				"meshConfig.pathNormalization.normalization: MERGE_SLASHES", `meshConfig.extensionProviders[].envoyExtAuthzGrpc.statusOnError: "503"`,
				"list the origins under cors.origins in jwtgate.yaml", "only an EnvoyFilter can set it",
			},
		},
		{
			"testdata/istio-sidecar.yaml", envoylint.Istio,
			[]string{
				"cluster-elsewhere?", "cors-behind-ext-authz?", "early-strip-missing?", "escaped-slashes", "grpc-timeout", "mutation-rules-missing?",
				"no-health-check?", "no-retry?", "raw-headers?", "request-headers-timeout?", "request-trailers?",
				"slashes-not-merged", "status-on-error", "underscore-headers?", "validate-mutations?",
			},
			[]string{
				"meshConfig.pathNormalization.normalization: MERGE_SLASHES", `meshConfig.extensionProviders[].envoyExtAuthzGrpc.statusOnError: "503"`,
				"list the origins under cors.origins in jwtgate.yaml", "only an EnvoyFilter can set it",
				"1 HTTP connection manager checked; skipped 1 outbound listener of this sidecar: 0.0.0.0_8080",
			},
		},
	} {
		t.Run(row.file, func(t *testing.T) {
			report := lint(t, read(t, row.file), plainGate(), row.platform)
			wantFindings(t, report, row.want...)
			var text bytes.Buffer
			if err := report.WriteText(&text, envoylint.Layout{}); err != nil {
				t.Fatal(err)
			}
			for _, want := range row.texts {
				if !strings.Contains(text.String(), want) {
					t.Errorf("%q is missing in:\n%s", want, &text)
				}
			}
			// Without a platform, only findings of notes are notes.
			alone := lint(t, read(t, row.file), plainGate(), envoylint.Plain)
			for _, f := range alone.Findings {
				if f.Note != (f.Rule.Severity == envoylint.Note) {
					t.Errorf("without a platform, this is a note or should be one: %s", f)
				}
			}
			if len(alone.Findings) != len(report.Findings) {
				t.Errorf("%d findings without the platform and %d with it", len(alone.Findings), len(report.Findings))
			}
		})
	}
}

// TestIstioChecksSomeRequests: an AuthorizationPolicy whose rules match some requests
// leaves the others unchecked, which is a finding with a fix for Istio.
func TestIstioChecksSomeRequests(t *testing.T) {
	text := read(t, "testdata/istio.yaml")
	for name, edited := range map[string]string{
		"by path": strings.Replace(text, "rules: [ { any: true } ]",
			"rules: [ { any: true }, { url_path: { path: { prefix: /admin } } } ]", 1),
		"by principal": strings.Replace(text, "ids: [ { any: true } ]", "ids: [ { header: { name: a } } ]", 1),
		"by another":   strings.Replace(text, "istio-ext-authz-ns-gate-rule-0", "other", 1),
		"by the rest": strings.Replace(text, "value: { string_match: { prefix: istio-ext-authz } }",
			"value: { string_match: { prefix: istio-ext-authz } }\n                    invert: true", 1),
		"by a rule before": strings.Replace(text, "policies: { istio",
			"policies: { a: { permissions: [ { url_path: { path: { prefix: /b } } } ], principals: [ { any: true } ] }, istio", 1),
		"by another key": strings.Replace(text, "istio_ext_authz_shadow_effective_policy_id",
			"istio_dry_run_shadow_effective_policy_id", 1),
		"by a condition": strings.Replace(text, "ids: [ { any: true } ] } } ]",
			"ids: [ { any: true } ] } } ], condition: { const_expr: { bool_value: false } }", 1),
		"by a filter " +
			"that is off": strings.Replace(text, "              - name: envoy.filters.http.rbac\n",
			"              - name: envoy.filters.http.rbac\n                disabled: true\n", 1),
		"by no filter": strings.Replace(text, "filter: envoy.filters.http.rbac", "filter: other", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if edited == text {
				t.Fatal("the edit changed nothing")
			}
			found := false
			for _, f := range lint(t, edited, plainGate(), envoylint.Istio).Findings {
				found = found || f.Rule.ID == "ext-authz-conditional" && !f.Note && strings.Contains(f.Fix, "one empty rule (rules: [{}])")
			}
			if !found {
				t.Error("there is no finding")
			}
		})
	}
}

// TestRulesAreComplete: the file with the rules has no mistake, each rule has an id of its
// own, a severity and all texts, and some code reports it; code reports no other rules.
func TestRulesAreComplete(t *testing.T) {
	if err := envoylint.RulesError(); err != nil {
		t.Error(err)
	}
	known := map[string]bool{}
	for _, rule := range envoylint.Rules() {
		if known[rule.ID] {
			t.Errorf("%s is listed twice", rule.ID)
		}
		known[rule.ID] = true
		if strings.Trim(rule.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("%q is not in kebab case", rule.ID)
		}
		for _, fix := range []envoylint.PlatformFix{rule.Gateway, rule.Istio} {
			if fix.Field != "" && fix.Without != "" {
				t.Errorf("%s has both %q and %q", rule.ID, fix.Field, fix.Without)
			}
		}
		if !slices.Contains([]envoylint.Severity{envoylint.Hole, envoylint.Outage, envoylint.Note}, rule.Severity) {
			t.Errorf("%s has the severity %q", rule.ID, rule.Severity)
		}
		texts := map[string]string{"what": rule.What, "why": rule.Why, "fix": rule.Fix}
		for name, text := range texts {
			if text == "" || strings.ContainsAny(text, "|\n") || name != "what" && strings.HasSuffix(text, ".") {
				t.Errorf("%s: its %s is %q", rule.ID, name, text)
			}
		}
	}
	reported := reportedIDs(t)
	for name := range reported {
		if !known[name] {
			t.Errorf("the code reports the unknown rule %s", name)
		}
	}
	for name := range known {
		if !reported[name] {
			t.Errorf("no code reports %s", name)
		}
	}
}

// reportedIDs returns the rules that the package's sources report, each by a literal.
func reportedIDs(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`\bl\.report(?:Fix)?\(([^,]*),`)
	all := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, match := range call.FindAllStringSubmatch(read(t, file), -1) {
			if match[1] == "id" { // in report itself
				continue
			}
			id, err := strconv.Unquote(match[1])
			if err != nil {
				t.Errorf("%s: %s is not a literal", file, match[0])
			}
			all[id] = true
		}
	}
	return all
}
