package envoylint

import (
	"maps"
	"slices"
)

// Severity is what a setting can cost.
type Severity string

// The severities.
const (
	Hole   Severity = "hole"   // a hostile request may reach the application
	Outage Severity = "outage" // a legitimate request may fail
	Note   Severity = "note"   // worth knowing; never changes the exit code
)

// Rule is one thing that lint-envoy looks for. The texts are lower case, without a
// full stop, and contain no pipe, which would end a cell of the page's tables.
type Rule struct {
	ID       string // stable, in kebab case
	Severity Severity
	What     string // what is wrong, for the page of rules
	Why      string // what can happen
	Fix      string // what to write instead
	// Gateway and Istio replace Fix where Envoy Gateway or Istio writes Envoy's
	// configuration.
	Gateway, Istio PlatformFix
}

// PlatformFix is how users of a platform fix a finding. The zero value: as Rule.Fix
// says.
type PlatformFix struct {
	// Field is the platform's own field to set.
	Field string
	// Without applies where no field of the platform sets this, so that the finding is
	// a note: it names another way to set it, or what jwtgate does instead.
	Without string
}

// Group is a group of related rules.
type Group struct {
	Title string
	Rules []Rule
}

// Groups returns every rule, in the order of the page.
func Groups() []Group {
	groups := []Group{
		{"Requests that bypass the gate", slices.Concat(bypassRules(), routeRules())},
		{"Normalization before the filters", edgeRules()},
		{"What jwtgate relaxes", relaxedRules()},
		{"Identity headers", headerRules()},
		{"What the gate's answer may change", authzRules()},
		{"Denials", denialRules()},
		{"Retries when a replica of the gate fails", retryRules()},
		{"The gate's cluster", clusterRules()},
		{"Notes", noteRules()},
	}
	gateway, istio := gatewayFixes(), istioFixes()
	maps.Copy(gateway, relaxedGatewayFixes())
	maps.Copy(istio, relaxedIstioFixes())
	for _, group := range groups {
		for i := range group.Rules {
			rule := &group.Rules[i]
			rule.Gateway, rule.Istio = gateway[rule.ID], istio[rule.ID]
		}
	}
	return groups
}

// Rules returns every rule.
func Rules() []Rule {
	var all []Rule
	for _, group := range Groups() {
		all = append(all, group.Rules...)
	}
	return all
}

