//go:build deploy

package deploy

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
)

// told is the required values of a release, those of deploy/kubernetes/config.
func told() []string {
	return []string{"--set", "cognito.userPoolId=us-west-1_6BpkgoczU", "--set", "cognito.clientId=3v5exampleclient"}
}

// rendered returns the objects of a release of the chart.
func rendered(tree, release string, values ...string) ([]object, error) {
	chart := filepath.Join(tree, "deploy/helm/jwtgate")
	text, err := outputOf("", gotool("helm"),
		append([]string{"template", release, chart, "--namespace", "jwtgate", "--kube-version", newestKubernetes}, values...)...)
	if err != nil {
		return nil, err
	}
	return documents(text)
}

// helmRules check the chart with helm and with the rules of the manifests, and compare its
// defaults with deploy/kubernetes.
func helmRules(tree string) findings {
	var found findings
	if _, err := outputOf("", gotool("helm"),
		append([]string{"lint", "--strict", "--quiet", filepath.Join(tree, "deploy/helm/jwtgate")}, told()...)...); err != nil {
		found.add("helm: %v", err)
	}
	objects, err := rendered(tree, "jwtgate", told()...)
	if err != nil {
		return append(found, err.Error())
	}
	found = append(found, clusterRules(objects)...)
	found = append(found, serviceRules(objects)...)
	found = append(found, networkRules(objects, sharedConnections())...)
	// With the default deny of its namespace, it is the overlay.
	if objects, err = rendered(tree, "jwtgate", append(told(), "--set", "networkPolicy.namespaceDefaultDeny=true")...); err != nil {
		return append(found, err.Error())
	}
	found = append(found, networkRules(objects, gatewayConnections())...)
	kustomized, err := built(tree, "kubernetes/overlays/gateway")
	if err != nil {
		return append(found, err.Error())
	}
	return append(found, sameAs(kustomized, objects)...)
}

// sameAs compares every object of the chart with kustomize's, except labels and
// annotations. The other differences are names with a hash, and the Namespace, which helm
// creates itself.
func sameAs(kustomized, helm []object) findings {
	var found findings
	for _, want := range kustomized {
		kind, name := want.text("kind"), want.text("metadata.name")
		if kind == "Namespace" {
			continue
		}
		if strings.HasPrefix(name, "envoy-") {
			name = hashed(helm)
		}
		got := named(helm, kind, name)
		if kind == "ConfigMap" {
			found = append(found, sameConfig(want, got)...)
			continue
		}
		for _, key := range []string{"spec", "automountServiceAccountToken"} {
			found = append(found, differ(want.name()+" "+key, plain(want[key]), plain(got[key]))...)
		}
	}
	return found
}

// sameConfig compares the configurations of two ConfigMaps as data: in YAML, the
// chart's has no comments.
func sameConfig(want, got object) findings {
	var found findings
	for key := range want.within("data") {
		one, err1 := documents(want.within("data").raw(key))
		other, err2 := documents(got.within("data").raw(key))
		if err1 != nil || err2 != nil || len(one) != 1 || len(other) != 1 {
			found.add("%s: %s is not in both: %v, %v", want.name(), key, err1, err2)
			continue
		}
		found = append(found, differ(want.name()+" "+key, plain(one[0]), plain(other[0]))...)
	}
	return found
}

// hashed matches the name of the chart's ConfigMap for Envoy.
func hashed(objects []object) string {
	for _, o := range ofKind(objects, "ConfigMap") {
		if strings.HasPrefix(o.text("metadata.name"), "envoy-") {
			return o.text("metadata.name")
		}
	}
	return ""
}

// plain copies a tree of maps and lists, without the hash in the name of a
// ConfigMap.
func plain(node any) any {
	switch n := node.(type) {
	case object:
		return plain(map[string]any(n))
	case map[string]any:
		copied := map[string]any{}
		for key, value := range n {
			copied[key] = plain(value)
		}
		return copied
	case []any:
		copied := make([]any, len(n))
		for i, value := range n {
			copied[i] = plain(value)
		}
		return copied
	case string:
		if strings.HasPrefix(n, "envoy-") {
			return "envoy-HASH"
		}
		return n
	default:
		return n
	}
}

// differ names each place at which two trees differ.
func differ(path string, want, got any) findings {
	var found findings
	one, isMap := want.(map[string]any)
	other, bothMaps := got.(map[string]any)
	if isMap && bothMaps {
		for key := range one {
			found = append(found, differ(path+"."+key, one[key], other[key])...)
		}
		for key := range other {
			if _, ok := one[key]; !ok {
				found.add("%s.%s is %v here only", path, key, other[key])
			}
		}
		return found
	}
	these, isList := want.([]any)
	those, bothLists := got.([]any)
	if isList && bothLists && len(these) == len(those) {
		for i := range these {
			found = append(found, differ(fmt.Sprintf("%s[%d]", path, i), these[i], those[i])...)
		}
		return found
	}
	if !reflect.DeepEqual(want, got) {
		found.add("%s is %v, here %v", path, want, got)
	}
	return found
}

// TestHelm: the chart's defaults give the objects of deploy/kubernetes.
func TestHelm(t *testing.T) {
	for _, finding := range helmRules(root) {
		t.Error(finding)
	}
}

