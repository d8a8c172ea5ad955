package envoylint_test

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// TestPlatforms: what a platform's user can set stays a finding, by the platform's
// own field; what he cannot is a note.
func TestPlatforms(t *testing.T) {
	for _, row := range []struct {
		file     string
		platform envoylint.Platform
		want     []string
		says     []string
	}{
		{
			"testdata/envoy-gateway.yaml", envoylint.Gateway,
			[]string{
				"cluster-elsewhere?", "early-strip-missing", "ext-authz-disabled", "max-retries", "mutation-rules-missing?", "no-health-check",
				"no-retry", "raw-headers?", "request-headers-timeout?", "request-trailers?", "status-on-error?", "validate-mutations?",
			},
			[]string{
				"ext_authz is off for the route httproute/default/admin/rule/0", "let the SecurityPolicy with extAuth.grpc target the Gateway",
				"ClientTrafficPolicy: headers.earlyRequestHeaders.remove", "an EnvoyPatchPolicy sets it",
			},
		},
		{
			"testdata/istio.yaml", envoylint.Istio,
			[]string{
				"cluster-elsewhere?", "cors-behind-ext-authz?", "early-strip-missing?", "escaped-slashes", "grpc-timeout", "mutation-rules-missing?",
				"no-health-check?", "no-retry?", "raw-headers?", "request-headers-timeout?", "request-trailers?", "slashes-not-merged", "status-on-error", "underscore-headers?", "validate-mutations?",
			},
			[]string{
				"meshConfig.pathNormalization.normalization: MERGE_SLASHES", `meshConfig.extensionProviders[].envoyExtAuthzGrpc.statusOnError: "503"`,
				"list the origins under cors.origins in jwtgate.yaml", "an EnvoyFilter sets it",
			},
		},
		{
			"testdata/istio-sidecar.yaml", envoylint.Istio,
			[]string{
				"cluster-elsewhere?", "cors-behind-ext-authz?", "early-strip-missing?", "escaped-slashes", "grpc-timeout", "mutation-rules-missing?",
				"no-health-check?", "no-retry?", "raw-headers?", "request-headers-timeout?", "request-trailers?", "slashes-not-merged", "status-on-error", "underscore-headers?", "validate-mutations?",
			},
			[]string{
				"meshConfig.pathNormalization.normalization: MERGE_SLASHES", `meshConfig.extensionProviders[].envoyExtAuthzGrpc.statusOnError: "503"`,
				"list the origins under cors.origins in jwtgate.yaml", "an EnvoyFilter sets it",
				"1 HTTP connection manager looked at; skipped 1 outbound listener of this sidecar: 0.0.0.0_8080",
			},
		},
	} {
		t.Run(row.file, func(t *testing.T) {
			report := lint(t, read(t, row.file), plainGate(), row.platform)
			holds(t, report, row.want...)
			var text bytes.Buffer
			if err := report.WriteText(&text, envoylint.Layout{}); err != nil {
				t.Fatal(err)
			}
			for _, says := range row.says {
				if !strings.Contains(text.String(), says) {
					t.Errorf("it does not say %q:\n%s", says, &text)
				}
			}
			// To whoever writes Envoy's configuration himself all of it is his to mend.
			alone := lint(t, read(t, row.file), plainGate(), envoylint.Plain)
			for _, f := range alone.Findings {
				if f.Note != (f.Rule.Opens == envoylint.Remark) {
					t.Errorf("without a platform: %s", f)
				}
			}
			if len(alone.Findings) != len(report.Findings) {
				t.Errorf("%d findings without the platform and %d with it", len(alone.Findings), len(report.Findings))
			}
		})
	}
}

