//go:build deploy

package deploy

import "testing"

// envoyGatewayRules check deploy/envoy-gateway with the definitions of Envoy Gateway and of
// the Gateway API, and its required settings.
func envoyGatewayRules(tree string) findings {
	envoys := place{name: "an Envoy of the Gateway", namespace: "envoy-gateway-system", labels: object{
		"gateway.envoyproxy.io/owning-gateway-namespace": "jwtgate", "gateway.envoyproxy.io/owning-gateway-name": "jwtgate",
	}}
	return platformRules(tree, "envoy-gateway", envoys, func(objects []object) findings {
		var found findings
		policies := ofKind(objects, "SecurityPolicy")
		if len(policies) != 1 {
			return findings{"not one SecurityPolicy"}
		}
		const name = "SecurityPolicy"
		auth := policies[0].within("spec.extAuth")
		found.want(name, auth, "failOpen", "false")
		found.want(name, auth, "statusOnError", "503")
		found.want(name, auth, "timeout", "800ms")
		found.want(name, auth, "recomputeRoute", "false")
		found.want(name, auth, "headersToExtAuth", "")
		found.want(name, auth, "grpc.backendRefs.0.name", "jwtgate")
		found.want(name, auth, "grpc.backendRefs.0.port", named(objects, "Service", "jwtgate").text("spec.ports.0.port"))
		const settings = "grpc.backendSettings."
		found.want(name, auth, settings+"healthCheck.active.grpc.service", "envoy.service.auth.v3.Authorization")
		found.want(name, auth, settings+"healthCheck.panicThreshold", "0")
		found.want(name, auth, settings+"retry.perRetry.backOff.maxInterval", "250ms")
		found.want(name, auth, settings+"circuitBreaker.maxParallelRetries", "1000")
		found.want("BackendTrafficPolicy", named(objects, "BackendTrafficPolicy", "jwtgate"), "spec.timeout.http.connectionIdleTimeout", "1s")
		client := named(objects, "ClientTrafficPolicy", "jwtgate")
		found.want("ClientTrafficPolicy", client, "spec.path.escapedSlashesAction", "RejectRequest")
		found.want("ClientTrafficPolicy", client, "spec.path.disableMergeSlashes", "false")
		found.want("ClientTrafficPolicy", client, "spec.headers.withUnderscoresAction", "DropHeader")
		found.want("ClientTrafficPolicy", client, "spec.headers.xForwardedClientCert.mode", "Sanitize")
		var expressions []string
		for _, m := range client.list("spec.headers.earlyRequestHeaders.removeOnMatch") {
			found.want("ClientTrafficPolicy: removeOnMatch", m, "type", "RegularExpression")
			expressions = append(expressions, m.text("value"))
		}
		return append(found, strips("ClientTrafficPolicy", expressions)...)
	})
}

// TestEnvoyGateway: the example satisfies its rules.
func TestEnvoyGateway(t *testing.T) {
	for _, finding := range envoyGatewayRules(root) {
		t.Error(finding)
	}
}
