//go:build deploy

package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// isCustom reports whether an object's kind is not one of Kubernetes.
func isCustom(o object) bool {
	group, _, _ := strings.Cut(o.text("apiVersion"), "/")
	for _, suffix := range []string{".envoyproxy.io", "gateway.networking.k8s.io", ".istio.io", "monitoring.coreos.com"} {
		if strings.HasSuffix(group, suffix) {
			return true
		}
	}
	return false
}

// definitions returns the schemas of .tools/crds, by apiVersion and kind.
var definitions = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	files, err := filepath.Glob(filepath.Join(tools, "crds", "*.yaml"))
	if err != nil {
		return nil, err
	}
	all := map[string]*jsonschema.Schema{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		objects, err := documents(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, o := range ofKind(objects, "CustomResourceDefinition") {
			for _, version := range o.list("spec.versions") {
				name := o.text("spec.group") + "/" + version.text("name") + " " + o.text("spec.names.kind")
				if all[name], err = compiled(name, version.at("schema.openAPIV3Schema")); err != nil {
					return nil, err
				}
			}
		}
	}
	return all, nil
})

// compiled makes a JSON Schema from a structural schema (apiextensions.k8s.io/v1): an
// unknown field is a mistake, although Kubernetes would drop it. Only a real API server
// evaluates its CEL rules (x-kubernetes-validations).
func compiled(name string, structural any) (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	tree := mapping(plain(structural))
	for _, key := range []string{"apiVersion", "kind", "metadata"} { // every object has them, said or not
		tree.within("properties")[key] = map[string]any{}
	}
	address := "mem:///" + strings.NewReplacer("/", "-", " ", "-").Replace(name) + ".json"
	if err := compiler.AddResource(address, strict(map[string]any(tree))); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return compiler.Compile(address)
}

// strict forbids unknown fields in every object of a schema, unless the schema allows them.
func strict(node any) any {
	switch n := node.(type) {
	case map[string]any:
		for key, value := range n {
			if key != "enum" && key != "default" && !strings.HasPrefix(key, "x-") {
				n[key] = strict(value)
			}
		}
		_, hasProperties := n["properties"].(map[string]any)
		open := n["x-kubernetes-preserve-unknown-fields"] == true || n["additionalProperties"] != nil
		if n["type"] == "object" && hasProperties && !open {
			n["additionalProperties"] = false
		}
		if n["x-kubernetes-int-or-string"] == true {
			delete(n, "type")
		}
		delete(n, "default")
		delete(n, "format")
	case []any:
		for i, value := range n {
			n[i] = strict(value)
		}
	}
	return node
}

// customRules check objects of other groups with their definitions.
func customRules(objects []object) findings {
	var found findings
	schemas, err := definitions()
	if err != nil {
		return findings{err.Error()}
	}
	for _, o := range objects {
		if !isCustom(o) {
			continue
		}
		schema := schemas[o.text("apiVersion")+" "+o.text("kind")]
		if schema == nil {
			found.add("%s: %s has no such kind", o.name(), o.text("apiVersion"))
			continue
		}
		if err := schema.Validate(plain(o)); err != nil {
			found.add("%s: %v", o.name(), err)
		}
	}
	return found
}

// strippedByEnvoy returns the two expressions of the shipped Envoy file for headers that
// clients must not send, and for trailers.
func strippedByEnvoy() ([]string, error) {
	text, err := os.ReadFile(filepath.Join(root, "envoy/envoy.yaml"))
	if err != nil {
		return nil, err
	}
	early, _, _ := strings.Cut(string(text), "          http_filters:\n")
	var all []string
	for _, found := range regexp.MustCompile(`remove_on_match: .*regex: "([^"]+)"`).FindAllStringSubmatch(early, -1) {
		all = append(all, found[1])
	}
	if len(all) != 2 {
		return nil, fmt.Errorf("the shipped file strips by %d expressions, not 2", len(all))
	}
	return all, nil
}

// strips checks that a platform's expressions contain both unchanged.
func strips(name string, theirs []string) findings {
	var found findings
	ours, err := strippedByEnvoy()
	if err != nil {
		return findings{err.Error()}
	}
	if strings.Join(theirs, "\n") != strings.Join(ours, "\n") {
		found.add("%s: strips %q, the shipped Envoy file %q", name, theirs, ours)
	}
	return found
}

// platformRules are the rules for a platform that makes its own Envoys.
func platformRules(tree, folder string, envoys place, own func(objects []object) findings) findings {
	objects, err := built(tree, folder)
	if err != nil {
		return findings{err.Error()}
	}
	found := clusterRules(objects)
	found = append(found, namespaceRules(objects)...)
	found = append(found, serviceRules(objects)...)
	found = append(found, networkRules(objects, elsewhereConnections(envoys))...)
	gateway := named(objects, "Gateway", "jwtgate")
	for _, l := range gateway.list("spec.listeners") {
		found.want(folder+": a listener", l, "allowedRoutes.namespaces.from", "Same")
	}
	for _, o := range objects {
		for _, ref := range o.list("spec.targetRefs") {
			if ref.text("kind") != "Gateway" || len(named(objects, "Gateway", ref.text("name"))) == 0 {
				found.add("%s: is for %s/%s; expected a Gateway of this folder", o.name(), ref.text("kind"), ref.text("name"))
			}
		}
	}
	return append(found, own(objects)...)
}