// bypassRules are about requests that reach an application without a check.
func bypassRules() []Rule {
	return []Rule{
		{ID: "ext-authz-missing", Severity: Hole,
			What: "an HTTP connection manager that forwards requests has no ext_authz filter that calls the gate",
			Why:  "every request here reaches the application unchecked, with the identity headers that its client wrote",
			Fix:  "put the ext_authz filter of the shipped envoy.yaml before the router"},
		{ID: "ext-authz-disabled", Severity: Hole,
			What: "ext_authz is disabled for a route, for a virtual host or by default",
			Why:  "Envoy does not call the gate here, so nothing is verified and no header is removed",
			Fix:  "remove it, and give the path a route with access: public in jwtgate.yaml"},
		{ID: "ext-authz-conditional", Severity: Hole,
			What: "Envoy calls the gate for some requests only: filter_enabled is below 100 %, or there is filter_enabled_metadata, " +
				"without deny_at_disable; or a matcher decides",
			Why: "the other requests reach the application unchecked",
			Fix: "remove it, or set deny_at_disable to true, which has no effect on a matcher; " +
				"to try a policy out, use jwtgate's own shadow mode"},
		{ID: "shadow-mode", Severity: Hole,
			What: "shadow_mode is on",
			Why:  "Envoy calls the gate and ignores its denials",
			Fix:  "remove it; jwtgate's own shadow mode does the same for one route, and still removes identity headers"},
		{ID: "failure-mode-allow", Severity: Hole,
			What: "failure_mode_allow is on",
			Why:  "while Envoy cannot reach the gate, every request passes, with the identity headers that its client wrote",
			Fix:  "write failure_mode_allow: false"},
		{ID: "other-server", Severity: Hole,
			What: "a route calls another server instead of the gate",
			Why:  "requests that this server allows bypass the gate",
			Fix:  "remove grpc_service and http_service from check_settings"},
		{ID: "answered-before-ext-authz", Severity: Hole,
			What: "a filter that answers requests itself (a cache, files, a function) comes before ext_authz",
			Why:  "it answers requests that the gate has not checked, with content that other users were allowed to read",
			Fix:  "put it after ext_authz"},
		{ID: "tcp-bypass", Severity: Hole,
			What: "a TCP proxy, another network filter or a CONNECT tunnel forwards to a cluster whose requests are checked elsewhere, " +
				"or to an address that the client chooses",
			Why: "a client that connects there writes its own identity headers",
			Fix: "remove the filter chain, or replace it by an HTTP connection manager with ext_authz"},
		{ID: "routes-elsewhere", Severity: Hole,
			What: "the routes of a connection manager are not in the file",
			Why:  "a route can disable ext_authz or rewrite identity headers, and these routes were not checked",
			Fix:  "lint the running Envoy's /config_dump"},
		{ID: "not-read", Severity: Hole,
			What: "lint-envoy cannot read a field, a value or an extension on the path from a listener to the router " +
				"(listener, filter chain, connection manager, filters, routes)",
			Why: "requests may bypass the gate there, and nothing about it was checked",
			Fix: "correct or remove it; if Envoy accepts it (envoy --mode validate), use a newer jwtgate, " +
				"or verify by hand that no request bypasses the gate there"},
		{ID: "filter-calls-application", Severity: Hole,
			What: "a filter before ext_authz, for example an authorization server, calls a cluster whose requests have to be checked",
			Why:  "its call sends the method, the path and headers of an unchecked request to the application",
			Fix:  "use a server of its own for that filter"},
	}
}

// routeRules are about Envoy's routes and the gate's.
func routeRules() []Rule {
	return []Rule{
		{ID: "rewritten-by-client", Severity: Hole,
			What: "a route takes the path, the host or the cluster from a request header (path_rewrite, host_rewrite, " +
				"host_rewrite_header, cluster_header), or its cluster is an address that the client names " +
				"(dynamic forward proxy, ORIGINAL_DST by a header)",
			Why: "the client reaches another path or host than the gate checked, which may be Envoy's admin interface",
			Fix: "remove it; prefix_rewrite and regex_rewrite make the new path from the path that the gate checked"},
		{ID: "route-unknown", Severity: Outage,
			What: "context_extensions name a jwtgate route that the configuration does not have, or an unknown key that begins with " +
				"jwtgate. (values that a dump shows as [redacted] cannot be checked)",
			Why: "every request here gets status 503 (route_unknown, request_malformed)",
			Fix: "name a route of jwtgate.yaml, or remove it so that jwtgate matches the path"},
		{ID: "named-route-case", Severity: Hole,
			What: "an Envoy route names a jwtgate route (context_extensions) and matches letters of the path in one case only",
			Why: "/Admin takes another Envoy route, and an application that ignores case serves it as /admin; " +
				"jwtgate considers other spellings of a path only where it matches the path itself",
			Fix: "write case_sensitive: false in the match, or remove jwtgate.route so that jwtgate matches the path; " +
				"if every application distinguishes case, write relax: {all: [case_sensitive]} in jwtgate.yaml"},
	}
}

