//go:build deploy

package deploy

import (
	"path/filepath"
	"testing"
)

// built are the objects of a kustomization, and their text.
func built(tree, folder string) ([]object, string, error) {
	text, err := outputOf("", gotool("kustomize"), "build", filepath.Join(tree, "deploy/kubernetes", folder))
	if err != nil {
		return nil, "", err
	}
	objects, err := documents(text)
	return objects, text, err
}

// kustomizeRules hold deploy/kubernetes to everything that is known of it.
func kustomizeRules(tree string) findings {
	var found findings
	for _, overlay := range []struct {
		folder      string
		connections []connection
	}{
		{"base", gateConnections()},
		{"overlays/gateway", gatewayConnections()},
		{"overlays/sidecar", sidecarConnections()},
	} {
		objects, text, err := built(tree, overlay.folder)
		if err != nil {
			found.add("%s: %v", overlay.folder, err)
			continue
		}
		these := append(clusterRules(objects, text), networkRules(objects, overlay.connections)...)
		if overlay.folder != "base" {
			these = append(these, namespaceRules(objects)...)
		}
		if overlay.folder != "overlays/sidecar" {
			these = append(these, serviceRules(objects)...)
		}
		for _, one := range these {
			found.add("%s: %s", overlay.folder, one)
		}
	}
	return found
}

// clusterRules are those for whatever is brought into a cluster.
func clusterRules(objects []object, text string) findings {
	found := schemaRules(text)
	for _, rules := range []func([]object) findings{podRules, gateRules, fleetRules, configRules} {
		found = append(found, rules(objects)...)
	}
	return found
}

// serviceRules want a name that stands for every replica, one that cannot reach
// its issuers among them.
func serviceRules(objects []object) findings {
	var found findings
	s := named(objects, "Service", "jwtgate")
	found.want("Service/jwtgate", s, "spec.clusterIP", "None")
	found.want("Service/jwtgate", s, "spec.publishNotReadyAddresses", "true")
	pod := named(objects, "Deployment", "jwtgate").within("spec.template.metadata.labels")
	if len(s.within("spec.selector")) == 0 || !includes(pod, s.within("spec.selector")) {
		found.add("Service/jwtgate: its selector is not of jwtgate's pods")
	}
	return found
}

// TestKustomize: the base and both overlays are what they are to be.
func TestKustomize(t *testing.T) {
	for _, finding := range kustomizeRules(root) {
		t.Error(finding)
	}
	objects, _, err := built(root, "overlays/gateway")
	if err != nil {
		t.Fatal(err)
	}
	// The pods that the rules of the network speak of are these.
	for name, want := range map[string]place{"jwtgate": gatePod(), "envoy": envoyPod()} {
		if labels := named(objects, "Deployment", name).within("spec.template.metadata.labels"); !includes(labels, want.labels) || len(labels) != len(want.labels) {
			t.Errorf("the pods of %s have the labels %v, want %v", name, labels, want.labels)
		}
	}
}
