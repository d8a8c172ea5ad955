package envoylint_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

const (
	unasked = "              - match: { path_separated_prefix: /public }\n                route: { cluster: app, timeout: 0s }\n" +
		"                typed_per_filter_config: { envoy.filters.http.ext_authz: { " + perRoute + ", disabled: true } }\n"
	ignoring = "            ignore_path_parameters_in_path_matching: true\n            virtual_hosts:\n"
	hosts    = "            virtual_hosts:\n"
	runtime  = "re2.max_program_size.error_level: 1000"
	guards   = runtime + ", envoy.reloadable_features."
)

// rbac is an RBAC filter with one permission, before the gate.
func rbac(field, action, permission string) string {
	return "          - name: rbac\n            typed_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC, " +
		field + ": { action: " + action + ", policies: { p: { principals: { any: true }, permissions: { " + permission + " } } } } }\n"
}

// filter puts a filter before the gate.
func filter(text string) []string { return []string{authzFilter, text + authzFilter} }

func oauth2() string {
	return "          - name: oauth2\n            typed_config: { \"@type\": type.googleapis.com/" +
		"envoy.extensions.filters.http.oauth2.v3.OAuth2 }\n"
}

const (
	role     = "header: { name: x-role, string_match: { exact: admin } }"
	evil     = "header: { name: x-role, string_match: { safe_regex: { regex: a } } }"
	override = "              - match: { prefix: /other }\n                route: { cluster: app, timeout: 0s }\n" +
		"                typed_per_filter_config: { envoy.filters.http.ext_authz: { " + perRoute +
		", check_settings: { grpc_service: { envoy_grpc: { cluster_name: jwtgate } } } } }\n"
	connect = "              - match: { connect_matcher: {} }\n                route: { cluster: app, timeout: 0s }\n"
	partner = "          - name: partner\n            typed_config: { \"@type\": type.googleapis.com/" +
		"envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, grpc_service: { envoy_grpc: { cluster_name: app_grpc } } }\n"
	roleRoute = "              - match: { prefix: /, headers: { name: x-role, string_match: { exact: admin } } }\n" +
		"                direct_response: { status: 403 }\n"
)

// releaseRow is a file with a setting, the releases in which its effect is there and those
// in which it is not, and the finding.
type releaseRow struct {
	name      string
	edits     []string
	open      string // releases, with spaces between them
	closed    string
	id        string
	always    []string // findings that the file has in every release
	semicolon bool
}

// september are the releases before and with the fixes of one day.
const (
	beforeSeptember = "1.36.0 1.36.9 1.37.0 1.37.5 1.38.3 1.39.0"
	sinceSeptember  = "1.36.10 1.36.13 1.37.6 1.38.4 1.38.8 1.39.1 1.40.0"
)