// edgeRules are about what the connection manager does to a request before the
// filters.
func edgeRules() []Rule {
	return []Rule{
		{ID: "path-not-normalized", Severity: Hole,
			What: "normalize_path is not on",
			Why: "Envoy routes /public/../admin as /public, and the application serves it as /admin; " +
				"jwtgate denies such paths, which well-meaning clients send too",
			Fix: "write normalize_path: true"},
		{ID: "slashes-not-merged", Severity: Hole,
			What: "merge_slashes is not on",
			Why:  "//admin does not match Envoy's route for /admin, and many applications serve it as /admin",
			Fix:  "write merge_slashes: true"},
		{ID: "escaped-slashes", Severity: Hole,
			What: "path_with_escaped_slashes_action keeps %2f and %5c",
			Why:  "/public%2f..%2fadmin is one segment to Envoy and a path to many applications",
			Fix:  "write path_with_escaped_slashes_action: REJECT_REQUEST"},
		{ID: "underscore-headers", Severity: Hole,
			What: "Envoy forwards headers with underscores",
			Why:  "many servers read x_user_id as x-user-id, and requests that bypass the gate keep it",
			Fix:  "write common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER }"},
		{ID: "use-remote-address", Severity: Hole,
			What: "use_remote_address is not on",
			Why: "a client chooses its own address, and sets headers that applications believe to be Envoy's, such as " +
				"x-envoy-original-path; with an address in internal_address_config it also sets timeouts and retries",
			Fix: "write use_remote_address: true, and xff_num_trusted_hops: the number of HTTP load balancers before this Envoy"},
		{ID: "client-cert-header", Severity: Hole,
			What: "forward_client_cert_details is ALWAYS_FORWARD_ONLY",
			Why:  "a client without a certificate writes x-forwarded-client-cert itself",
			Fix:  "write forward_client_cert_details: SANITIZE, or SANITIZE_SET"},
		{ID: "check-request-too-large", Severity: Outage,
			What: "a CheckRequest can be larger than 128 KiB",
			Why:  "jwtgate rejects it, and the request fails",
			Fix:  "keep max_request_headers_kb and with_request_body.max_request_bytes together at 120 KiB or less"},
		{ID: "request-headers-too-small", Severity: Outage,
			What: "max_request_headers_kb leaves less than 8 KiB for other headers, after the largest token (tokens.max_bytes) and " +
				"the largest identity headers (identity.max_total_bytes)",
			Why: "Envoy counts all of them together, and answers 500 for an allowed request that exceeds the limit",
			Fix: "raise max_request_headers_kb, or lower tokens.max_bytes or identity.max_total_bytes in jwtgate.yaml"},
		{ID: "request-headers-timeout", Severity: Outage,
			What: "request_headers_timeout is not set",
			Why:  "clients that never finish sending their headers can use up all connections",
			Fix:  "write request_headers_timeout: 10s"},
		{ID: "admin-open", Severity: Hole,
			What: "Envoy's admin interface listens on more than loopback, or a route without ext_authz leads to it " +
				"(except to /stats and /ready)",
			Why: "any client that reaches it can read the configuration and stop Envoy (POST /quitquitquit); " +
				"the interface has no authentication",
			Fix: "set admin.address to 127.0.0.1"},
		{ID: "token-logged", Severity: Hole,
			What: "an access log contains a header, or the query, that may contain a token",
			Why:  "anyone who reads the log can use the token until it expires",
			Fix:  "log neither; the shipped envoy.yaml logs %PATH(NQ:ORIG_OR_PATH)% and the gate's decision"},
	}
}

