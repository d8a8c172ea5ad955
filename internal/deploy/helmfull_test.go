//go:build deploy

package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// fullRelease is a release of the chart with many values set.
type fullRelease struct {
	values      string // its file in testdata
	connections []connection
}

// fullReleases set every value together, since some values exclude each other.
func fullReleases() []fullRelease {
	return []fullRelease{{"values.yaml", fullConnections()}, {"other.yaml", sharedConnections()}}
}

// render returns the objects of the release.
func (r fullRelease) render(tree string) ([]object, error) {
	args := []string{"-f", filepath.Join(tree, "internal/deploy/testdata", r.values)}
	if r.values == "other.yaml" {
		args = append(args, "--set-file", "envoy.bootstrap="+filepath.Join(tree, "deploy/kubernetes/overlays/gateway/bootstrap.yaml"))
	}
	return rendered(tree, "jwtgate", args...)
}

// rules returns the rules for the release, the quick ones first.
func (r fullRelease) rules() []func([]object) findings {
	network := func(objects []object) findings { return networkRules(objects, r.connections) }
	return []func([]object) findings{
		customRules, podRules, gateRules, fleetRules, serviceRules, network, monitorRules, configRules, schemaRules,
	}
}

// firstFindings returns the findings of the first rule that has any.
func (r fullRelease) firstFindings(tree string) findings {
	objects, err := r.render(tree)
	if err != nil {
		return findings{err.Error()}
	}
	for _, rule := range r.rules() {
		if found := rule(objects); len(found) > 0 {
			return found
		}
	}
	return nil
}

// fullConnections are the connections that testdata/values.yaml allows, and that it does not.
func fullConnections() []connection {
	prometheus := place{name: "Prometheus", labels: object{"app": "prometheus"}, namespace: "monitoring"}
	neighbour := place{name: "its neighbour", labels: object{"app": "other"}, namespace: "monitoring"}
	collector := place{name: "the collector", labels: object{"app": "otel"}, namespace: "observability"}
	ingress := place{name: "another client", labels: object{"app": "ingress"}, namespace: "ingress"}
	return []connection{
		{from: prometheus, to: gatePod(), port: 9002, allowed: true},
		{from: prometheus, to: envoyPod(), port: 9902, allowed: true},
		{from: prometheus, to: gatePod(), port: 9001},
		{from: prometheus, to: envoyPod(), port: 9901},
		{from: prometheus, to: protectedPod(), port: 9090},
		{from: neighbour, to: gatePod(), port: 9002},
		{from: neighbour, to: envoyPod(), port: 9902},
		{from: otherPod(), to: envoyPod(), port: 9902},
		{from: otherPod(), to: envoyPod(), port: 8080, allowed: true},
		{from: gatePod(), to: collector, port: 4317, allowed: true},
		{from: gatePod(), to: collector, port: 443},
		{from: envoyPod(), to: collector, port: 4317},
		{from: envoyPod(), to: outside("198.51.100.7"), port: 443, allowed: true},
		{from: envoyPod(), to: outside("198.51.100.7"), port: 80},
		{from: envoyPod(), to: outside("203.0.113.7"), port: 443},
		{from: ingress, to: gatePod(), port: 9001, allowed: true},
		{from: ingress, to: gatePod(), port: 9002},
		{from: gatePod(), to: outside("203.0.113.7"), port: 443, allowed: true},
		{from: gatePod(), to: outside("203.0.113.200"), port: 443},
		{from: gatePod(), to: outside("198.51.100.7"), port: 443},
		{from: gatePod(), to: outside("169.254.20.10"), port: 53, protocol: "UDP", allowed: true},
		{from: gatePod(), to: dnsPod(), port: 53, protocol: "UDP"},
		{from: otherPod(), to: otherPod(), port: 9090},
	}
}