func releaseRows() []releaseRow {
	off := []string{"ext-authz-disabled"}
	return []releaseRow{
		{name: "a server of its own", id: "override-crash", edits: []string{firstRoute, firstRoute + override},
			open: "1.36.0 1.36.8 1.37.0 1.37.4 1.38.0 1.38.2", closed: "1.36.9 1.37.5 1.38.3 1.39.0 1.40.0"},
		{name: "CONNECT and another ext_authz server", id: "connect-crash", edits: append(filter(partner), firstRoute, firstRoute+connect),
			open: beforeSeptember, closed: sinceSeptember, always: []string{"filter-calls-application"}},
		{name: "CONNECT and another ext_authz server after the gate", closed: beforeSeptember,
			edits: []string{router, partner + router, firstRoute, firstRoute + connect}},
		{name: "CONNECT without the gate and another ext_authz server", id: "connect-crash", open: "1.39.0", closed: sinceSeptember,
			edits: []string{router, partner + router, firstRoute, firstRoute + strings.Replace(unasked,
				"path_separated_prefix: /public", "connect_matcher: {}", 1)}, always: off},
		{name: "CONNECT and only the gate", edits: []string{firstRoute, firstRoute + connect}, closed: beforeSeptember},
		{name: "another ext_authz server without CONNECT", edits: filter(partner), closed: beforeSeptember,
			always: []string{"filter-calls-application"}},
		{name: "a route without the gate", id: "path-parameters", edits: []string{firstRoute, firstRoute + unasked},
			open: beforeSeptember, closed: sinceSeptember, always: off},
		{name: "an exact path without the gate", closed: beforeSeptember, always: off,
			edits: []string{firstRoute, firstRoute + strings.Replace(unasked, "path_separated_prefix", "path", 1)}},
		{name: "a path that Envoy does not normalize", closed: beforeSeptember, always: append([]string{"path-not-normalized"}, off...),
			edits: []string{firstRoute, firstRoute + unasked, "normalize_path: true", "normalize_path: false"}},
		{name: "path parameters that routes ignore", id: "path-parameters", open: beforeSeptember, closed: sinceSeptember, always: off,
			edits: []string{firstRoute, firstRoute + strings.Replace(unasked, "path_separated_prefix", "path", 1), hosts, ignoring}},
		{name: "path parameters that routes ignore, with the gate", closed: beforeSeptember, edits: []string{hosts, ignoring}},
		{name: "path parameters that RBAC does not ignore", id: "path-parameters", semicolon: true,
			edits: append(filter(rbac("rules", "DENY", "url_path: { path: { exact: /admin } }")), hosts, ignoring),
			open:  beforeSeptember, closed: sinceSeptember},
		{name: "path parameters that the gate denies", closed: beforeSeptember,
			edits: append(filter(rbac("rules", "DENY", "url_path: { path: { exact: /admin } }")), hosts, ignoring)},
		{name: "a header in RBAC", id: "header-values", edits: filter(rbac("rules", "DENY", role)),
			open: "1.36.0 1.36.4 1.37.0", closed: "1.36.5 1.37.1 1.38.0 1.40.0"},
		{name: "a header in RBAC that is only logged", edits: filter(rbac("shadow_rules", "DENY", role)), closed: "1.37.0"},
		{name: "a header in RBAC that only has to be there", closed: "1.37.0",
			edits: filter(rbac("rules", "DENY", "header: { name: x-role, present_match: true }"))},
		{name: "an identity header in RBAC", closed: "1.37.0",
			edits: []string{router, rbac("rules", "DENY", strings.Replace(role, "x-role", "x-user-groups", 1)) + router}},
		{name: "the method in RBAC", closed: "1.37.0", edits: filter(rbac("rules", "DENY", strings.Replace(role, "x-role", "':method'", 1)))},
		{name: "a regular expression in RBAC", id: "header-values", edits: filter(rbac("rules", "DENY", evil)),
			open: beforeSeptember, closed: sinceSeptember},
		{name: "a negated regular expression in RBAC", id: "header-values", edits: filter(rbac("rules", "ALLOW", "not_rule: { "+evil+" }")),
			open: "1.39.0", closed: sinceSeptember},
		{name: "a regular expression that has to match", edits: filter(rbac("rules", "ALLOW", evil)), closed: "1.39.0"},
		{name: "a header in a route", id: "header-values", always: off,
			edits: []string{firstRoute, firstRoute + roleRoute + strings.Replace(unasked, "path_separated_prefix", "path", 1)},
			open:  "1.36.10 1.37.0 1.37.6 1.38.4", closed: "1.38.5 1.39.0 1.40.0"},
		{name: "a header in a route, with the gate", edits: []string{firstRoute, firstRoute + roleRoute}, closed: "1.37.0"},
		{name: "the oauth2 filter with GCM", id: "oauth2-cookies", always: []string{"oauth2-off"}, // it has no config
			edits: append(filter(oauth2()), runtime, guards+"oauth2_use_gcm_encryption: true, "+
				"envoy.reloadable_features.oauth2_legacy_cbc_decrypt_compat: false"),
			open: "1.36.8 1.37.4 1.38.2", closed: "1.36.9 1.37.5 1.38.3 1.39.0 1.40.0"},
	}
}

// TestReleases: a rule about releases reports those that an advisory or a release note
// names as affected, patch releases included, and only where the file has the setting.
func TestReleases(t *testing.T) {
	for _, row := range releaseRows() {
		t.Run(row.name, func(t *testing.T) {
			gate := plainGate()
			gate.Semicolon = row.semicolon
			text := shippedWith(t, row.edits...)
			for _, one := range strings.Fields(row.open) {
				wantFindings(t, lintVersion(t, text, gate, one), append([]string{row.id}, row.always...)...)
			}
			for _, one := range append(strings.Fields(row.closed), "") {
				wantFindings(t, lintVersion(t, text, gate, one), row.always...)
			}
			if row.open != "" {
				first := strings.Fields(row.open)[0]
				report := lintVersion(t, text, gate, first)
				at := slices.IndexFunc(report.Findings, func(f envoylint.Finding) bool { return f.Rule.ID == row.id })
				if f := report.Findings[at]; !strings.Contains(f.Text, "Envoy "+first+" does not have the fix of ") ||
					!strings.HasPrefix(f.Fix, "use Envoy 1.") {
					t.Errorf("got %s", f)
				}
			}
		})
	}
}