// headerRules are about identity headers on their way to the application.
func headerRules() []Rule {
	return []Rule{
		{ID: "early-strip-missing", Severity: Hole,
			What: "early_header_mutation_extensions does not remove an identity or override header",
			Why: "on a route without ext_authz, or while the gate is down and failure_mode_allow is on, " +
				"the application believes what the client wrote",
			Fix: "remove the names as the shipped envoy.yaml does (edit: identity)"},
		{ID: "early-strip-spellings", Severity: Hole,
			What: "early_header_mutation_extensions removes a name as it is written, and not its other spellings",
			Why:  "many servers read x.user.id, and x_user_id where Envoy forwards underscores, as x-user-id",
			Fix:  "remove names by a regular expression such as x[^a-z0-9]user[^a-z0-9]id, as the shipped envoy.yaml does"},
		{ID: "early-strip-too-wide", Severity: Outage,
			What: "early_header_mutation_extensions removes headers that are not the gate's",
			Why:  "applications, gRPC-Web clients or the gate itself miss a header that the client sent",
			Fix:  "name the configured headers exactly, without .* at the end"},
		{ID: "request-trailers", Severity: Hole,
			What: "no header_mutation filter removes identity and override headers from request trailers, and a route leads to a " +
				"cluster that gets trailers (HTTP/2, HTTP/3 or enable_trailers)",
			Why: "trailers follow the body, so the gate never sees them; an application that merges them into the headers " +
				"believes what the client wrote",
			Fix: "put the envoy.filters.http.header_mutation filter of the shipped envoy.yaml first, " +
				"with its request_trailers_mutations (edit: identity)"},
		{ID: "failure-mode-header", Severity: Hole,
			What: "failure_mode_allow_header_add is on, and Envoy keeps a client's own x-envoy-auth-failure-mode-allowed",
			Why:  "the application cannot distinguish Envoy's header from the client's",
			Fix:  "add - remove: x-envoy-auth-failure-mode-allowed to early_header_mutation_extensions"},
		{ID: "identity-before-ext-authz", Severity: Outage,
			What: "a filter before ext_authz uses an identity header or the gate's metadata",
			Why:  "only the gate sets them, and it has not run yet: the filter sees nothing, or what the client wrote",
			Fix:  "put it after ext_authz"},
		{ID: "identity-rewritten", Severity: Hole,
			What: "request_headers_to_add or request_headers_to_remove of a route, or a filter after ext_authz, changes an identity header",
			Why:  "it runs after the gate: the application gets this value instead of the gate's",
			Fix: "remove it; set identity headers by `identity` in jwtgate.yaml, and remove the client's by " +
				"early_header_mutation_extensions"},
		{ID: "headers-not-sent", Severity: Outage,
			What: "allowed_headers or disallowed_headers withholds a header that the gate reads",
			Why: "the gate acts as if the client had not sent it: a token is missing, a condition fails, " +
				"a spelling of an identity header is not removed",
			Fix: "add the names to allowed_headers, as in the shipped envoy.yaml, or remove the list"},
		{ID: "raw-headers", Severity: Outage,
			What: "encode_raw_headers is off",
			Why: "the gate gets repeated fields joined with a comma, repeated cookie fields as one broken field, " +
				"and bytes that are not UTF-8 as !",
			Fix: "write encode_raw_headers: true"},
	}
}

// authzRules are about what the gate's answer may change.
func authzRules() []Rule {
	return []Rule{
		{ID: "validate-mutations", Severity: Hole,
			What: "validate_mutations is off",
			Why:  "only the router stops a value with a line break, if anything does",
			Fix:  "write validate_mutations: true"},
		{ID: "mutation-rules-missing", Severity: Hole,
			What: "decoder_header_mutation_rules is not set",
			Why:  "an attacker who answers instead of the gate, or a bug in the gate, can change the path, the host or any header after the check",
			Fix:  "copy decoder_header_mutation_rules from the shipped envoy.yaml"},
		{ID: "mutation-rules-too-wide", Severity: Hole,
			What: "decoder_header_mutation_rules allow changes to the path, the host, an x-envoy header or any other header",
			Why:  "an answer may send a request to another destination than the one that was checked",
			Fix:  "write disallow_all: true and disallow_system: true, and only the configured names in allow_expression"},
		{ID: "mutation-rules-too-narrow", Severity: Outage,
			What: "decoder_header_mutation_rules forbid a header that the gate sets or removes",
			Why:  "every allowed request gets status 500, or continues without the change",
			Fix:  "add the names to allow_expression"},
		{ID: "mutation-rules-silent", Severity: Hole,
			What: "disallow_is_error is off in decoder_header_mutation_rules",
			Why:  "Envoy silently skips a change that is not allowed, including the removal of a token",
			Fix:  "write disallow_is_error: true"},
		{ID: "clear-route-cache", Severity: Hole,
			What: "clear_route_cache is on, and the rules let an answer change what Envoy selects routes by; " +
				"or it is on in a filter after ext_authz",
			Why: "Envoy routes the request again, to a route that the gate did not check",
			Fix: "write clear_route_cache: false"},
	}
}

