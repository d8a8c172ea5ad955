package envoylint

// Platform is what writes Envoy's configuration.
type Platform string

// The platforms.
const (
	Plain   Platform = "envoy"         // a person
	Gateway Platform = "envoy-gateway" // Envoy Gateway
	Istio   Platform = "istio"         // Istio
)

// fix is how users of a platform fix a rule's finding.
func (r Rule) fix(p Platform) PlatformFix {
	switch p {
	case Gateway:
		return r.Gateway
	case Istio:
		return r.Istio
	}
	return PlatformFix{}
}

// Both platforms have a patch resource for what none of their fields sets.
const (
	gatewayPatch = "Envoy Gateway has no field for it, only an EnvoyPatchPolicy can set it; "
	istioPatch   = "Istio has no field for it, only an EnvoyFilter can set it; "
)

// Texts that both platforms share.
const (
	withoutHeaderLimit = "without one the limit is 60"
	withoutLargeLimit  = "without one, lower tokens.max_bytes or identity.max_total_bytes in jwtgate.yaml"
	withoutSpellings   = "jwtgate removes every spelling from requests that it checks"
	withoutRawHeaders  = "jwtgate also reads joined fields, and rejects a credential with a comma in it; " +
		"tokens in cookies need clients that send one cookie field"
	withoutValidation = "jwtgate percent-encodes everything except visible ASCII"
	narrowRules       = " set them; write disallow_all: true, disallow_system: true and the configured names in allow_expression there"
)