// lintVersion is lint for a release; empty for an unknown one.
func lintVersion(t *testing.T, text string, gate envoylint.Gate, release string) *envoylint.Report {
	t.Helper()
	var version envoylint.Version
	if release != "" {
		var err error
		if version, err = envoylint.ParseVersion(release); err != nil {
			t.Fatal(err)
		}
	}
	report, err := envoylint.LintVersion("envoy.yaml", []byte(text), gate, envoylint.Plain, version)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestVersionOfOneCall: a version counts for one call, and not for the next one with the same
// file.
func TestVersionOfOneCall(t *testing.T) {
	file, err := envoylint.Read("envoy.yaml", []byte(shippedWith(t, firstRoute, firstRoute+override)))
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []struct {
		version envoylint.Version
		want    []string
	}{{envoylint.Version{Major: 1, Minor: 38}, []string{"override-crash"}}, {envoylint.Version{}, nil}} {
		report, err := file.Lint(plainGate(), envoylint.Plain, call.version)
		if err != nil {
			t.Fatal(err)
		}
		wantFindings(t, report, call.want...)
	}
}

// TestUnknownReleases: a version that is not in the table is a note, and nothing more,
// whether it is in the dump or not.
func TestUnknownReleases(t *testing.T) {
	open := shippedWith(t, firstRoute, firstRoute+override)
	for _, one := range []string{"1.35.13", "1.36.14", "1.40.1", "1.41.0", "2.36.1", "1.38.2-dev", "v1.39.0-a.b"} {
		wantFindings(t, lintVersion(t, open, plainGate(), one), "envoy-version?")
	}
	node := func(build string) string {
		return strings.Replace(open, "\nadmin:\n", "\nnode: { user_agent_build_version: { "+build+" } }\nadmin:\n", 1)
	}
	for build, want := range map[string][]string{
		"version: { major_number: 1, minor_number: 38, patch: 2 }":                                 {"override-crash"},
		"version: { major_number: 1, minor_number: 38 }, metadata: { build.type: RELEASE }":        {"override-crash"},
		"version: { major_number: 1, minor_number: 38, patch: 3 }":                                 nil,
		"version: { major_number: 1, minor_number: 38, patch: 2 }, metadata: { build.label: dev }": {"envoy-version?"},
		"version: { major_number: 1, minor_number: 99 }":                                           {"envoy-version?"},
		"metadata: { build.type: RELEASE }":                                                        nil,
	} {
		wantFindings(t, lint(t, node(build), plainGate(), envoylint.Plain), want...)
	}
	wantFindings(t, lintVersion(t, node("version: { major_number: 1, minor_number: 38, patch: 2 }"), plainGate(), "1.38.3"))
	report := lintVersion(t, open, plainGate(), "1.41.0")
	if text := report.Findings[0].String(); !strings.Contains(text, "nothing is known about Envoy 1.41.0") {
		t.Errorf("got %s", text)
	}
}

// TestParseVersion: a version has three numbers, and may have a v and a label.
func TestParseVersion(t *testing.T) {
	for text, want := range map[string]envoylint.Version{
		"1.38.4":      {Major: 1, Minor: 38, Patch: 4},
		"v1.40.0":     {Major: 1, Minor: 40},
		"1.38.4-dev":  {Major: 1, Minor: 38, Patch: 4, Label: "dev"},
		"01.038.0004": {Major: 1, Minor: 38, Patch: 4},
	} {
		if got, err := envoylint.ParseVersion(text); got != want || err != nil {
			t.Errorf("%s: got %+v and %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1.38", "1.38.x", "1.38.4.5", "1.38.4-", "latest", "1.38.4\n", "-1.38.4", "1.38.40000"} {
		if got, err := envoylint.ParseVersion(text); err == nil || !strings.Contains(err.Error(), "expected one such as 1.38.4") {
			t.Errorf("%q: got %+v and %v", text, got, err)
		}
	}
}

// TestGuards: a runtime guard that switches off a fix is a finding in any release, and its
// default is none. What the guards of the oauth2 filter do depends on the filter.
func TestGuards(t *testing.T) {
	_, fixes, err := envoylint.VersionTable()
	if err != nil {
		t.Fatal(err)
	}
	for _, fix := range fixes {
		for guard, on := range fix.Guards {
			value, other := "true", "false"
			if !on {
				value, other = other, value
			}
			wantFindings(t, lint(t, shippedWith(t, runtime, runtime+", "+guard+": "+value), plainGate(), envoylint.Plain))
			var want []string
			if !fix.OptIn {
				want = []string{"fix-switched-off"}
				wantFindings(t, lint(t, shippedWith(t, runtime, runtime+", "+guard+": 0"), plainGate(), envoylint.Plain), "not-read")
			}
			wantFindings(t, lint(t, shippedWith(t, runtime, runtime+", "+guard+": "+other), plainGate(), envoylint.Plain), want...)
		}
	}
	for layer, want := range map[string][]string{
		runtime: {"oauth2-cookies"},
		guards + "oauth2_use_gcm_encryption: true":         {"oauth2-cookies"},
		guards + "oauth2_legacy_cbc_decrypt_compat: false": {"oauth2-cookies"},
		guards + "oauth2_use_gcm_encryption: false, " +
			"envoy: { reloadable_features: { oauth2_legacy_cbc_decrypt_compat: false } }": {"oauth2-cookies"},
		guards + "oauth2_use_gcm_encryption: true, envoy.reloadable_features.oauth2_legacy_cbc_decrypt_compat: false": nil,
	} {
		wantFindings(t, lint(t, shippedWith(t, append(filter(oauth2()), runtime, layer)...), plainGate(), envoylint.Plain),
			append(want, "oauth2-off")...) // the filter has no config
	}
}

// TestJWTClaims: a rate limit by a claim of an unverified token is found in a filter and in
// a route.
func TestJWTClaims(t *testing.T) {
	claim := "{ actions: { extension: { name: claim, typed_config: { \"@type\": type.googleapis.com/" +
		"envoy.extensions.rate_limit_descriptors.jwt_claim.v3.Descriptor, descriptor_key: user, " +
		"header_name: authorization, claim_name: sub } } } }"
	limit := "          - name: limit\n            typed_config: { \"@type\": type.googleapis.com/" +
		"envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: limit, rate_limits: " + claim + " }\n"
	wantFindings(t, lint(t, shippedWith(t, filter(limit)...), plainGate(), envoylint.Plain), "jwt-claim-unverified")
	wantFindings(t, lint(t, shippedWith(t, vhost, vhost+"              rate_limits: "+claim+"\n"), plainGate(), envoylint.Plain),
		"jwt-claim-unverified")
}

// TestVersionsAreComplete: each fix has sources and releases in ascending order, the code
// asks for each fix that is not only a guard, and asks for no other.
func TestVersionsAreComplete(t *testing.T) {
	_, fixes, err := envoylint.VersionTable()
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, match := range regexp.MustCompile(`\bl\.lacks\("([^"]+)"\)`).FindAllStringSubmatch(sources(t), -1) {
		asked[match[1]] = true
	}
	for _, fix := range fixes {
		if !asked[fix.ID] {
			t.Errorf("no rule asks for %s", fix.ID)
		}
		delete(asked, fix.ID)
		if len(fix.Affected) == 0 || len(fix.Sources) == 0 {
			t.Errorf("%s has %d spans and %d sources", fix.ID, len(fix.Affected), len(fix.Sources))
		}
		for _, source := range fix.Sources {
			if !strings.HasPrefix(source, "https://") {
				t.Errorf("%s: the source %q is not a URL", fix.ID, source)
			}
		}
		for _, span := range fix.Affected {
			if span[0].Minor != span[1].Minor || span[0].Patch >= span[1].Patch {
				t.Errorf("%s: from %s to before %s", fix.ID, span[0], span[1])
			}
		}
		for guard := range fix.Guards {
			if !strings.HasPrefix(guard, "envoy.reloadable_features.") {
				t.Errorf("%s: the guard %q", fix.ID, guard)
			}
		}
	}
	for id := range asked {
		t.Errorf("the code asks for %s, which the table does not have", id)
	}
}

// sources returns the package's sources.
func sources(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			all.WriteString(read(t, file))
		}
	}
	return all.String()
}
