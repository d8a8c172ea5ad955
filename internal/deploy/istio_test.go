//go:build deploy

package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/envoy"
)

// istioRules check deploy/istio with Istio's definitions and mesh configuration, and its
// Envoy settings with Envoy.
func istioRules(tree string) findings {
	mesh, err := os.ReadFile(filepath.Join(tree, "deploy/istio/mesh.yaml"))
	if err != nil {
		return findings{err.Error()}
	}
	var found findings
	if _, err := outputOf(string(mesh), gotool("meshcheck")); err != nil {
		found.add("mesh.yaml: %v", err)
	}
	all, err := documents(string(mesh))
	if err != nil || len(all) != 1 {
		return append(found, fmt.Sprintf("mesh.yaml: %d documents, %v", len(all), err))
	}
	provider := all[0].within("extensionProviders.0.envoyExtAuthzGrpc")
	found.want("mesh.yaml", provider, "failOpen", "false")
	found.want("mesh.yaml", provider, "statusOnError", "503")
	found.want("mesh.yaml", provider, "timeout", "0.8s")
	found.want("mesh.yaml", provider, "clearRouteCache", "false")
	found.want("mesh.yaml", provider, "service", "jwtgate/jwtgate.jwtgate.svc.cluster.local")

	envoys := place{name: "an Envoy of the Gateway", labels: object{"gateway.networking.k8s.io/gateway-name": "jwtgate"}}
	return append(found, platformRules(tree, "istio", envoys, func(objects []object) findings {
		var found findings
		found.want("mesh.yaml", provider, "port", named(objects, "Service", "jwtgate").text("spec.ports.0.port"))
		policy := named(objects, "AuthorizationPolicy", "jwtgate")
		found.want("AuthorizationPolicy", policy, "spec.action", "CUSTOM")
		found.want("AuthorizationPolicy", policy, "spec.provider.name", all[0].text("extensionProviders.0.name"))
		found.want("AuthorizationPolicy", policy, "spec.rules", "[map[]]") // every request, with no exception
		idle := named(objects, "DestinationRule", "application")
		found.want("DestinationRule", idle, "spec.host", "application.jwtgate.svc.cluster.local")
		found.want("DestinationRule", idle, "spec.trafficPolicy.connectionPool.http.idleTimeout", "1s")
		return append(found, filterRules(named(objects, "EnvoyFilter", "jwtgate"))...)
	})...)
}

