package envoylint

import "maps"

// Opens is what a setting costs.
type Opens string

// The closed list of costs.
const (
	Hole   Opens = "hole"   // something hostile may get through
	Outage Opens = "outage" // a proper request may be refused
	Remark Opens = "note"   // worth knowing; never a reason to fail
)

// Rule is one thing that is looked for. The texts are lower case, without a full
// stop, and hold no pipe.
type Rule struct {
	ID    string // stable, in kebab case
	Opens Opens
	What  string // what is found, for the page of rules
	Why   string // what comes of it
	Mend  string // what to write instead
	// Gateway and Istio say how it is mended where Envoy's configuration is
	// written by Envoy Gateway or by Istio.
	Gateway, Istio Way
}

// Way is how a platform mends a finding. The zero value: as its finding says.
type Way struct {
	// Field is the platform's own field that mends it.
	Field string
	// Without is for what no field of the platform sets, which is a note there:
	// what does, or what jwtgate does in its place.
	Without string
}

// Group is rules that belong together.
type Group struct {
	Title string
	Rules []Rule
}

// Groups returns every rule, in the order of the page.
func Groups() []Group {
	groups := []Group{
		{"Requests that the gate is not asked about", askedRules()},
		{"What becomes of a request before any filter", edgeRules()},
		{"What jwtgate relaxes", relaxedRules()},
		{"Identity headers on their way", headerRules()},
		{"What the gate's answer may do", authzRules()},
		{"What the client is told", answerRules()},
		{"When a replica of the gate goes", retryRules()},
		{"The gate's cluster", clusterRules()},
		{"Notes", remarks()},
	}
	gateway, istio := gatewayWays(), istioWays()
	maps.Copy(gateway, relaxedGatewayWays())
	maps.Copy(istio, relaxedIstioWays())
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

// askedRules are about requests that the gate is not asked about.
func askedRules() []Rule {
	return []Rule{
		{ID: "ext-authz-missing", Opens: Hole,
			What: "an HTTP connection manager that forwards requests has no ext_authz filter that asks the gate",
			Why:  "every request that comes in here reaches the application unchecked, with the identity headers that its client wrote",
			Mend: "put the ext_authz filter of the shipped envoy.yaml before the router"},
		{ID: "ext-authz-disabled", Opens: Hole,
			What: "ext_authz is disabled for a route, a virtual host or by default",
			Why:  "the gate is not asked here, so nothing is verified and nothing stripped",
			Mend: "remove it, and give the path a route with access: public in jwtgate.yaml"},
		{ID: "ext-authz-conditional", Opens: Hole,
			What: "filter_enabled below 100 % or filter_enabled_metadata, without deny_at_disable, or a matcher, asks the gate about some requests only",
			Why:  "requests that it leaves out reach the application unchecked",
			Mend: "remove it, or let deny_at_disable be true, which has no effect on a matcher; to try a policy out, use jwtgate's own shadow"},
		{ID: "shadow-mode", Opens: Hole,
			What: "shadow_mode is on",
			Why:  "the gate is asked and its denials are not enforced",
			Mend: "remove it; jwtgate's own shadow does the same for one route, and strips identity headers all the while"},
		{ID: "failure-mode-allow", Opens: Hole,
			What: "failure_mode_allow is on",
			Why:  "while the gate cannot be asked every request passes, with the identity headers that its client wrote",
			Mend: "write failure_mode_allow: false"},
		{ID: "other-server", Opens: Hole,
			What: "a route asks another server than the gate",
			Why:  "what that server allows passes without the gate",
			Mend: "remove grpc_service and http_service from check_settings"},
		{ID: "answered-before-ext-authz", Opens: Hole,
			What: "a filter that answers by itself (a cache, files, a function) stands before ext_authz",
			Why:  "it answers requests that the gate was never asked about, with what others were allowed to read",
			Mend: "put it behind ext_authz"},
		{ID: "tcp-bypass", Opens: Hole,
			What: "a TCP proxy, another network filter or a CONNECT tunnel forwards to a cluster that requests are checked for elsewhere, or to an address that the client chooses",
			Why:  "whoever connects there writes his own identity headers",
			Mend: "remove the filter chain, or put an HTTP connection manager with ext_authz in its place"},
		{ID: "routes-elsewhere", Opens: Hole,
			What: "the routes of a connection manager are not in the file",
			Why:  "a route can switch ext_authz off or rewrite identity headers, and these routes were not checked",
			Mend: "lint the running Envoy's /config_dump"},
		{ID: "not-read", Opens: Hole,
			What: "a field, a value or an extension on the path from a listener to the router (listener, filter chain, connection manager, filters, routes) that lint-envoy cannot read",
			Why:  "requests may take a way there on which the gate is not asked, and nothing about it was checked",
			Mend: "correct or remove it; if Envoy accepts it (envoy --mode validate), use a newer jwtgate, or check by hand that no request gets around the gate there"},
		{ID: "filter-calls-application", Opens: Hole,
			What: "a filter before ext_authz (an authorization server, say) calls a cluster that requests are checked for",
			Why:  "its call carries the method, the path and headers of a request that was not checked to the application",
			Mend: "let it call a server of its own"},
		{ID: "rewritten-by-client", Opens: Hole,
			What: "a route takes the path, the host or the cluster from a request header (path_rewrite, host_rewrite, host_rewrite_header, cluster_header), or its cluster is the address that a client names (dynamic forward proxy, ORIGINAL_DST by a header)",
			Why:  "the gate checked another path or host than what the client reaches, which may be Envoy's admin interface",
			Mend: "remove it; prefix_rewrite and regex_rewrite make the new path of the one that was checked"},
		{ID: "route-unknown", Opens: Outage,
			What: "context_extensions name a jwtgate route that the configuration does not have, or another key that begins with jwtgate. (Envoy's dump does not say: it holds [redacted])",
			Why:  "every request here is answered 503 (route_unknown, request_malformed)",
			Mend: "name a route of jwtgate.yaml, or remove it and let jwtgate match the path"},
		{ID: "named-route-case", Opens: Hole,
			What: "an Envoy route names a jwtgate route (context_extensions) and matches letters of the path in one case only",
			Why:  "/Admin takes another Envoy route, and an application that ignores case serves it as /admin; jwtgate compares the other readings of a path only where it matches the path itself",
			Mend: "write case_sensitive: false in the match, or remove jwtgate.route and let jwtgate match the path; if every application distinguishes case, write relax: {all: [case_sensitive]} in jwtgate.yaml"},
	}
}

// edgeRules are about what the connection manager makes of a request.
func edgeRules() []Rule {
	return []Rule{
		{ID: "path-not-normalized", Opens: Hole,
			What: "normalize_path is not on",
			Why:  "/public/../admin is routed as /public and served as /admin; jwtgate refuses such paths, which a client in good faith may send too",
			Mend: "write normalize_path: true"},
		{ID: "slashes-not-merged", Opens: Hole,
			What: "merge_slashes is not on",
			Why:  "//admin misses Envoy's route for /admin and is served as /admin by many applications",
			Mend: "write merge_slashes: true"},
		{ID: "escaped-slashes", Opens: Hole,
			What: "path_with_escaped_slashes_action leaves %2f and %5c as they are",
			Why:  "/public%2f..%2fadmin is one segment to Envoy and a path to many applications",
			Mend: "write path_with_escaped_slashes_action: REJECT_REQUEST"},
		{ID: "underscore-headers", Opens: Hole,
			What: "headers with underscores are let through",
			Why:  "many servers read x_user_id as x-user-id, and where the gate is not asked nobody removes it",
			Mend: "write common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER }"},
		{ID: "use-remote-address", Opens: Hole,
			What: "use_remote_address is not on",
			Why:  "a client chooses the address that it seems to come from, and headers that applications take for Envoy's word, such as x-envoy-original-path; from an address in internal_address_config also its timeouts and retries",
			Mend: "write use_remote_address: true, and xff_num_trusted_hops: the number of HTTP load balancers before this Envoy"},
		{ID: "client-cert-header", Opens: Hole,
			What: "forward_client_cert_details is ALWAYS_FORWARD_ONLY",
			Why:  "a client without a certificate writes x-forwarded-client-cert itself",
			Mend: "write forward_client_cert_details: SANITIZE, or SANITIZE_SET"},
		{ID: "check-request-too-large", Opens: Outage,
			What: "a CheckRequest can be larger than 128 KiB",
			Why:  "jwtgate refuses it, and the request is an error",
			Mend: "keep max_request_headers_kb and with_request_body.max_request_bytes together at 120 KiB or less"},
		{ID: "request-headers-too-small", Opens: Outage,
			What: "max_request_headers_kb leaves less than 8 KiB beside the largest token (tokens.max_bytes) and the largest identity headers (identity.max_total_bytes)",
			Why:  "Envoy counts both together and answers 500 for an allowed request that exceeds the limit",
			Mend: "raise max_request_headers_kb, or lower tokens.max_bytes or identity.max_total_bytes in jwtgate.yaml"},
		{ID: "request-headers-timeout", Opens: Outage,
			What: "request_headers_timeout is not set",
			Why:  "clients that never finish their headers hold connections until there are no more",
			Mend: "write request_headers_timeout: 10s"},
		{ID: "admin-open", Opens: Hole,
			What: "Envoy's admin interface listens on more than loopback, or a route leads to it, except to /stats and /ready, without ext_authz",
			Why:  "whoever reaches it can read the configuration and end Envoy (POST /quitquitquit); it asks for no credential",
			Mend: "let admin.address be 127.0.0.1"},
		{ID: "token-logged", Opens: Hole,
			What: "an access log holds a header, or the query, in which a token stands",
			Why:  "who reads the log can use the token until it expires",
			Mend: "log neither; the shipped envoy.yaml logs %PATH(NQ:ORIG_OR_PATH)% and the gate's decision"},
	}
}

// headerRules are about the identity headers on their way.
func headerRules() []Rule {
	return []Rule{
		{ID: "early-strip-missing", Opens: Hole,
			What: "early_header_mutation_extensions does not remove an identity or override header",
			Why:  "on a route without ext_authz, or with the gate away and failure_mode_allow on, the application believes what the client wrote",
			Mend: "remove the names as the shipped envoy.yaml does (edit: identity)"},
		{ID: "early-strip-spellings", Opens: Hole,
			What: "early_header_mutation_extensions removes a name as it is written, and not in its other spellings",
			Why:  "x.user.id and, where underscores pass, x_user_id are x-user-id to many servers",
			Mend: "remove by a regular expression such as x[^a-z0-9]user[^a-z0-9]id, as the shipped envoy.yaml does"},
		{ID: "early-strip-too-wide", Opens: Outage,
			What: "early_header_mutation_extensions removes headers that are none of the gate's",
			Why:  "applications, gRPC-Web clients or the gate itself miss a header that was sent",
			Mend: "name the configured headers exactly, without .* at the end"},
		{ID: "request-trailers", Opens: Hole,
			What: "no header_mutation filter removes identity and override headers from the trailers of requests, and a route leads to a cluster that is sent trailers (HTTP/2, HTTP/3 or enable_trailers)",
			Why:  "trailers follow the body, so the gate never sees them; an application that adds them to the headers believes what the client wrote",
			Mend: "put the envoy.filters.http.header_mutation filter of the shipped envoy.yaml first, with its request_trailers_mutations (edit: identity)"},
		{ID: "failure-mode-header", Opens: Hole,
			What: "failure_mode_allow_header_add is on, and a client's own x-envoy-auth-failure-mode-allowed is not removed",
			Why:  "the application cannot tell Envoy's word from the client's",
			Mend: "add - remove: x-envoy-auth-failure-mode-allowed to early_header_mutation_extensions"},
		{ID: "identity-before-ext-authz", Opens: Outage,
			What: "a filter before ext_authz acts on an identity header or on the gate's metadata",
			Why:  "neither is there yet: only the gate sets them, so the filter sees nothing, or what the client wrote",
			Mend: "put it behind ext_authz"},
		{ID: "identity-rewritten", Opens: Hole,
			What: "request_headers_to_add or request_headers_to_remove of a route, or a filter behind ext_authz, changes an identity header",
			Why:  "it runs behind the gate: the application gets what stands there and not what the gate has set",
			Mend: "remove it; identity headers are set by `identity` in jwtgate.yaml, and stripped before by early_header_mutation_extensions"},
		{ID: "headers-not-sent", Opens: Outage,
			What: "allowed_headers or disallowed_headers keeps from the gate a header that it reads",
			Why:  "what is not sent does not exist for the gate: a token is missing, a condition fails, a spelling is not removed",
			Mend: "add the names to allowed_headers, as the shipped envoy.yaml has them, or remove the list"},
		{ID: "raw-headers", Opens: Outage,
			What: "encode_raw_headers is off",
			Why:  "two fields of one name come joined with a comma, two cookie fields as one broken one, and odd bytes as !",
			Mend: "write encode_raw_headers: true"},
	}
}

// authzRules are about what the gate's answer may do.
func authzRules() []Rule {
	return []Rule{
		{ID: "validate-mutations", Opens: Hole,
			What: "validate_mutations is off",
			Why:  "a value with a line break is held back by the router alone, if at all",
			Mend: "write validate_mutations: true"},
		{ID: "mutation-rules-missing", Opens: Hole,
			What: "decoder_header_mutation_rules is not set",
			Why:  "whoever answers in the gate's place, or a fault of the gate, changes the path, the host or any header behind the check",
			Mend: "take decoder_header_mutation_rules from the shipped envoy.yaml"},
		{ID: "mutation-rules-too-wide", Opens: Hole,
			What: "decoder_header_mutation_rules allow the path, the host, an x-envoy header or any other",
			Why:  "an answer may send a request elsewhere than where it was checked for",
			Mend: "write disallow_all: true and disallow_system: true, and the configured names alone in allow_expression"},
		{ID: "mutation-rules-too-narrow", Opens: Outage,
			What: "decoder_header_mutation_rules forbid a header that the gate sets or removes",
			Why:  "every request that is allowed is answered 500, or goes on without the change",
			Mend: "add the names to allow_expression"},
		{ID: "mutation-rules-silent", Opens: Hole,
			What: "disallow_is_error is off in decoder_header_mutation_rules",
			Why:  "a change that is not allowed is left out without a word, the removal of a token too",
			Mend: "write disallow_is_error: true"},
		{ID: "clear-route-cache", Opens: Hole,
			What: "clear_route_cache is on, and the rules let an answer change what routes are chosen by; or it is on in a filter behind ext_authz",
			Why:  "the request is routed again, to a route that the gate was not asked about",
			Mend: "write clear_route_cache: false"},
	}
}

// answerRules are about what the client is told.
func answerRules() []Rule {
	return []Rule{
		{ID: "status-on-error", Opens: Outage,
			What: "status_on_error is left at 403, or is no 5xx",
			Why:  "an outage of the gate looks like a denial, which clients do not try again",
			Mend: "write status_on_error: { code: 503 }"},
		{ID: "local-reply-overwrites", Opens: Outage,
			What: "local_reply_config overwrites the body or the status of denials",
			Why:  "clients lose the reason and the decision id, and an expired token may look like an outage",
			Mend: "match response.code_details == 'ext_authz_error' alone, as the shipped envoy.yaml does"},
		{ID: "cors-behind-ext-authz", Opens: Outage,
			What: "the CORS filter is behind ext_authz, and jwtgate has no cors.origins, or has cors.preflight: check",
			Why:  "a browser's script may not read a denial, so it cannot tell an expired token from a network fault, and the gate refuses preflights, which have no token",
			Mend: "put envoy.filters.http.cors before ext_authz, or list the origins under cors.origins in jwtgate.yaml: the gate then answers preflights itself"},
		{ID: "denial-truncated", Opens: Outage,
			What: "max_denied_response_body_bytes is shorter than a denial",
			Why:  "the problem document is cut, and is no JSON any more",
			Mend: "write max_denied_response_body_bytes: 4096"},
	}
}

// retryRules are about requests that are lost when a replica of the gate is.
func retryRules() []Rule {
	return []Rule{
		{ID: "http-service", Opens: Hole,
			What: "ext_authz asks by HTTP",
			Why:  "jwtgate answers gRPC only: most requests are errors, and one with the content-type of gRPC passes, since gRPC answers 200 to what it does not know",
			Mend: "write grpc_service in place of http_service"},
		{ID: "google-grpc", Opens: Outage,
			What: "ext_authz asks by google_grpc",
			Why:  "it knows neither retries on another replica nor the cluster's health checks",
			Mend: "write envoy_grpc: { cluster_name: NAME }"},
		{ID: "grpc-timeout", Opens: Outage,
			What: "grpc_service.timeout is absent (0.2 s), shorter than 0.5 s, longer than 10 s, or 0 (none)",
			Why:  "too short, and a busy moment or one slow replica is an error; too long, and a hung gate holds every request",
			Mend: "write timeout: 0.8s"},
		{ID: "no-retry", Opens: Outage,
			What: "grpc_service.retry_policy is absent, retries nothing, or leaves out a way in which a replica dies",
			Why:  "each request that is with a replica when it goes is lost",
			Mend: "write retry_policy: { retry_on: \"connect-failure,refused-stream,unavailable,reset\", num_retries: 2 }"},
		{ID: "per-try-timeout", Opens: Outage,
			What: "retry_back_off.max_interval, which Envoy takes for the time of one try, leaves no time for a second try or is too short for one",
			Why:  "a hung replica takes the whole timeout with it; a try that is too short fails a gate that is well",
			Mend: "write retry_back_off: { base_interval: 0.005s, max_interval: 0.25s } beside timeout: 0.8s"},
		{ID: "retry-same-host", Opens: Outage,
			What: "retry_host_predicate does not hold previous_hosts, or host_selection_retry_max_attempts is below 5 (1 if it is absent)",
			Why:  "a retry goes to the replica that has just failed, which least-request draws again and again since nothing is under way there",
			Mend: "add envoy.retry_host_predicates.previous_hosts, and host_selection_retry_max_attempts: 50"},
		{ID: "max-retries", Opens: Outage,
			What: "the gate's cluster allows fewer than 100 retries at a time",
			Why:  "by default it is 3: when a replica dies under load, the fourth request that was with it is lost",
			Mend: "write circuit_breakers: { thresholds: [ { max_retries: 1000 } ] }, with the shipped file's other limits"},
	}
}

// clusterRules are about the gate's cluster.
func clusterRules() []Rule {
	return []Rule{
		{ID: "gate-cluster-elsewhere", Opens: Outage,
			What: "the gate's cluster is not in the file",
			Why:  "if Envoy does not have it either, every request is an error; its health checks, retries and TLS were not checked",
			Mend: "add the cluster, or lint the running Envoy's /config_dump"},
		{ID: "no-health-check", Opens: Outage,
			What: "the gate's cluster has no gRPC health check",
			Why:  "a replica that drains or has not loaded its keys is asked like the others",
			Mend: "write health_checks with grpc_health_check: { service_name: envoy.service.auth.v3.Authorization }, as the shipped envoy.yaml does"},
		{ID: "panic-threshold", Opens: Outage,
			What: "healthy_panic_threshold is not 0 on the gate's cluster",
			Why:  "with more than half of the replicas away Envoy asks all of them again, the dead too",
			Mend: "write common_lb_config: { healthy_panic_threshold: { value: 0 } }"},
		{ID: "dns-family", Opens: Outage,
			What: "the gate's cluster looks localhost up without dns_lookup_family",
			Why:  "Envoy takes ::1 first, where a jwtgate on 127.0.0.1 does not listen, and every request is an error",
			Mend: "write dns_lookup_family: V4_PREFERRED, or the address"},
		{ID: "http2-missing", Opens: Outage,
			What: "the gate's cluster does not speak HTTP/2",
			Why:  "gRPC needs it; every request is an error",
			Mend: "write http2_protocol_options: {} under explicit_http_config, as the shipped envoy.yaml does"},
		{ID: "gate-tls", Opens: Outage,
			What: "one of Envoy and jwtgate speaks TLS and the other does not, Envoy does not offer h2, or it has not the client certificate that jwtgate wants",
			Why:  "they never understand each other, and every request is an error",
			Mend: "give the gate's cluster an UpstreamTlsContext with alpn_protocols: [ h2 ] if jwtgate.yaml has server.tls, with tls_certificates if it has client_ca_file, and none if it has not"},
		{ID: "gate-unverified", Opens: Hole,
			What: "Envoy asks the gate by TLS and does not verify who answers",
			Why:  "whoever stands between the two allows what he likes",
			Mend: "add validation_context: { trusted_ca: { filename: CA } } with match_typed_subject_alt_names"},
		{ID: "unix-static", Opens: Outage,
			What: "the gate's cluster has a Unix socket and is not of type STATIC",
			Why:  "its path is looked up as a name and never found: every request is an error",
			Mend: "write type: STATIC"},
	}
}

// remarks are never a reason to fail.
func remarks() []Rule {
	return []Rule{
		{ID: "with-request-body", Opens: Remark,
			What: "with_request_body is set",
			Why:  "jwtgate reads no body, so Envoy buffers and sends bodies for nothing",
			Mend: "remove it"},
		{ID: "host-spelling", Opens: Remark,
			What: "there are several virtual hosts, and strip_any_host_port or strip_trailing_host_dot is off",
			Why:  "api.example:8443 and api.example. are other hosts to Envoy's routes; jwtgate takes them for the same",
			Mend: "write strip_any_host_port: true and strip_trailing_host_dot: true"},
		{ID: "tcp-unchecked", Opens: Remark,
			What: "a TCP proxy or another network filter forwards to a cluster to which no route leads",
			Why:  "jwtgate checks HTTP requests only; if an application that trusts identity headers listens there, clients write their own",
			Mend: "make sure that what listens there does not trust identity headers"},
		{ID: "cluster-elsewhere", Opens: Remark,
			What: "the cluster of a route is not in the file",
			Why:  "whether Envoy forwards trailers to it, and which filters it has, is unknown",
			Mend: "lint the running Envoy's /config_dump"},
		{ID: "unknown", Opens: Remark,
			What: "a field, a value or an extension that lint-envoy does not know, away from the path of requests",
			Why:  "it may be newer than this version of jwtgate, or misspelled; nothing about it was checked",
			Mend: "run envoy --mode validate on the file; if Envoy accepts it, use a newer jwtgate"},
	}
}
