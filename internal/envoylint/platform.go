package envoylint

// Platform is who writes Envoy's configuration.
type Platform string

// The closed list of platforms.
const (
	Plain   Platform = "envoy"         // a person does
	Gateway Platform = "envoy-gateway" // Envoy Gateway does
	Istio   Platform = "istio"         // Istio does
)

// way is how a platform mends a rule.
func (r Rule) way(p Platform) Way {
	switch p {
	case Gateway:
		return r.Gateway
	case Istio:
		return r.Istio
	}
	return Way{}
}

// What no field of a platform sets can be patched in by its hatch.
const (
	gatewayPatch = "Envoy Gateway has no field for it; an EnvoyPatchPolicy sets it; "
	istioPatch   = "Istio has no field for it; an EnvoyFilter sets it; "
)

// gatewayWays are Envoy Gateway's: ClientTrafficPolicy for what clients send,
// SecurityPolicy for ext_authz, and the backend settings of its backendRefs for
// the gate's cluster.
func gatewayWays() map[string]Way {
	return map[string]Way{
		"ext-authz-missing":         {Field: "a SecurityPolicy with extAuth.grpc that targets the Gateway"},
		"ext-authz-disabled":        {Field: "let the SecurityPolicy with extAuth.grpc target the Gateway rather than single routes; a SecurityPolicy of a route takes the Gateway's place, so it needs extAuth too"},
		"failure-mode-allow":        {Field: "SecurityPolicy: extAuth.failOpen: false"},
		"other-server":              {Field: "one SecurityPolicy with extAuth.grpc, that of the gate"},
		"path-not-normalized":       {Field: "an EnvoyPatchPolicy turned it off, since it is on by default; remove that"},
		"slashes-not-merged":        {Field: "ClientTrafficPolicy: path.disableMergeSlashes: false"},
		"escaped-slashes":           {Field: "ClientTrafficPolicy: path.escapedSlashesAction: RejectRequest"},
		"underscore-headers":        {Field: "ClientTrafficPolicy: headers.withUnderscoresAction: DropHeader"},
		"use-remote-address":        {Field: "ClientTrafficPolicy: clientIPDetection.xForwardedFor in place of customHeader"},
		"client-cert-header":        {Field: "ClientTrafficPolicy: headers.xForwardedClientCert.mode: Sanitize"},
		"check-request-too-large":   {Without: gatewayPatch + "without one it is 60"},
		"request-headers-too-small": {Without: gatewayPatch + "until then lower tokens.max_bytes or identity.max_total_bytes in jwtgate.yaml"},
		"request-headers-timeout":   {Without: gatewayPatch + "ClientTrafficPolicy: timeout.http.requestReceivedTimeout bounds the whole request instead"},
		"admin-open":                {Field: "EnvoyProxy: bootstrap is where it was changed; by itself Envoy Gateway binds it to loopback"},
		"early-strip-missing":       {Field: "ClientTrafficPolicy: headers.earlyRequestHeaders.remove, with the names"},
		"early-strip-spellings":     {Without: gatewayPatch + "jwtgate removes every spelling from what it is asked about"},
		"early-strip-too-wide":      {Field: "ClientTrafficPolicy: headers.earlyRequestHeaders"},
		"request-trailers":          {Without: gatewayPatch + "without appProtocol: kubernetes.io/h2c, and with HTTPRoutes only, Envoy forwards no trailers to an application"},
		"named-route-case":          {Field: "SecurityPolicy: extAuth.contextExtensions without jwtgate.route, or a path of type RegularExpression, such as (?i)/admin(/.*)?, in the HTTPRoute"},
		"headers-not-sent":          {Field: "SecurityPolicy: extAuth.headersToExtAuth, with the names, or none at all, which sends every header"},
		"raw-headers":               {Without: gatewayPatch + "jwtgate reads the joined form too, and refuses a credential with a comma in it; tokens in cookies need clients that send one cookie field"},
		"validate-mutations":        {Without: gatewayPatch + "jwtgate percent-encodes what is no visible ASCII"},
		"mutation-rules-missing":    {Without: gatewayPatch + "jwtgate sets identity headers alone; let nobody but the proxy's pods reach it, and use TLS between them"},
		"mutation-rules-too-wide":   {Field: "an EnvoyPatchPolicy set them; write disallow_all: true, disallow_system: true and the configured names in allow_expression there"},
		"mutation-rules-too-narrow": {Field: "an EnvoyPatchPolicy set them; add the names to allow_expression there"},
		"mutation-rules-silent":     {Field: "an EnvoyPatchPolicy set the rules; add disallow_is_error: true there"},
		"clear-route-cache":         {Field: "SecurityPolicy: extAuth.recomputeRoute: false"},
		"status-on-error":           {Without: gatewayPatch + "an outage is told as 403 until then"},
		"local-reply-overwrites":    {Field: "an EnvoyPatchPolicy set it; match response.code_details == 'ext_authz_error' there"},
		"denial-truncated":          {Field: "an EnvoyPatchPolicy set it; raise it there"},
		"cors-behind-ext-authz":     {Field: "EnvoyProxy: filterOrder is where it was changed; by itself Envoy Gateway puts cors first"},
		"http-service":              {Field: "SecurityPolicy: extAuth.grpc in place of extAuth.http"},
		"grpc-timeout":              {Without: gatewayPatch + "its own 10 s hold requests that long when a gate hangs"},
		"no-retry":                  {Field: "SecurityPolicy: extAuth.grpc.backendSettings.retry"},
		"per-try-timeout":           {Field: "SecurityPolicy: extAuth.grpc.backendSettings.retry.perRetry.backOff.maxInterval: 250ms"},
		"retry-same-host":           {Without: gatewayPatch + "more retries make it less likely that all go to the dead replica"},
		"max-retries":               {Field: "SecurityPolicy: extAuth.grpc.backendSettings.circuitBreaker.maxParallelRetries: 1000"},
		"no-health-check":           {Field: "SecurityPolicy: extAuth.grpc.backendSettings.healthCheck.active, type GRPC"},
		"panic-threshold":           {Field: "SecurityPolicy: extAuth.grpc.backendSettings.healthCheck.panicThreshold: 0"},
		"gate-tls":                  {Field: "a BackendTLSPolicy for jwtgate's Service"},
		"gate-unverified":           {Field: "BackendTLSPolicy: validation, with caCertificateRefs"},
		"with-request-body":         {Field: "SecurityPolicy: extAuth without bodyToExtAuth"},
	}
}