// TestHelmReleases: a release with all values set satisfies the same rules.
func TestHelmReleases(t *testing.T) {
	for _, row := range []struct {
		name, release string
		values        []string
		envoy         bool
	}{
		{"another name", "shop", told(), true},
		{"another Envoy's gate", "jwtgate", append(told(), "--set", "envoy.enabled=false"), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			objects, err := rendered(root, row.release, row.values...)
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range clusterRules(objects) {
				t.Error(finding)
			}
			if got := len(ofKind(objects, "Deployment")) == 2; got != row.envoy {
				t.Errorf("an Envoy of its own: %v", got)
			}
			if got, want := len(ofKind(objects, "NetworkPolicy")), map[bool]int{true: 3, false: 1}[row.envoy]; got != want {
				t.Errorf("%d policies; expected %d", got, want)
			}
		})
	}
}

// TestHelmRejects: missing or invalid values are an error that says what to write.
func TestHelmRejects(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []string
		want   string
	}{
		{"no issuer", nil, "the issuer is missing"},
		{"a pool without a client", []string{"--set", "cognito.userPoolId=us-west-1_6BpkgoczU"}, "cognito.clientId is missing"},
		{"both ways", append(told(), "--set", "config.default=deny"), "mutually exclusive"},
		{"an unknown value", append(told(), "--set", "gate.replica=1"), "replica"},
		{"no pool id", append(told(), "--set", "cognito.userPoolId=6BpkgoczU"), "userPoolId"},
		{"one replica", append(told(), "--set", "gate.autoscaling.minReplicas=1"), "minReplicas"},
		{"an Envoy of no version", append(told(), "--set", "envoy.image=envoyproxy/envoy"), "image"},
		{"an origin that no browser sends", append(told(), "--set", "origins={https://app.example/}"), "origins"},
		{"one replica without a scaler", append(told(), "--set", "gate.autoscaling.enabled=false,gate.replicas=1"), "replicas"},
		{"traces that nothing lets out", append(told(), "--set", "gate.tracing.endpoint=http://otel:4317"), "networkPolicy.otlp"},
		{"a monitor that nothing admits", append(told(), "--set", "podMonitor.enabled=true"), "networkPolicy.metrics"},
		{"two lists of revoked tokens", append(told(), "--set", "revoked.configMap=a,revoked.lines[0].issuer=a,revoked.lines[0].sub=b"),
			"revoked.configMap and revoked.lines"},
		{"a list that config names too", []string{"--set", "config.revoked.file=a,config.default=deny,revoked.configMap=a"}, "config.revoked"},
		{"TLS twice", []string{"--set", "config.server.tls.cert_file=a,config.default=deny,gate.tls.secretName=a"}, "config.server.tls"},
		{"TLS that the shipped Envoy file has not", append(told(), "--set", "gate.tls.secretName=a"), "envoy.bootstrap"},
		{"an HTTPRoute to nowhere", append(told(), "--set", "httpRoute.parentRefs[0].name=a,envoy.enabled=false"), "envoy.enabled"},
		{"no limit of memory", append(told(), "--set", "gate.resources.limits.memory=null"), "memory"},
		{"a host that ends the YAML value", append(told(), "--set", "application.host=a }"), "host"},
		{"a tag that adds an object", append(told(), "--set-json", `image.tag="1\n---\nkind: ClusterRoleBinding"`), "tag"},
		{"a repository that adds an object", append(told(), "--set-json", `image.repository="a\n---\nkind: Pod"`), "repository"},
		{"an Envoy that adds an object", append(told(), "--set-json", `envoy.image="a:1\n---\nkind: Pod"`), "image"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := rendered(root, "jwtgate", row.values...); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
		})
	}
}

// TestHelmEditsEnvoyAsTheProgramDoes: the chart edits the same addresses and origins in
// Envoy's file as `jwtgate init`.
func TestHelmEditsEnvoyAsTheProgramDoes(t *testing.T) {
	for _, row := range []struct {
		name, release string
		values        []string
		edit          envoy.Edit
	}{
		{"another release and application", "shop", []string{"--set", "application.host=backend,application.port=4567"},
			envoy.Edit{Gate: "shop-jwtgate:9001", App: "backend:4567"}},
		{"other origins", "jwtgate", []string{"--set", "origins={https://app.example,http://localhost:5173}"},
			envoy.Edit{Gate: "jwtgate:9001", App: "application:9090", Origins: []string{"https://app.example", "http://localhost:5173"}}},
		{"no origin", "jwtgate", []string{"--set", "origins=null"},
			envoy.Edit{Gate: "jwtgate:9001", App: "application:9090", Origins: []string{}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.edit.Listen = "0.0.0.0:8080"
			want, err := envoy.Bootstrap(row.edit)
			if err != nil {
				t.Fatal(err)
			}
			objects, err := rendered(root, row.release, append(told(), row.values...)...)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range ofKind(objects, "ConfigMap") {
				if text := m.within("data").raw("envoy.yaml"); text != "" && !bytes.Equal([]byte(text), append([]byte(renderedHeader), want...)) {
					t.Errorf("%s differs from the rendered file:\n%s", m.name(), text)
				}
			}
		})
	}
}