// gatewayFixes are those of Envoy Gateway: ClientTrafficPolicy for what clients send,
// SecurityPolicy for ext_authz, and the backend settings of its backendRefs for the
// gate's cluster.
func gatewayFixes() map[string]PlatformFix {
	return map[string]PlatformFix{
		"ext-authz-missing": {Field: "a SecurityPolicy with extAuth.grpc that targets the Gateway"},
		"ext-authz-disabled": {Field: "let the SecurityPolicy with extAuth.grpc target the Gateway rather than single routes; " +
			"a route's own SecurityPolicy replaces the Gateway's, so it needs extAuth too"},
		"failure-mode-allow":        {Field: "SecurityPolicy: extAuth.failOpen: false"},
		"other-server":              {Field: "one SecurityPolicy with extAuth.grpc, the gate's"},
		"path-not-normalized":       {Field: "normalization is on by default, and an EnvoyPatchPolicy turned it off; remove that"},
		"slashes-not-merged":        {Field: "ClientTrafficPolicy: path.disableMergeSlashes: false"},
		"escaped-slashes":           {Field: "ClientTrafficPolicy: path.escapedSlashesAction: RejectRequest"},
		"underscore-headers":        {Field: "ClientTrafficPolicy: headers.withUnderscoresAction: DropHeader"},
		"use-remote-address":        {Field: "ClientTrafficPolicy: clientIPDetection.xForwardedFor instead of customHeader"},
		"client-cert-header":        {Field: "ClientTrafficPolicy: headers.xForwardedClientCert.mode: Sanitize"},
		"check-request-too-large":   {Without: gatewayPatch + withoutHeaderLimit},
		"request-headers-too-small": {Without: gatewayPatch + withoutLargeLimit},
		"request-headers-timeout": {Without: gatewayPatch +
			"ClientTrafficPolicy: timeout.http.requestReceivedTimeout limits the whole request instead"},
		"admin-open":            {Field: "EnvoyProxy: bootstrap changed it; the default of Envoy Gateway is loopback"},
		"early-strip-missing":   {Field: "ClientTrafficPolicy: headers.earlyRequestHeaders.remove, with the names"},
		"early-strip-spellings": {Without: gatewayPatch + withoutSpellings},
		"early-strip-too-wide":  {Field: "ClientTrafficPolicy: headers.earlyRequestHeaders"},
		"request-trailers": {Without: gatewayPatch +
			"without appProtocol: kubernetes.io/h2c, and with HTTPRoutes only, Envoy forwards no trailers to an application"},
		"named-route-case": {Field: "SecurityPolicy: extAuth.contextExtensions without jwtgate.route, or a path of type " +
			"RegularExpression, such as (?i)/admin(/.*)?, in the HTTPRoute"},
		"headers-not-sent": {Field: "SecurityPolicy: extAuth.headersToExtAuth, with the names, or none at all, " +
			"which sends every header"},
		"raw-headers":        {Without: gatewayPatch + withoutRawHeaders},
		"validate-mutations": {Without: gatewayPatch + withoutValidation},
		"mutation-rules-missing": {Without: gatewayPatch +
			"jwtgate sets identity headers only; allow only the proxy's pods to connect to it, and use TLS between them"},
		"mutation-rules-too-wide":   {Field: "an EnvoyPatchPolicy" + narrowRules},
		"mutation-rules-too-narrow": {Field: "an EnvoyPatchPolicy set them; add the names to allow_expression there"},
		"mutation-rules-silent":     {Field: "an EnvoyPatchPolicy set the rules; add disallow_is_error: true there"},
		"clear-route-cache":         {Field: "SecurityPolicy: extAuth.recomputeRoute: false"},
		"status-on-error":           {Without: gatewayPatch + "without one, clients get 403 during an outage"},
		"local-reply-overwrites":    {Field: "an EnvoyPatchPolicy set it; match response.code_details == 'ext_authz_error' there"},
		"denial-truncated":          {Field: "an EnvoyPatchPolicy set it; raise it there"},
		"cors-behind-ext-authz":     {Field: "EnvoyProxy: filterOrder changed it; by default Envoy Gateway puts cors first"},
		"http-service":              {Field: "SecurityPolicy: extAuth.grpc instead of extAuth.http"},
		"grpc-timeout":              {Without: gatewayPatch + "its default delays requests by 10 s when a gate hangs"},
		"no-retry":                  {Field: "SecurityPolicy: extAuth.grpc.backendSettings.retry"},
		"per-try-timeout":           {Field: "SecurityPolicy: extAuth.grpc.backendSettings.retry.perRetry.backOff.maxInterval: 250ms"},
		"retry-same-host":           {Without: gatewayPatch + "more retries make it less likely that all go to the failed replica"},
		"max-retries":               {Field: "SecurityPolicy: extAuth.grpc.backendSettings.circuitBreaker.maxParallelRetries: 1000"},
		"no-health-check":           {Field: "SecurityPolicy: extAuth.grpc.backendSettings.healthCheck.active, type GRPC"},
		"panic-threshold":           {Field: "SecurityPolicy: extAuth.grpc.backendSettings.healthCheck.panicThreshold: 0"},
		"gate-tls":                  {Field: "a BackendTLSPolicy for jwtgate's Service"},
		"gate-unverified":           {Field: "BackendTLSPolicy: validation, with caCertificateRefs"},
		"with-request-body":         {Field: "SecurityPolicy: extAuth without bodyToExtAuth"},
	}
}