// denialRules are about the answer that a client gets for a denied request.
func denialRules() []Rule {
	return []Rule{
		{ID: "status-on-error", Severity: Outage,
			What: "status_on_error is 403, the default, or another status that is not 5xx",
			Why:  "an outage of the gate looks like a denial, which clients do not retry",
			Fix:  "write status_on_error: { code: 503 }"},
		{ID: "local-reply-overwrites", Severity: Outage,
			What: "local_reply_config overwrites the body or the status of denials",
			Why:  "clients lose the reason and the decision id, and an expired token may look like an outage",
			Fix:  "match only response.code_details == 'ext_authz_error', as the shipped envoy.yaml does"},
		{ID: "cors-behind-ext-authz", Severity: Outage,
			What: "the CORS filter comes after ext_authz, and jwtgate has no cors.origins, or has cors.preflight: check",
			Why: "scripts in a browser cannot read a denial, so they cannot distinguish an expired token from a network error; " +
				"and the gate denies preflights, which have no token",
			Fix: "put envoy.filters.http.cors before ext_authz, or list the origins under cors.origins in jwtgate.yaml: " +
				"the gate then answers preflights itself"},
		{ID: "denial-truncated", Severity: Outage,
			What: "max_denied_response_body_bytes is shorter than a denial",
			Why:  "Envoy truncates the problem document, which is then not valid JSON",
			Fix:  "write max_denied_response_body_bytes: 4096"},
	}
}

// retryRules are about requests that fail when a replica of the gate does.
func retryRules() []Rule {
	return []Rule{
		{ID: "http-service", Severity: Hole,
			What: "ext_authz calls the gate by HTTP",
			Why: "jwtgate answers gRPC only: most requests fail, and a request with gRPC's content-type passes, " +
				"since gRPC answers 200 to an unknown method",
			Fix: "write grpc_service instead of http_service"},
		{ID: "google-grpc", Severity: Outage,
			What: "ext_authz calls the gate by google_grpc",
			Why:  "it supports neither retries on another replica nor the cluster's health checks",
			Fix:  "write envoy_grpc: { cluster_name: NAME }"},
		{ID: "grpc-timeout", Severity: Outage,
			What: "grpc_service.timeout is missing (0.2 s), shorter than 0.5 s, longer than 10 s, or 0 (none)",
			Why: "with a short timeout, a short overload or one slow replica makes requests fail; " +
				"with a long one, a gate that hangs delays every request",
			Fix: "write timeout: 0.8s"},
		{ID: "no-retry", Severity: Outage,
			What: "grpc_service.retry_policy is missing, retries nothing, or does not cover every way in which a replica can fail",
			Why:  "requests that a replica is checking when it stops fail",
			Fix:  `write retry_policy: { retry_on: "connect-failure,refused-stream,unavailable,reset", num_retries: 2 }`},
		{ID: "per-try-timeout", Severity: Outage,
			What: "retry_back_off.max_interval, which Envoy uses as the timeout of one attempt, " +
				"leaves no time for a second attempt or is too short for one",
			Why: "one replica that hangs uses up the whole timeout; an attempt that is too short fails although the gate is healthy",
			Fix: "write retry_back_off: { base_interval: 0.005s, max_interval: 0.25s } and timeout: 0.8s"},
		{ID: "retry-same-host", Severity: Outage,
			What: "retry_host_predicate lacks previous_hosts, or host_selection_retry_max_attempts is below 5 (1 if missing)",
			Why: "a retry goes to the replica that has just failed, which least-request selects again and again " +
				"because it has no active requests",
			Fix: "add envoy.retry_host_predicates.previous_hosts, and host_selection_retry_max_attempts: 50"},
		{ID: "max-retries", Severity: Outage,
			What: "the gate's cluster allows fewer than 100 concurrent retries",
			Why:  "the default is 3: when a replica fails under load, only three of its requests are retried at once",
			Fix:  "write circuit_breakers: { thresholds: [ { max_retries: 1000 } ] }, with the shipped file's other limits"},
	}
}

