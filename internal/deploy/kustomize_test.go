//go:build deploy

package deploy

import (
	"fmt"
	"path/filepath"
	"testing"
)

// built are the objects of a kustomization below deploy/.
func built(tree, folder string) ([]object, error) {
	text, err := outputOf("", gotool("kustomize"), "build", filepath.Join(tree, "deploy", folder))
	if err != nil {
		return nil, err
	}
	return documents(text)
}

// overlays are the kustomizations of deploy/kubernetes, each with the
// connections that it allows and those that it does not.
func overlays() map[string][]connection {
	return map[string][]connection{
		"kubernetes/base": gateConnections(), "kubernetes/overlays/gateway": gatewayConnections(),
		"kubernetes/overlays/sidecar": sidecarConnections(),
	}
}

// kustomizeRules hold one of the overlays to everything that is known of it.
func kustomizeRules(folder string) func(tree string) findings {
	return func(tree string) findings {
		objects, err := built(tree, folder)
		if err != nil {
			return findings{fmt.Sprintf("%s: %v", folder, err)}
		}
		found := append(clusterRules(objects), networkRules(objects, overlays()[folder])...)
		if folder != "kubernetes/base" {
			found = append(found, namespaceRules(objects)...)
		}
		if folder != "kubernetes/overlays/sidecar" { // there is no Service of jwtgate's
			found = append(found, serviceRules(objects)...)
		}
		return found
	}
}

// clusterRules are those for whatever is brought into a cluster.
func clusterRules(objects []object) findings {
	var found findings
	for _, rules := range []func([]object) findings{schemaRules, customRules, podRules, gateRules, fleetRules, configRules} {
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
	for folder := range overlays() {
		for _, finding := range kustomizeRules(folder)(root) {
			t.Errorf("%s: %s", folder, finding)
		}
	}
	objects, err := built(root, "kubernetes/overlays/gateway")
	if err != nil {
		t.Fatal(err)
	}
	// The pods that the rules of the network speak of are these.
	for name, want := range map[string]place{"jwtgate": gatePod(), "envoy": envoyPod()} {
		if labels := named(objects, "Deployment", name).within("spec.template.metadata.labels"); !includes(labels, want.labels) ||
			len(labels) != len(want.labels) {
			t.Errorf("the pods of %s have the labels %v, want %v", name, labels, want.labels)
		}
	}
}
