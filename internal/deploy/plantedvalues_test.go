//go:build deploy

package deploy

// plantedValues has errors in the chart's values, at least one for each kind of value, and
// in the templates that use the values.
func plantedValues() []planted {
	const (
		values, other = "internal/deploy/testdata/values.yaml", "internal/deploy/testdata/other.yaml"
		templates     = "deploy/helm/jwtgate/templates/"
	)
	var all []planted
	for _, row := range []struct{ name, file, old, new, want string }{
		{"a variable without a name", values, "env: [{name: TEAM, value: edge}, ", "env: [{value: edge}, ", "gate/env"},
		{"a variable that the chart sets", values, "env: [{name: TEAM, value: edge}, ", "env: [{name: JWTGATE_LISTEN, value: a}, ",
			"gate/env"},
		{"a variable twice", values, "{name: HTTPS_PROXY,", "{name: TEAM,", "TEAM is set twice"},
		{"a source that is not one", values, "secretKeyRef: {name: proxy, key: url}", "secretKeyRef: {name: proxy, keys: url}",
			"secretKeyRef"},
		{"envFrom of another kind", values, "{secretRef: {name: more}}]\n  extraVolumes: [{name: audit-key",
			"{secret: {name: more}}]\n  extraVolumes: [{name: audit-key", "gate/envFrom"},
		{"an argument that the chart sets", values, "extraArgs: []", "extraArgs: [--config=/tmp/a]", "gate/extraArgs"},
		{"an argument that Envoy does not have", values, "--drain-time-s", "--drain-time", "drain-time"},
		{"a volume of the node", values, "secret: {secretName: audit-key}", "hostPath: {path: /}", "gate/extraVolumes"},
		{"a volume of no kind", values, "secret: {secretName: audit-key}", "secrets: {secretName: audit-key}", "secrets"},
		{"a mount without a volume", values, "extraVolumeMounts: [{name: audit-key,", "extraVolumeMounts: [{name: key,",
			"no volume has the name key"},
		{"a mount by subPath", values, "mountPath: /etc/jwtgate-audit,", "mountPath: /etc/jwtgate-audit, subPath: a,", "subPath"},
		{"a mount over the configuration", values, "mountPath: /etc/jwtgate-audit,", "mountPath: /etc/jwtgate,",
			"two mounts have the path"},
		{"a pull secret as text", values, "imagePullSecrets: [{name: registry}]", "imagePullSecrets: [registry]",
			"imagePullSecrets"},
		{"an annotation that is not text", values, "podAnnotations: {a: b}", "podAnnotations: {a: true}", "podAnnotations"},
		{"another log level", values, "logLevel: WARN", "logLevel: warning", "logLevel"},
		{"a candidate with a mistake", values, "default: deny", "default: denied", "candidate.yaml"},
		{"a revoked token of no issuer", values, "{issuer: main, sub: alice}", "{issuer: mian, sub: alice}", "unknown issuer"},
		{"a revoked token by another key", values, "{issuer: main, sub: alice}", "{issuer: main, email: alice}", "revoked.jsonl"},
		{"an endpoint without a scheme", values, "http://otel-collector.observability:4317", "otel-collector:4317", "endpoint"},
		{"another protocol", values, "protocol: http/protobuf", "protocol: zipkin", "protocol"},
		{"no way out for traces", values,
			"  otlp:\n  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: observability}}}]\n" +
				"    ports: [{port: 4317, protocol: TCP}]\n", "", "networkPolicy.otlp"},
		{"a prefix with a slash at its end", values, "prefix: /shop", "prefix: /shop/", "applications"},
		{"an application with the name of another cluster", values, "name: shop,", "name: jwtgate,", "applications"},
		{"two applications with one name", values, "name: admin,", "name: shop,", "shop"},
		{"a Gateway by another key", values, "namespace: gateways", "namespaces: gateways", "HTTPRoute"},
		{"an interval without a unit", values, "interval: 15s", "interval: '15'", "podMonitor"},
		{"a monitor that nothing admits", values, "podSelector: {matchLabels: {app: prometheus}}", "podSelector: {matchLabels: {app: prom}}",
			"Prometheus may not reach jwtgate"},
		{"metrics for a whole namespace", values, ", podSelector: {matchLabels: {app: prometheus}}", "", "its neighbour may reach"},
		{"an autoscaler as a word", values, "minReplicas: 5", "minReplicas: '5'", "minReplicas"},
		{"hops that are not a number", values, "trustedHops: 1", "trustedHops: one", "trustedHops"},
		{"one replica", other, "replicas: 4", "replicas: 1", "replicas"},
		{"a certificate's name that is not one", other, `"spiffe://prod.example/envoy"`, "7", "clientNames"},
		{"a Secret that cannot be", other, "secretName: gate-tls", "secretName: gate_tls", "secretName"},

		{"Envoy's whole admin port", templates + "_helpers.tpl", "path: /stats/prometheus, headers", `prefix: /, headers`, "admin"},
		{"metrics from anywhere", templates + "networkpolicy.yaml", "  - from: {{- toYaml . | nindent 4 }}\n    ports: [ { port: 9902",
			"  - ports: [ { port: 9902", "another pod may reach Envoy at TCP 9902"},
		{"no way to the issuer for sign-in", values, "198.51.100.0/24", "198.51.100.128/25", "Envoy may not reach 198.51.100.7"},
		{"Envoy's ways for jwtgate", templates + "networkpolicy.yaml", ".Values.networkPolicy.envoy", ".Values.networkPolicy.otlp",
			"Envoy may"},
		{"a monitor of another port", templates + "podmonitor.yaml", `"gate" "admin"`, `"gate" "metrics"`, "has no port metrics"},
		{"a monitor of no pod", templates + "podmonitor.yaml", `"component" (index . 0)`, `"component" "gates"`,
			"of 0 Deployments"},
		{"a monitor with an unknown field", templates + "podmonitor.yaml", "podMetricsEndpoints", "podMetricEndpoints",
			"podMetricEndpoints"},
		{"replicas that a scaler changes too", templates + "gate.yaml", "if not .Values.gate.autoscaling.enabled",
			"if .Values.gate.autoscaling.enabled",
			"a HorizontalPodAutoscaler sets it too"},
		{"the certificate is not mounted", templates + "envoy.yaml", "      - { name: tls, secret", "      - { name: tlz, secret",
			"no volume has the name tls"},
		{"Envoy without a node", templates + "envoy.yaml", `"--service-node" "envoy"`, "", "service-node"},
	} {
		release := fullReleases()[0]
		if row.file == other {
			release = fullReleases()[1]
		}
		all = append(all, planted{"values: " + row.name, row.file, row.old, row.new, release.firstFindings, row.want})
	}
	return all
}