// clusterRules are about the gate's cluster.
func clusterRules() []Rule {
	return []Rule{
		{ID: "gate-cluster-elsewhere", Severity: Outage,
			What: "the gate's cluster is not in the file",
			Why:  "if Envoy does not have it either, every request fails; its health checks, retries and TLS were not checked",
			Fix:  "add the cluster, or lint the running Envoy's /config_dump"},
		{ID: "no-health-check", Severity: Outage,
			What: "the gate's cluster has no gRPC health check",
			Why:  "Envoy also calls replicas that are shutting down or have not loaded their keys",
			Fix: "write health_checks with grpc_health_check: { service_name: envoy.service.auth.v3.Authorization }, " +
				"as the shipped envoy.yaml does"},
		{ID: "panic-threshold", Severity: Outage,
			What: "healthy_panic_threshold is not 0 on the gate's cluster",
			Why:  "when more than half of the replicas are unhealthy, Envoy calls all of them, including the unhealthy ones",
			Fix:  "write common_lb_config: { healthy_panic_threshold: { value: 0 } }"},
		{ID: "dns-family", Severity: Outage,
			What: "the gate's cluster looks up localhost without dns_lookup_family",
			Why:  "Envoy prefers ::1, where a jwtgate on 127.0.0.1 does not listen, and every request fails",
			Fix:  "write dns_lookup_family: V4_PREFERRED, or the address"},
		{ID: "http2-missing", Severity: Outage,
			What: "the gate's cluster does not use HTTP/2",
			Why:  "gRPC requires it; every request fails",
			Fix:  "write http2_protocol_options: {} under explicit_http_config, as the shipped envoy.yaml does"},
		{ID: "gate-tls", Severity: Outage,
			What: "only one of Envoy and jwtgate uses TLS, Envoy does not offer h2, or Envoy lacks the client certificate that jwtgate requires",
			Why:  "no connection succeeds, and every request fails",
			Fix: "if jwtgate.yaml has server.tls, give the gate's cluster an UpstreamTlsContext with alpn_protocols: [ h2 ], " +
				"and with tls_certificates if it has client_ca_file; without server.tls, none"},
		{ID: "gate-unverified", Severity: Hole,
			What: "Envoy calls the gate by TLS and does not verify the server's certificate",
			Why:  "an attacker between the two can allow any request",
			Fix:  "add validation_context: { trusted_ca: { filename: CA } } with match_typed_subject_alt_names"},
		{ID: "unix-static", Severity: Outage,
			What: "the gate's cluster has a Unix socket and is not of type STATIC",
			Why:  "Envoy looks up the socket's path as a host name and never finds it: every request fails",
			Fix:  "write type: STATIC"},
	}
}

// noteRules are the rules whose findings are always notes.
func noteRules() []Rule {
	return []Rule{
		{ID: "with-request-body", Severity: Note,
			What: "with_request_body is set",
			Why:  "jwtgate does not read bodies, so Envoy buffers and sends them for nothing",
			Fix:  "remove it"},
		{ID: "host-spelling", Severity: Note,
			What: "there are several virtual hosts, and strip_any_host_port or strip_trailing_host_dot is off",
			Why:  "Envoy's routes distinguish api.example:8443 and api.example. from api.example; jwtgate does not",
			Fix:  "write strip_any_host_port: true and strip_trailing_host_dot: true"},
		{ID: "tcp-unchecked", Severity: Note,
			What: "a TCP proxy or another network filter forwards to a cluster to which no route leads",
			Why: "jwtgate checks HTTP requests only; if an application that trusts identity headers listens there, " +
				"clients write their own",
			Fix: "make sure that the application there does not trust identity headers"},
		{ID: "cluster-elsewhere", Severity: Note,
			What: "the cluster of a route is not in the file",
			Why:  "lint-envoy cannot see whether Envoy forwards trailers to it, and which filters it has",
			Fix:  "lint the running Envoy's /config_dump"},
		{ID: "unknown", Severity: Note,
			What: "lint-envoy does not know a field, a value or an extension that is not on the path of requests",
			Why:  "it may be newer than this version of jwtgate, or misspelled; nothing about it was checked",
			Fix:  "run envoy --mode validate on the file; if Envoy accepts it, use a newer jwtgate"},
	}
}