// TestIstioAsksAboutSome: an AuthorizationPolicy whose rules match some requests
// leaves the others unchecked, and that is his to mend who wrote it.
func TestIstioAsksAboutSome(t *testing.T) {
	text := read(t, "testdata/istio.yaml")
	for name, edited := range map[string]string{
		"by path":                 strings.Replace(text, "rules: [ { any: true } ]", "rules: [ { any: true }, { url_path: { path: { prefix: /admin } } } ]", 1),
		"by principal":            strings.Replace(text, "ids: [ { any: true } ]", "ids: [ { header: { name: a } } ]", 1),
		"by another":              strings.Replace(text, "istio-ext-authz-ns-gate-rule-0", "other", 1),
		"by the rest":             strings.Replace(text, "value: { string_match: { prefix: istio-ext-authz } }", "value: { string_match: { prefix: istio-ext-authz } }\n                    invert: true", 1),
		"by a rule before":        strings.Replace(text, "policies: { istio", "policies: { a: { permissions: [ { url_path: { path: { prefix: /b } } } ], principals: [ { any: true } ] }, istio", 1),
		"by another key":          strings.Replace(text, "istio_ext_authz_shadow_effective_policy_id", "istio_dry_run_shadow_effective_policy_id", 1),
		"by a condition":          strings.Replace(text, "ids: [ { any: true } ] } } ]", "ids: [ { any: true } ] } } ], condition: { const_expr: { bool_value: false } }", 1),
		"by a filter that is off": strings.Replace(text, "              - name: envoy.filters.http.rbac\n", "              - name: envoy.filters.http.rbac\n                disabled: true\n", 1),
		"by no filter":            strings.Replace(text, "filter: envoy.filters.http.rbac", "filter: other", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if edited == text {
				t.Fatal("nothing was edited")
			}
			found := false
			for _, f := range lint(t, edited, plainGate(), envoylint.Istio).Findings {
				found = found || f.Rule.ID == "ext-authz-conditional" && !f.Note && strings.Contains(f.Mend, "one empty rule (rules: [{}])")
			}
			if !found {
				t.Error("it is not found")
			}
		})
	}
}

// TestRulesAreWhole: each rule has its texts, once, and is reported somewhere; what
// is reported and what the platforms name are rules that there are.
func TestRulesAreWhole(t *testing.T) {
	known := map[string]bool{}
	for _, rule := range envoylint.Rules() {
		if known[rule.ID] {
			t.Errorf("%s is there twice", rule.ID)
		}
		known[rule.ID] = true
		if strings.Trim(rule.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("%q is not in kebab case", rule.ID)
		}
		for _, way := range []envoylint.Way{rule.Gateway, rule.Istio} {
			if way.Field != "" && way.Without != "" {
				t.Errorf("%s: both %q and %q", rule.ID, way.Field, way.Without)
			}
		}
		for name, text := range map[string]string{"what": rule.What, "why": rule.Why, "mend": rule.Mend, "opens": string(rule.Opens)} {
			if text == "" || strings.ContainsAny(text, "|\n") || name != "what" && strings.HasSuffix(text, ".") {
				t.Errorf("%s: its %s is %q", rule.ID, name, text)
			}
		}
	}
	for _, name := range envoylint.WayNames() {
		if !known[name] {
			t.Errorf("a platform names %s, and there is no such rule", name)
		}
	}
	reported := reportedIDs(t)
	for name := range reported {
		if !known[name] {
			t.Errorf("%s is reported, and there is no such rule", name)
		}
	}
	for name := range known {
		if !reported[name] {
			t.Errorf("%s is never reported", name)
		}
	}
}

// reportedIDs are the rules that the package's sources report, each by a literal.
func reportedIDs(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`\bl\.report(?:Mend)?\(([^,]*),`)
	all := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, match := range call.FindAllStringSubmatch(read(t, file), -1) {
			if match[1] == "id" { // report hands on what it was given
				continue
			}
			id, err := strconv.Unquote(match[1])
			if err != nil {
				t.Errorf("%s: %s is no literal", file, match[0])
			}
			all[id] = true
		}
	}
	return all
}
