package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const chartFolder = root + "/deploy/helm/jwtgate/"

// schemaNode is the part of values.schema.json that describes one value.
type schemaNode struct {
	Type        string                `json:"type"`
	Description string                `json:"description"`
	Properties  map[string]schemaNode `json:"properties"`
	AllOf       []schemaNode          `json:"allOf"`
	Ref         string                `json:"$ref"`
	Enum        []string              `json:"enum"`
	Closed      json.RawMessage       `json:"additionalProperties"`
	Definitions map[string]schemaNode `json:"definitions"`
}

// value is one value of the chart: a path such as gate.logLevel.
type value struct {
	path, description string
	fallback          any
	hasFallback       bool
}

// chartValues returns the chart's values, in the order of values.yaml, and what is wrong
// with the schema or with values.yaml.
func chartValues(t *testing.T) (all []value, faults []string) {
	t.Helper()
	var schema schemaNode
	if err := json.Unmarshal(bytesOf(t, chartFolder+"values.schema.json"), &schema); err != nil {
		t.Fatal(err)
	}
	var defaults yaml.Node
	if err := yaml.Unmarshal(bytesOf(t, chartFolder+"values.yaml"), &defaults); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, node schemaNode, in *yaml.Node)
	walk = func(path string, node schemaNode, in *yaml.Node) {
		for _, one := range node.AllOf {
			if name, ok := strings.CutPrefix(one.Ref, "#/definitions/"); ok {
				of := schema.Definitions[name]
				node.Type, node.Properties, node.Closed = of.Type, of.Properties, of.Closed
			}
		}
		if path != "" && node.Description == "" {
			faults = append(faults, path+" has no description in the schema")
		}
		// Resources are quantities as everywhere in Kubernetes: one row.
		if len(node.Properties) == 0 || strings.HasSuffix(path, ".resources") {
			one := value{path: path, description: node.Description, hasFallback: in != nil}
			if in != nil {
				if err := in.Decode(&one.fallback); err != nil {
					t.Fatal(err)
				}
			}
			if len(node.Enum) > 0 {
				one.description += " (" + strings.Join(node.Enum, ", ") + ")"
			}
			all = append(all, one)
			return
		}
		if string(node.Closed) != "false" {
			faults = append(faults, path+" is open: it has no additionalProperties: false")
		}
		given := map[string]*yaml.Node{}
		var order []string
		if in != nil && in.Kind == yaml.MappingNode {
			for i := 0; i < len(in.Content); i += 2 {
				given[in.Content[i].Value] = in.Content[i+1]
				order = append(order, in.Content[i].Value)
			}
		}
		for name := range node.Properties {
			if given[name] == nil && name != "global" {
				faults = append(faults, strings.TrimPrefix(path+"."+name, ".")+" is not in values.yaml")
			}
		}
		for _, name := range order {
			child, known := node.Properties[name]
			if !known {
				faults = append(faults, strings.TrimPrefix(path+"."+name, ".")+" is not in the schema")
				continue
			}
			walk(strings.TrimPrefix(path+"."+name, "."), child, given[name])
		}
	}
	walk("", schema, defaults.Content[0])
	slices.Sort(faults)
	return all, faults
}

func bytesOf(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestValuesTable: README.md has every value of the chart, with its default and what its
// schema says about it. With -update it writes the table.
func TestValuesTable(t *testing.T) {
	all, faults := chartValues(t)
	for _, fault := range faults {
		t.Error(fault)
	}
	const begin, end = "<!-- values -->\n", "<!-- /values -->\n"
	var table strings.Builder
	table.WriteString(begin + "| value | default | what it is for |\n|---|---|---|\n")
	for _, one := range all {
		text, err := json.Marshal(one.fallback)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 90 {
			text = []byte("see values.yaml")
		}
		fmt.Fprintf(&table, "| `%s` | `%s` | %s |\n", one.path, text, strings.ReplaceAll(one.description, "|", "\\|"))
	}
	table.WriteString(end)
	page := string(bytesOf(t, chartFolder+"README.md"))
	before, rest, found := strings.Cut(page, begin)
	_, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("README.md has no %q and %q", begin, end)
	}
	want := before + table.String() + after
	if *update {
		if err := os.WriteFile(filepath.Join(chartFolder, "README.md"), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if page != want {
		t.Error("the table is out of date; run: go test ./internal/deploy -run TestValuesTable -update")
	}
}

// TestEveryValueIsSet: testdata/values.yaml and other.yaml, which `make test-deploy`
// renders, set every value of the chart otherwise than by default.
func TestEveryValueIsSet(t *testing.T) {
	all, _ := chartValues(t)
	var files []map[string]any
	for _, name := range []string{"values.yaml", "other.yaml"} {
		var file map[string]any
		if err := yaml.Unmarshal(bytesOf(t, filepath.Join("testdata", name)), &file); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	elsewhere := map[string]bool{ // set on the command line by the tests
		"envoy.bootstrap": true, "envoy.enabled": true,
		"gate.extraArgs": true, // the chart sets every flag that serve has
	}
	for _, one := range all {
		set := slices.ContainsFunc(files, func(file map[string]any) bool {
			var at any = file
			for _, step := range strings.Split(one.path, ".") {
				in, _ := at.(map[string]any)
				at = in[step]
			}
			return at != nil && fmt.Sprint(at) != fmt.Sprint(one.fallback)
		})
		if !set && !elsewhere[one.path] {
			t.Errorf("no file sets %s to another value than %v", one.path, one.fallback)
		}
	}
}