// filterRules merge the EnvoyFilter into a bootstrap like Istio's, validate it with Envoy,
// and compare it with the shipped file.
func filterRules(filter object) findings {
	var found findings
	manager := map[string]any{
		"stat_prefix": "outbound",
		"route_config": map[string]any{"virtual_hosts": []any{map[string]any{"name": "a", "domains": []any{"*"},
			"routes": []any{map[string]any{"match": map[string]any{"prefix": "/"}, "direct_response": map[string]any{"status": 200}}}}}},
	}
	authz := map[string]any{"transport_api_version": "V3", "grpc_service": map[string]any{
		"timeout": "0.8s", "envoy_grpc": map[string]any{"cluster_name": "jwtgate", "authority": "jwtgate"},
	}}
	var first []any // filters
	cluster := map[string]any{"name": "jwtgate", "type": "STATIC", "load_assignment": map[string]any{"cluster_name": "jwtgate"}}
	for _, p := range filter.list("spec.configPatches") {
		value := mapping(plain(p.at("patch.value")))
		switch p.text("patch.operation") + " " + p.text("applyTo") {
		case "MERGE NETWORK_FILTER":
			merge(manager, value.within("typed_config"))
		case "MERGE HTTP_FILTER":
			merge(authz, value.within("typed_config"))
		case "INSERT_FIRST HTTP_FILTER":
			first = append(first, map[string]any(value))
		case "MERGE CLUSTER":
			merge(cluster, value)
		default:
			found.add("EnvoyFilter: %s of %s", p.text("patch.operation"), p.text("applyTo"))
		}
	}
	// Istio's clusters use HTTP/2 if the port of the Service is gRPC.
	const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
	merge(cluster, map[string]any{"typed_extension_protocol_options": map[string]any{options: map[string]any{
		"@type":                "type.googleapis.com/" + options,
		"explicit_http_config": map[string]any{"http2_protocol_options": map[string]any{}},
	}}})
	manager["http_filters"] = append(first,
		map[string]any{"name": "envoy.filters.http.ext_authz", "typed_config": authz},
		map[string]any{"name": "envoy.filters.http.router",
			"typed_config": map[string]any{"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}},
	)
	text, err := yaml.Marshal(map[string]any{
		"layered_runtime": map[string]any{"layers": []any{
			map[string]any{"name": "static", "static_layer": map[string]any{"re2.max_program_size.error_level": 32768}}}},
		"static_resources": map[string]any{
			"listeners": []any{map[string]any{
				"address": map[string]any{"socket_address": map[string]any{"address": "127.0.0.1", "port_value": 8080}},
				"filter_chains": []any{map[string]any{"filters": []any{
					map[string]any{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}}}},
			}},
			"clusters": []any{cluster},
		},
	})
	if err != nil {
		return append(found, err.Error())
	}
	found = append(found, envoyConfig("EnvoyFilter", string(text), "", nil)...)
	return append(found, sameSettings(manager, authz, cluster)...)
}

// merge merges one tree into another, as Istio merges protobufs: lists are appended.
func merge(into, from map[string]any) {
	for key, value := range from {
		below, isMap := value.(map[string]any)
		there, wasMap := into[key].(map[string]any)
		list, isList := value.([]any)
		before, wasList := into[key].([]any)
		switch {
		case isMap && wasMap:
			merge(there, below)
		case isList && wasList:
			into[key] = append(before, list...)
		default:
			into[key] = value
		}
	}
}

// sameSettings compares the EnvoyFilter's settings with those of the shipped file.
func sameSettings(manager, authz, cluster map[string]any) findings {
	text, err := envoy.Bootstrap(envoy.Edit{Listen: "0.0.0.0:80"}) // the port of the Gateway
	if err != nil {
		return findings{err.Error()}
	}
	all, err := documents(string(text))
	if err != nil {
		return findings{err.Error()}
	}
	shipped := mapping(plain(all[0]))
	const filters = "static_resources.listeners.0.filter_chains.0.filters.0.typed_config"
	var found findings
	for _, pair := range []struct {
		name         string
		ours, theirs object
		keys         []string
	}{
		{"HTTP connection manager", shipped.within(filters), manager, []string{
			"normalize_path", "merge_slashes", "path_with_escaped_slashes_action", "strip_any_host_port", "strip_trailing_host_dot",
			"delayed_close_timeout", "early_header_mutation_extensions",
		}},
		{"HTTP filter", shipped.within(filters + ".http_filters.0"), mapping(manager["http_filters"].([]any)[0]),
			[]string{"name", "typed_config"}},
		{"ext_authz", shipped.within(filters + ".http_filters.2.typed_config"), authz, []string{
			"encode_raw_headers", "charge_cluster_response_stats", "validate_mutations",
		}},
		{"ext_authz.grpc_service", shipped.within(filters + ".http_filters.2.typed_config.grpc_service"),
			mapping(authz["grpc_service"]), []string{"timeout", "retry_policy"}},
		{"cluster", shipped.within("static_resources.clusters.0"), cluster, []string{
			"connect_timeout", "lb_policy", "health_checks", "common_lb_config", "circuit_breakers",
		}},
	} {
		for _, key := range pair.keys {
			found = append(found, differ(pair.name+"."+key+" of the shipped Envoy file", pair.ours[key], pair.theirs[key])...)
		}
	}
	return found
}

// TestIstio: the example satisfies its rules.
func TestIstio(t *testing.T) {
	for _, finding := range istioRules(root) {
		t.Error(finding)
	}
}