// istioWays are Istio's: the extension provider of the mesh configuration for
// ext_authz, pathNormalization for paths, a DestinationRule for the gate's
// cluster.
func istioWays() map[string]Way {
	const provider = "meshConfig.extensionProviders[].envoyExtAuthzGrpc"
	return map[string]Way{
		"ext-authz-missing":         {Field: "an AuthorizationPolicy with action: CUSTOM and the gate's provider, for this workload"},
		"ext-authz-disabled":        {Field: "remove the EnvoyFilter that did that"},
		"ext-authz-conditional":     {Field: "let the AuthorizationPolicy with action: CUSTOM have one empty rule (rules: [{}]), and give public paths a route with access: public in jwtgate.yaml"},
		"failure-mode-allow":        {Field: provider + ".failOpen: false"},
		"path-not-normalized":       {Field: "meshConfig.pathNormalization.normalization: MERGE_SLASHES, or DECODE_AND_MERGE_SLASHES"},
		"slashes-not-merged":        {Field: "meshConfig.pathNormalization.normalization: MERGE_SLASHES, or DECODE_AND_MERGE_SLASHES"},
		"escaped-slashes":           {Field: "meshConfig.pathNormalization.normalization: DECODE_AND_MERGE_SLASHES; jwtgate refuses %2f all the same"},
		"underscore-headers":        {Without: istioPatch + "jwtgate removes every spelling from what it is asked about"},
		"use-remote-address":        {Without: "a gateway has it on; a sidecar trusts the proxy before it, so let only the mesh reach the workload (PeerAuthentication: mtls.mode: STRICT)"},
		"client-cert-header":        {Field: "proxy.istio.io/config: gatewayTopology.forwardClientCertDetails: SANITIZE_SET"},
		"check-request-too-large":   {Without: istioPatch + "without one it is 60"},
		"request-headers-too-small": {Without: istioPatch + "until then lower tokens.max_bytes or identity.max_total_bytes in jwtgate.yaml"},
		"request-headers-timeout":   {Without: istioPatch + "nothing bounds it until then"},
		"admin-open":                {Field: "a custom bootstrap changed it; by itself Istio binds it to loopback"},
		"token-logged":              {Field: "meshConfig.accessLogFormat without that header"},
		"early-strip-missing":       {Without: istioPatch + "jwtgate removes the headers from what it is asked about, so let the AuthorizationPolicy match everything"},
		"early-strip-spellings":     {Without: istioPatch + "jwtgate removes every spelling from what it is asked about"},
		"request-trailers":          {Without: istioPatch + "the one in deploy/istio does; without it Envoy forwards trailers to the applications whose ports speak HTTP/2 or gRPC"},
		"named-route-case":          {Field: "an EnvoyFilter set jwtgate.route; write ignoreUriCase: true in the VirtualService's match, or let jwtgate match the path"},
		"early-strip-too-wide":      {Field: "name the headers exactly in the EnvoyFilter that did that"},
		"identity-rewritten":        {Field: "VirtualService: headers.request without the identity headers"},
		"headers-not-sent":          {Field: "add the names in the EnvoyFilter that did that; by itself Istio sends every header to a gRPC provider"},
		"raw-headers":               {Without: istioPatch + "jwtgate reads the joined form too, and refuses a credential with a comma in it; tokens in cookies need clients that send one cookie field"},
		"validate-mutations":        {Without: istioPatch + "jwtgate percent-encodes what is no visible ASCII"},
		"mutation-rules-missing":    {Without: istioPatch + "jwtgate sets identity headers alone; let nobody but the proxies reach it (PeerAuthentication, AuthorizationPolicy)"},
		"mutation-rules-too-wide":   {Field: "an EnvoyFilter set them; write disallow_all: true, disallow_system: true and the configured names in allow_expression there"},
		"mutation-rules-too-narrow": {Field: "an EnvoyFilter set them; add the names to allow_expression there"},
		"mutation-rules-silent":     {Field: "an EnvoyFilter set the rules; add disallow_is_error: true there"},
		"clear-route-cache":         {Field: provider + ".clearRouteCache: false"},
		"status-on-error":           {Field: provider + ".statusOnError: \"503\""},
		"local-reply-overwrites":    {Field: "an EnvoyFilter did that; match response.code_details == 'ext_authz_error' there"},
		"denial-truncated":          {Field: "an EnvoyFilter set it; raise it there"},
		"cors-behind-ext-authz":     {Without: "Istio puts cors behind; list the origins under cors.origins in jwtgate.yaml"},
		"http-service":              {Field: "envoyExtAuthzGrpc in place of envoyExtAuthzHttp"},
		"grpc-timeout":              {Field: provider + ".timeout: 0.8s; without it a hung gate holds requests for 10 minutes"},
		"no-retry":                  {Without: istioPatch + "jwtgate says NOT_SERVING before it goes, and a readiness probe takes it out of the Service"},
		"per-try-timeout":           {Without: istioPatch + "a hung replica costs requests until its probe fails"},
		"retry-same-host":           {Without: istioPatch + "a retry may go to the replica that has just failed"},
		"max-retries":               {Field: "DestinationRule: trafficPolicy.connectionPool.http.maxRetries: 1000"},
		"no-health-check":           {Without: istioPatch + "the Service's readiness probe (jwtgate healthcheck, or /readyz) does it, some seconds later; outlierDetection of a DestinationRule helps"},
		"panic-threshold":           {Field: "DestinationRule: trafficPolicy.outlierDetection.minHealthPercent: 0"},
		"gate-tls":                  {Field: "DestinationRule: trafficPolicy.tls.mode; DISABLE or ISTIO_MUTUAL for a jwtgate without server.tls"},
		"gate-unverified":           {Field: "DestinationRule: trafficPolicy.tls.caCertificates and subjectAltNames"},
		"with-request-body":         {Field: provider + " without includeRequestBodyInCheck"},
	}
}