// monitorRules check that a PodMonitor selects the pods of a Deployment, and names a port
// that they have.
func monitorRules(objects []object) findings {
	var found findings
	for _, m := range ofKind(objects, "PodMonitor") {
		selected := 0
		for _, d := range ofKind(objects, "Deployment") {
			pod := d.within("spec.template")
			if !selects(m.at("spec.selector"), pod.within("metadata.labels")) {
				continue
			}
			selected++
			for _, e := range m.list("spec.podMetricsEndpoints") {
				if port(pod.list("spec.containers")[0], e.text("port")) == "" {
					found.add("%s: %s has no port %s", m.name(), d.name(), e.text("port"))
				}
			}
		}
		if selected != 1 {
			found.add("%s: it selects the pods of %d Deployments, not of one", m.name(), selected)
		}
	}
	return found
}

// TestHelmFull: a release with every value set satisfies the rules, and has what the values
// are for.
func TestHelmFull(t *testing.T) {
	for _, release := range fullReleases() {
		objects, err := release.render(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range release.rules() {
			for _, finding := range rule(objects) {
				t.Errorf("%s: %s", release.values, finding)
			}
		}
	}
	objects, err := rendered(root, "jwtgate", "-f", "testdata/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, filepath.Join(root, "docs/upgrading.md"))
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```\n").FindAllStringSubmatch(between(page, "<!-- downstream tls -->", "<!-- /"), -1)
	if len(blocks) == 0 {
		t.Error("docs/upgrading.md has no file between <!-- downstream tls --> and <!-- /")
	}
	for _, block := range blocks {
		shown := slices.ContainsFunc(ofKind(objects, "ConfigMap"), func(m object) bool {
			return strings.Contains(m.within("data").raw("envoy.yaml")+m.within("data").raw("tls.yaml")+"\n", block[1])
		})
		if !shown {
			t.Errorf("docs/upgrading.md shows what the chart does not write:\n%s", block[1])
		}
	}
	for kind, n := range map[string]int{"PodMonitor": 2, "HTTPRoute": 1, "ConfigMap": 3, "HorizontalPodAutoscaler": 2} {
		if got := len(ofKind(objects, kind)); got != n {
			t.Errorf("%d objects of kind %s; expected %d", got, kind, n)
		}
	}
}

// TestExamplesOfTheChartsPage: every example of README.md renders. That of the provider
// kubernetes has the files where the provider reads them, and admits the API server.
func TestExamplesOfTheChartsPage(t *testing.T) {
	page := read(t, filepath.Join(root, "deploy/helm/jwtgate/README.md"))
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```\n").FindAllStringSubmatch(page, -1)
	if len(blocks) < 7 {
		t.Errorf("%d examples", len(blocks))
	}
	example := func(text string) []object {
		t.Helper()
		file := filepath.Join(t.TempDir(), "values.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		values := []string{"-f", file}
		if !regexp.MustCompile("(?m)^config:").MatchString(text) {
			values = append(values, told()...)
		}
		objects, err := rendered(root, "jwtgate", values...)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return objects
	}
	for _, block := range blocks {
		for _, finding := range schemaRules(example(block[1])) {
			t.Errorf("%s\n%s", finding, block[1])
		}
	}
	objects := example(between(between(page, "<!-- kubernetes -->", "<!-- /"), "```yaml\n", "```"))
	spec := fmt.Sprint(named(objects, "Deployment", "jwtgate").within("spec.template.spec"))
	values := config.ProviderValues("kubernetes")
	for _, file := range []string{"ca.crt", "token"} {
		if !strings.Contains(values, config.PodSecrets+file) || !strings.Contains(spec, "path:"+file) {
			t.Errorf("%s is not in the volume:\n%s\n%s", file, spec, values)
		}
	}
	if !strings.Contains(spec, "mountPath:"+strings.TrimSuffix(config.PodSecrets, "/")+" name:api-server") {
		t.Errorf("the volume is mounted elsewhere:\n%s", spec)
	}
	server := []connection{
		{from: gatePod(), to: outside("10.0.0.1"), port: 6443, allowed: true}, {from: gatePod(), to: outside("10.0.0.1"), port: 443},
	}
	for _, finding := range networkRules(objects, server) {
		t.Error(finding)
	}
}

// between returns the part of a text between two others.
func between(text, begin, end string) string {
	_, rest, _ := strings.Cut(text, begin)
	part, _, _ := strings.Cut(rest, end)
	return part
}
