package envoy_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/envoy"
)

// fragment returns the YAML of each piece by its title.
func fragment(t *testing.T, of *envoy.Existing) map[string]any {
	t.Helper()
	pieces, err := envoy.Fragment(of)
	if err != nil {
		t.Fatal(err)
	}
	trees := map[string]any{}
	for _, piece := range pieces {
		var tree any
		if err := yaml.Unmarshal([]byte(piece.YAML), &tree); err != nil {
			t.Fatalf("%s: %v\n%s", piece.Title, err, piece.YAML)
		}
		if piece.Where == "" || tree == nil {
			t.Errorf("%s has a place %q and the content %v", piece.Title, piece.Where, tree)
		}
		trees[piece.Title] = tree
	}
	return trees
}

// at returns the value at a path of keys and indices.
func at(t *testing.T, tree any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			tree = tree.(map[string]any)[step]
		case int:
			tree = tree.([]any)[step]
		}
		if tree == nil {
			t.Fatalf("nothing at %v", path)
		}
	}
	return tree
}

// TestFragment: the pieces are parts of the shipped file, whole and unchanged.
func TestFragment(t *testing.T) {
	var file any
	if err := yaml.Unmarshal(shipped(t), &file); err != nil {
		t.Fatal(err)
	}
	manager := at(t, file, "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config").(map[string]any)
	filters := at(t, manager, "http_filters").([]any)
	options := map[string]any{}
	for name, value := range manager {
		own := []string{"@type", "stat_prefix", "upgrade_configs", "access_log", "local_reply_config", "route_config",
			"early_header_mutation_extensions", "http_filters"}
		if !slices.Contains(own, name) {
			options[name] = value
		}
	}
	want := map[string]any{
		"the limit for regular expressions":  map[string]any{"layered_runtime": at(t, file, "layered_runtime")},
		"the connection manager's options":   options,
		"headers that clients must not send": map[string]any{"early_header_mutation_extensions": manager["early_header_mutation_extensions"]},
		"the filter for trailers":            filters[:1],
		"the filter that calls jwtgate":      filters[2:3],
		"the cluster of jwtgate":             at(t, file, "static_resources", "clusters").([]any)[:1],
		"the port in Host": map[string]any{
			"ignore_port_in_host_matching": at(t, manager, "route_config", "ignore_port_in_host_matching")},
		"the idle timeout of an application": map[string]any{
			"typed_extension_protocol_options": at(t, file, "static_resources", "clusters", 1, "typed_extension_protocol_options")},
	}
	got := fragment(t, nil)
	for title, part := range want {
		if !reflect.DeepEqual(got[title], part) {
			t.Errorf("%s:\n%v\nwant\n%v", title, got[title], part)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d pieces, want %d", len(got), len(want))
	}
}

// TestFragmentFitsAConfiguration: the pieces have the edits for a configuration.
func TestFragmentFitsAConfiguration(t *testing.T) {
	pieces, err := envoy.Fragment(&envoy.Existing{Listen: ":9101", Needs: envoy.Needs{
		Identity: []string{"x-team"}, Tokens: []string{"x-jwt"}, DoubleSlash: true,
		Overrides: envoy.OverrideNames(), Removed: envoy.OverrideNames(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, piece := range pieces {
		text.WriteString(piece.YAML)
	}
	for part, times := range map[string]int{
		"|x[^a-z0-9]team": 4, `- exact: "x-jwt"`: 1, "merge_slashes: false # edit": 1, "127.0.0.1, port_value: 9101": 1,
	} {
		if n := strings.Count(text.String(), part); n != times {
			t.Errorf("%q is there %d times, want %d", part, n, times)
		}
	}
	if _, err := envoy.Fragment(&envoy.Existing{Listen: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "server.listen") {
		t.Errorf("for a gate on port 0: %v", err)
	}
}

// platformTexts returns the pieces for a platform by their files, which are valid YAML.
func platformTexts(t *testing.T, platform string, of *envoy.Existing, origins ...string) string {
	t.Helper()
	pieces, err := envoy.PlatformFragment(platform, of, origins)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, piece := range pieces {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(piece.YAML), &tree); err != nil || len(tree) == 0 || piece.Where == "" || piece.Title == "" {
			t.Errorf("%q at %q: %v\n%s", piece.Title, piece.Where, err, piece.YAML)
		}
		all.WriteString(piece.YAML)
	}
	return all.String()
}

// TestPlatformFragment: without edits the pieces are files of deploy/, except for a CORS
// policy without origins.
func TestPlatformFragment(t *testing.T) {
	for platform, files := range map[string][]string{
		"envoy-gateway": {"clienttrafficpolicy.yaml", "securitypolicy.yaml"},
		"istio":         {"mesh.yaml", "envoyfilter.yaml", "authorizationpolicy.yaml"},
	} {
		var want strings.Builder
		for _, file := range files {
			data, err := os.ReadFile("../deploy/" + platform + "/" + file)
			if err != nil {
				t.Fatal(err)
			}
			want.Write(data)
		}
		if got := platformTexts(t, platform, nil, "https://app.example"); got != want.String() {
			t.Errorf("%s:\n%s\nwant\n%s", platform, got, want.String())
		}
	}
	got := platformTexts(t, "envoy-gateway", nil)
	if strings.Contains(got, "cors:") || strings.Contains(got, "could not read a 401") || !strings.Contains(got, "\n  extAuth:\n") {
		t.Errorf("without origins:\n%s", got)
	}
	if _, err := envoy.PlatformFragment("nginx", nil, nil); err == nil || !strings.Contains(err.Error(), `"nginx"; expected envoy-gateway`) {
		t.Errorf("for an unknown platform: %v", err)
	}
	if _, err := envoy.PlatformFragment("envoy-gateway", nil, []string{"*"}); err == nil || !strings.Contains(err.Error(), "origin") {
		t.Errorf("for an invalid origin: %v", err)
	}
}

// TestPlatformFragmentFitsAConfiguration: the resources have the edits for which the
// platform has a field.
func TestPlatformFragmentFitsAConfiguration(t *testing.T) {
	kept := slices.DeleteFunc(envoy.OverrideNames(), func(name string) bool { return name == "x-original-url" })
	of := &envoy.Existing{Needs: envoy.Needs{
		Identity: []string{"x-team"}, EncodedSlash: true, DoubleSlash: true, Overrides: kept, Removed: kept,
	}}
	none := &envoy.Existing{Needs: envoy.Needs{}}
	for _, row := range []struct {
		platform string
		of       *envoy.Existing
		want     map[string]int
	}{
		{"envoy-gateway", of, map[string]int{
			"|x[^a-z0-9]team\"": 1, "escapedSlashesAction: KeepUnchanged, disableMergeSlashes: true }": 1, "original[^a-z0-9](method|ur[il]": 0,
			`- { type: RegularExpression, value: "x[^a-z0-9]http[^a-z0-9]method[^a-z0-9]override|`: 1, `["https://a.example"] # edit`: 1,
		}},
		{"istio", of, map[string]int{
			"|x[^a-z0-9]team\"": 2, "merge_slashes: false": 1, "action: KEEP_UNCHANGED": 1, "normalization: BASE": 1,
			"original[^a-z0-9](method|ur[il]": 0, `regex: "x[^a-z0-9]http[^a-z0-9]method[^a-z0-9]override|`: 2,
		}},
		{"envoy-gateway", none, map[string]int{"# no override header is removed here": 1, "type: RegularExpression": 1}},
		{"istio", none, map[string]int{"# no override header is removed here": 2, "remove_on_match": 2}},
	} {
		got := platformTexts(t, row.platform, row.of, "https://a.example")
		for text, times := range row.want {
			if n := strings.Count(got, text); n != times {
				t.Errorf("%s: %q is there %d times, want %d", row.platform, text, n, times)
			}
		}
	}
}