// istioFixes are those of Istio: the extension provider of the mesh configuration for
// ext_authz, pathNormalization for paths, a DestinationRule for the gate's cluster.
func istioFixes() map[string]PlatformFix {
	const provider = "meshConfig.extensionProviders[].envoyExtAuthzGrpc"
	const normalization = "meshConfig.pathNormalization.normalization: "
	return map[string]PlatformFix{
		"ext-authz-missing":  {Field: "an AuthorizationPolicy with action: CUSTOM and the gate's provider, for this workload"},
		"ext-authz-disabled": {Field: "remove the EnvoyFilter that did that"},
		"ext-authz-conditional": {Field: "give the AuthorizationPolicy with action: CUSTOM one empty rule (rules: [{}]), " +
			"and give public paths a route with access: public in jwtgate.yaml"},
		"failure-mode-allow":  {Field: provider + ".failOpen: false"},
		"path-not-normalized": {Field: normalization + "MERGE_SLASHES, or DECODE_AND_MERGE_SLASHES"},
		"slashes-not-merged":  {Field: normalization + "MERGE_SLASHES, or DECODE_AND_MERGE_SLASHES"},
		"escaped-slashes":     {Field: normalization + "DECODE_AND_MERGE_SLASHES; jwtgate still denies %2f"},
		"underscore-headers":  {Without: istioPatch + withoutSpellings},
		"use-remote-address": {Without: "it is on for a gateway; a sidecar trusts the proxy before it, so allow only the mesh " +
			"to connect to the workload (PeerAuthentication: mtls.mode: STRICT)"},
		"client-cert-header":        {Field: "proxy.istio.io/config: gatewayTopology.forwardClientCertDetails: SANITIZE_SET"},
		"check-request-too-large":   {Without: istioPatch + withoutHeaderLimit},
		"request-headers-too-small": {Without: istioPatch + withoutLargeLimit},
		"request-headers-timeout":   {Without: istioPatch + "without one, clients can take any time"},
		"admin-open":                {Field: "a custom bootstrap changed it; the default of Istio is loopback"},
		"token-logged":              {Field: "meshConfig.accessLogFormat without that header"},
		"early-strip-missing": {Without: istioPatch +
			"jwtgate removes the headers from requests that it checks, so let the AuthorizationPolicy match everything"},
		"early-strip-spellings": {Without: istioPatch + withoutSpellings},
		"request-trailers": {Without: istioPatch + "the one in deploy/istio does; without it Envoy forwards trailers to " +
			"applications whose ports are declared as HTTP/2 or gRPC"},
		"named-route-case": {Field: "an EnvoyFilter set jwtgate.route; write ignoreUriCase: true in the VirtualService's match, " +
			"or let jwtgate match the path"},
		"early-strip-too-wide": {Field: "name the headers exactly in the EnvoyFilter that did that"},
		"identity-rewritten":   {Field: "VirtualService: headers.request without the identity headers"},
		"headers-not-sent": {Field: "add the names in the EnvoyFilter that did that; " +
			"by default Istio sends every header to a gRPC provider"},
		"raw-headers":        {Without: istioPatch + withoutRawHeaders},
		"validate-mutations": {Without: istioPatch + withoutValidation},
		"mutation-rules-missing": {Without: istioPatch + "jwtgate sets identity headers only; " +
			"allow only the proxies to connect to it (PeerAuthentication, AuthorizationPolicy)"},
		"mutation-rules-too-wide":   {Field: "an EnvoyFilter" + narrowRules},
		"mutation-rules-too-narrow": {Field: "an EnvoyFilter set them; add the names to allow_expression there"},
		"mutation-rules-silent":     {Field: "an EnvoyFilter set the rules; add disallow_is_error: true there"},
		"clear-route-cache":         {Field: provider + ".clearRouteCache: false"},
		"status-on-error":           {Field: provider + ".statusOnError: \"503\""},
		"local-reply-overwrites":    {Field: "an EnvoyFilter did that; match response.code_details == 'ext_authz_error' there"},
		"denial-truncated":          {Field: "an EnvoyFilter set it; raise it there"},
		"cors-behind-ext-authz":     {Without: "Istio puts cors after ext_authz; list the origins under cors.origins in jwtgate.yaml"},
		"http-service":              {Field: "envoyExtAuthzGrpc instead of envoyExtAuthzHttp"},
		"grpc-timeout":              {Field: provider + ".timeout: 0.8s; without it a gate that hangs delays requests by 10 minutes"},
		"no-retry": {Without: istioPatch +
			"jwtgate reports NOT_SERVING before it stops, and a readiness probe removes it from the Service"},
		"per-try-timeout": {Without: istioPatch + "requests to a replica that hangs fail until its readiness probe fails"},
		"retry-same-host": {Without: istioPatch + "a retry may go to the replica that has just failed"},
		"max-retries":     {Field: "DestinationRule: trafficPolicy.connectionPool.http.maxRetries: 1000"},
		"no-health-check": {Without: istioPatch + "the Service's readiness probe (jwtgate healthcheck, or /readyz) replaces it, " +
			"some seconds later; outlierDetection of a DestinationRule helps"},
		"panic-threshold": {Field: "DestinationRule: trafficPolicy.outlierDetection.minHealthPercent: 0"},
		"gate-tls": {Field: "DestinationRule: trafficPolicy.tls.mode; DISABLE or ISTIO_MUTUAL " +
			"for a jwtgate without server.tls"},
		"gate-unverified":   {Field: "DestinationRule: trafficPolicy.tls.caCertificates and subjectAltNames"},
		"with-request-body": {Field: provider + " without includeRequestBodyInCheck"},
	}
}
