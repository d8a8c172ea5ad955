//go:build deploy

package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// planted is one error in a copy of the shipped files, and the expected finding.
type planted struct {
	name     string
	file     string // from the root of the tree
	old, new string // new replaces the first old in the file
	rules    func(tree string) findings
	want     string
}

// plantedErrors has at least one row for each kind of file, and one for each property that
// no other tool checks.
func plantedErrors() []planted {
	const (
		gateway = "deploy/kubernetes/overlays/gateway/"
		sidecar = "deploy/kubernetes/overlays/sidecar/"
		base    = "deploy/kubernetes/base/"
		compose = "deploy/compose/compose.yaml"
		chart   = "deploy/helm/jwtgate/"
		eg      = "deploy/envoy-gateway/"
		istio   = "deploy/istio/"
	)
	baseRules := kustomizeRules("kubernetes/base")
	gatewayRules, sidecarRules := kustomizeRules("kubernetes/overlays/gateway"), kustomizeRules("kubernetes/overlays/sidecar")
	return []planted{
		{"Dockerfile: a shell form", "Dockerfile", `ENTRYPOINT ["/jwtgate"]`, "ENTRYPOINT /jwtgate", dockerfileRules, "DL3025"},
		{"Dockerfile: root", "Dockerfile", "USER 65532:65532\n", "", dockerfileRules, `has no line "USER 65532:65532"`},
		{"Dockerfile: another health check", "Dockerfile", `"healthcheck"`, `"version"`, dockerfileRules, "no health check"},

		{"compose: an unknown key", compose, "read_only: true", "readonly: true", composeRules, "readonly"},
		{"compose: the application has a port", compose, "networks: [inside]\n", "networks: [inside]\n    ports: [\"9090:9090\"]\n",
			composeRules, "application has ports"},
		{"compose: its network is not internal", compose, "inside: {internal: true}", "inside: {}", composeRules, "is not internal"},
		{"compose: jwtgate on the application's network", compose, "networks: [gate, issuers]", "networks: [gate, issuers, inside]",
			composeRules, "on the application's networks are"},
		{"compose: a capability", compose, "cap_drop: [ALL]", "cap_add: [NET_ADMIN]", composeRules, "cap_drop"},
		{"compose: root", compose, `user: "65534:65534"`, `user: "0:0"`, composeRules, "runs as"},
		{"compose: everybody's port", compose, "127.0.0.1:4567:8080", "4567:8080", composeRules, "host_ip"},
		{"compose: everybody's front end", compose, "127.0.0.1:3000:3000", "3000:3000", composeRules, "host_ip"},
		{"compose: the front end on Envoy's network", compose, "networks: [pages]", "networks: [pages, edge]",
			composeRules, "on the front end's networks are"},
		{"compose: other routes with the emulator", "deploy/compose/jwtgate.yaml", "groups: [admin]", "groups: [staff]",
			composeConfigs, "has not the routes"},
		{"compose: jwtgate's file", "deploy/compose/jwtgate.yaml", "access: optional", "access: optinal", composeConfigs, "optinal"},
		{"compose: the emulator's override", "deploy/compose/compose.override.yaml", "tmpfs: [/tmp]", "tmpfs: {/tmp: 1}", composeRules, "tmpfs"},
		{"compose: Envoy's file", "deploy/compose/envoy.yaml", "lb_policy:", "lb_polizy:", composeConfigs, "lb_polizy"},

		{"base: an unknown field", base + "deployment.yaml", "minReadySeconds", "minReadySecondz", baseRules, "minReadySecondz"},
		{"base: a writable root", base + "deployment.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false",
			baseRules, "readOnlyRootFilesystem"},
		{"base: a Secret that nobody can read", base + "deployment.yaml", "fsGroup: 65532", "fsGroup: 0", baseRules, "fsGroup"},
		{"base: a file that never changes", base + "deployment.yaml", "mountPath: /etc/jwtgate, ",
			"mountPath: /etc/jwtgate, subPath: jwtgate.yaml, ", baseRules, "subPath"},
		{"base: an end that is cut short", base + "deployment.yaml", "terminationGracePeriodSeconds: 20",
			"terminationGracePeriodSeconds: 10", baseRules, "a shutdown can take 15s"},
		{"base: a probe of another path", base + "deployment.yaml", "path: /readyz", "path: /ready", baseRules, "readinessProbe"},
		{"base: one address", base + "service.yaml", "clusterIP: None", "type: ClusterIP", baseRules, "clusterIP"},
		{"base: a cold start without issuers", base + "service.yaml", "publishNotReadyAddresses: true",
			"publishNotReadyAddresses: false", baseRules, "publishNotReadyAddresses"},
		{"base: no selector that fits", base + "poddisruptionbudget.yaml", "component: gate", "component: gates", baseRules,
			"PodDisruptionBudget"},
		{"base: anybody may ask", base + "networkpolicy.yaml", `podSelector: { matchLabels: { jwtgate-client: "true" } }`,
			"podSelector: {}", baseRules, "another pod may reach jwtgate at TCP 9001"},
		{"base: the metadata service", base + "networkpolicy.yaml", "169.254.0.0/16, ", "", baseRules, "jwtgate may reach 169.254.169.254"},
		{"jwtgate's configuration", "deploy/kubernetes/config/jwtgate.yaml", "default: required", "default: allowed", baseRules, "jwtgate.yaml:"},

		{"gateway: an unknown field", gateway + "envoy.yaml", "minReadySeconds", "minReadySecondz", gatewayRules, "minReadySecondz"},
		{"gateway: the application is open", gateway + "networkpolicy.yaml",
			"from: [ { podSelector: { matchLabels: { app.kubernetes.io/name: jwtgate, app.kubernetes.io/component: envoy } } } ]",
			"ports: [ { port: 9090, protocol: TCP } ]", gatewayRules, "another pod may reach the application"},
		{"gateway: no default", gateway + "networkpolicy.yaml", "podSelector: {}", "podSelector: { matchLabels: { a: b } }",
			gatewayRules, "another pod may reach another pod"},
		{"gateway: lax pods", gateway + "namespace.yaml", "enforce: restricted", "enforce: baseline", gatewayRules, "Pod Security"},
		{"gateway: a Secret that Envoy cannot read", gateway + "envoy.yaml", "fsGroup: 65532", "fsGroup: 0", gatewayRules, "fsGroup"},
		{"gateway: Envoy's file", gateway + "bootstrap.yaml", "lb_policy:", "lb_polizy:", gatewayRules, "lb_polizy"},
		{"sidecar: a socket in no volume", sidecar + "application.yaml", "name: jwtgate-socket, mountPath: /run/jwtgate }",
			"name: jwtgate-socket, mountPath: /run/gate }", sidecarRules, "there is no mount for the socket"},
		{"sidecar: a Secret that nobody can read", sidecar + "application.yaml", "fsGroup: 65532", "fsGroup: 0", sidecarRules, "fsGroup"},
		{"sidecar: the application's own port", sidecar + "networkpolicy.yaml", "  - ports: [ { port: 8080, protocol: TCP } ]",
			"  - {}", sidecarRules, "TCP 9090"},

		{"chart: values against their schema", chart + "values.yaml", "minReplicas: 3", "minReplicas: 1", helmRules, "minReplicas"},
		{"chart: another default", chart + "values.yaml", "targetCPUUtilizationPercentage: 60",
			"targetCPUUtilizationPercentage: 90", helmRules, "here 90"},
		{"chart: a template that does not parse", chart + "templates/gate.yaml", "{{- end }}", "{{- en }}", helmRules, "gate.yaml"},
		{"chart: an unknown field", chart + "templates/gate.yaml", "minReadySeconds", "minReadySecondz", helmRules, "minReadySecondz"},
		{"chart: a writable root", chart + "templates/_helpers.tpl", "readOnlyRootFilesystem: true",
			"readOnlyRootFilesystem: false", helmRules, "readOnlyRootFilesystem"},
		{"chart: a Secret that nobody can read", chart + "templates/_helpers.tpl", "  fsGroup: 65532\n", "", helmRules, "fsGroup"},
		{"chart: no selector that fits", chart + "templates/networkpolicy.yaml",
			`podSelector: { matchLabels: { jwtgate-client: "true" } }`, "podSelector: {}", helmRules, "another pod may reach jwtgate"},
		{"chart: jwtgate's configuration", chart + "templates/_helpers.tpl", `"access" "public"`, `"access" "open"`, helmRules, "jwtgate.yaml:"},
		{"chart: Envoy's file", chart + "files/envoy.yaml", "lb_policy:", "lb_polizy:", helmRules, "lb_polizy"},
		{"chart: an edited place is gone", chart + "files/envoy.yaml", "address: jwtgate", "address: gate", helmRules, "does not hold"},

		{"Envoy Gateway: an unknown field", eg + "securitypolicy.yaml", "failOpen: false", "failOpened: false", envoyGatewayRules, "failOpened"},
		{"Envoy Gateway: a value of another form", eg + "securitypolicy.yaml", "timeout: 800ms", "timeout: 0.8", envoyGatewayRules, "timeout"},
		{"Envoy Gateway: open when jwtgate is down", eg + "securitypolicy.yaml", "failOpen: false", "failOpen: true",
			envoyGatewayRules, "failOpen"},
		{"Envoy Gateway: jwtgate sees a part of the headers", eg + "securitypolicy.yaml", "    timeout: 800ms",
			"    headersToExtAuth: [authorization]\n    timeout: 800ms", envoyGatewayRules, "headersToExtAuth"},
		{"Envoy Gateway: another Gateway", eg + "clienttrafficpolicy.yaml", "kind: Gateway, name: jwtgate",
			"kind: Gateway, name: other", envoyGatewayRules, "expected a Gateway of this folder"},
		{"Envoy Gateway: an identity header is not stripped", eg + "clienttrafficpolicy.yaml", "(id|name|", "(name|",
			envoyGatewayRules, "strips"},
		{"Envoy Gateway: anybody's Envoy", eg + "networkpolicy.yaml",
			"namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: envoy-gateway-system } }", "namespaceSelector: {}",
			envoyGatewayRules, "in another namespace may reach the application"},
		{"Envoy Gateway: an unknown kind", eg + "backendtrafficpolicy.yaml", "kind: BackendTrafficPolicy",
			"kind: BackendTraficPolicy", envoyGatewayRules, "no such kind"},

		{"Istio: an unknown field of the mesh", istio + "mesh.yaml", "failOpen:", "failOpened:", istioRules, "failOpened"},
		{"Istio: open when jwtgate is down", istio + "mesh.yaml", "failOpen: false", "failOpen: true", istioRules, "failOpen"},
		{"Istio: an unknown field", istio + "authorizationpolicy.yaml", "provider:", "providers:", istioRules, "providers"},
		{"Istio: a path that is not asked about", istio + "authorizationpolicy.yaml", "rules: [ {} ]",
			"rules: [ { to: [ { operation: { notPaths: [/a] } } ] } ]", istioRules, "spec.rules"},
		{"Istio: an unknown field of Envoy's", istio + "envoyfilter.yaml", "merge_slashes", "merge_slashez", istioRules, "merge_slashez"},
		{"Istio: another setting than the shipped one", istio + "envoyfilter.yaml", "REJECT_REQUEST", "UNESCAPE_AND_FORWARD",
			istioRules, "path_with_escaped_slashes_action of the shipped Envoy file"},
		{"Istio: identity names in trailers", istio + "envoyfilter.yaml", "request_trailers_mutations", "request_mutations",
			istioRules, "HTTP filter.typed_config of the shipped Envoy file"},
		{"Istio: the application is open", istio + "networkpolicy.yaml",
			"  - from: [ { podSelector: { matchLabels: { gateway.networking.k8s.io/gateway-name: jwtgate } } } ]", "  - {}",
			istioRules, "another pod may reach the application"},
	}
}

// TestPlantedErrorsAreFound: the rules, which the shipped files satisfy, find each of these
// errors in a copy.
func TestPlantedErrorsAreFound(t *testing.T) {
	for _, row := range append(plantedErrors(), plantedValues()...) {
		t.Run(row.name, func(t *testing.T) {
			tree := filepath.Join(t.TempDir(), "tree")
			must(t, "mkdir", tree)
			must(t, "mkdir", "-p", tree+"/internal/deploy")
			must(t, "cp", "-a", root+"/Dockerfile", root+"/deploy", tree)
			must(t, "cp", "-a", "testdata", tree+"/internal/deploy")
			file := filepath.Join(tree, row.file)
			text := read(t, file)
			changed := strings.Replace(text, row.old, row.new, 1)
			if changed == text {
				t.Fatalf("%s does not contain %q", row.file, row.old)
			}
			if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			found := row.rules(tree)
			if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, row.want) }) {
				t.Errorf("no finding contains %q; found: %s", row.want, strings.Join(found, "\n"))
			}
		})
	}
}
