//go:build deploy

package deploy

import (
	"fmt"
	"path/filepath"
	"testing"
)

// built returns the objects of a kustomization below deploy/.
func built(tree, folder string) ([]object, error) {
	text, err := outputOf("", gotool("kustomize"), "build", filepath.Join(tree, "deploy", folder))
	if err != nil {
		return nil, err
	}
	return documents(text)
}

// overlays are the kustomizations of deploy/kubernetes, each with connections that it
// allows and connections that it does not.
func overlays() map[string][]connection {
	return map[string][]connection{
		"kubernetes/base": gateConnections(), "kubernetes/overlays/gateway": gatewayConnections(),
		"kubernetes/overlays/sidecar": sidecarConnections(),
	}
}

// kustomizeRules check one of the overlays.
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
		if folder != "kubernetes/overlays/sidecar" { // jwtgate has no Service
			found = append(found, serviceRules(objects)...)
		}
		return found
	}
}

// clusterRules are the rules for all objects of a cluster.
func clusterRules(objects []object) findings {
	var found findings
	for _, rules := range []func([]object) findings{schemaRules, customRules, podRules, gateRules, fleetRules, configRules} {
		found = append(found, rules(objects)...)
	}
	return found
}

// serviceRules check that a Service's name resolves to every replica, including one that
// cannot reach its issuers.
func serviceRules(objects []object) findings {
	var found findings
	s := named(objects, "Service", "jwtgate")
	found.want("Service/jwtgate", s, "spec.clusterIP", "None")
	found.want("Service/jwtgate", s, "spec.publishNotReadyAddresses", "true")
	pod := named(objects, "Deployment", "jwtgate").within("spec.template.metadata.labels")
	if len(s.within("spec.selector")) == 0 || !includes(pod, s.within("spec.selector")) {
		found.add("Service/jwtgate: its selector does not match jwtgate's pods")
	}
	return found
}

// TestPolicyOfThePage: the NetworkPolicy that README.md shows is valid, and admits Prometheus
// and traces in addition to what the overlay allows.
func TestPolicyOfThePage(t *testing.T) {
	page := read(t, filepath.Join(root, "deploy/kubernetes/README.md"))
	shown, err := documents(between(page, "```yaml\n", "```"))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := built(root, "kubernetes/overlays/gateway")
	if err != nil {
		t.Fatal(err)
	}
	prometheus := place{name: "Prometheus", labels: object{"app": "prometheus"}, namespace: "monitoring"}
	collector := place{name: "the collector", labels: object{"app": "otel"}, namespace: "observability"}
	connections := append(gatewayConnections(),
		connection{from: prometheus, to: gatePod(), port: 9002, allowed: true}, connection{from: prometheus, to: gatePod(), port: 9001},
		connection{from: gatePod(), to: collector, port: 4317, allowed: true}, connection{from: gatePod(), to: collector, port: 443},
	)
	for _, finding := range append(schemaRules(shown), networkRules(append(objects, shown...), connections)...) {
		t.Error(finding)
	}
}

// TestKustomize: the base and both overlays satisfy their rules.
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
	// The network rules use the labels of these pods.
	for name, want := range map[string]place{"jwtgate": gatePod(), "envoy": envoyPod()} {
		if labels := named(objects, "Deployment", name).within("spec.template.metadata.labels"); !includes(labels, want.labels) ||
			len(labels) != len(want.labels) {
			t.Errorf("the pods of %s have the labels %v, want %v", name, labels, want.labels)
		}
	}
}
