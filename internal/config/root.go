package config

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// rootObject is the whole file.
func rootObject(c *Config) yamlform.Object {
	return yamlform.Object{
		Expected:    "a mapping with keys such as issuers and routes",
		NestedNames: "issuers",
		Rows: []yamlform.Row{
			yamlform.Field("server", "the server that Envoy sends authorization requests to",
				yamlform.Mapping(serverObject), &c.Server).WithDefault("{}"),
			yamlform.Field("admin", "the server for operators and probes", yamlform.Mapping(adminObject), &c.Admin).WithDefault("{}"),
			yamlform.Field("cache_dir",
				"directory in which the last valid keys are stored, so that they survive a restart; by default they are not stored",
				yamlform.FilePath("the path of a directory"), &c.CacheDir),
			yamlform.Field("issuers", "the trusted issuers of tokens; issuers never share keys", issuersCodec(), &c.issuers),
			yamlform.Field("tokens", "where credentials are read from", yamlform.Mapping(tokensObject), &c.Tokens).WithDefault("{}"),
			yamlform.Field("identity", "the headers that the application receives, and those that clients may not send",
				yamlform.Mapping(identityObject), &c.Identity).WithDefault("{}"),
			yamlform.Field("routes", "what each request requires; the first matching route is used", routesCodec(), &c.Routes),
			yamlform.Field("include",
				"further files with routes, each for its own hosts; their routes follow those of this file, sorted by file name",
				includeCodec(), &c.include),
			yamlform.Field("default", "what a request requires if no route matches it",
				yamlform.Enum(AccessRequired, AccessDeny), &c.Default).WithDefault("required"),
			yamlform.Field("cors", "how cross-origin requests of browsers are treated", yamlform.Mapping(corsObject), &c.CORS).WithDefault("{}"),
			yamlform.Field("relax", "exceptions to the strict checks of requests", yamlform.Mapping(relaxObject), &c.Relax),
			yamlform.Field("revoked", "revoked tokens", yamlform.Mapping(revokedObject), &c.RevokedFile),
			yamlform.Field("audit", "which decisions are recorded, and where", yamlform.Mapping(auditObject), &c.Audit).WithDefault("{}"),
			yamlform.Field("shadow", "true: denials are recorded but not enforced, for every route that has no shadow of its own",
				yamlform.Boolean(), &c.Shadow).WithDefault("false"),
		},
	}
}

// check checks the rules that involve the whole file and the files that it includes.
func (l *loader) check(c *Config) {
	d := l.Decoder
	if c.Server.Listen == c.Admin.Listen && !anyPort(c.Server.Listen) {
		path := "admin.listen"
		if !d.IsSet(path) {
			path = "server.listen"
		}
		d.ReportPath(path, "is used by both server.listen and admin.listen: got %s; expected two different addresses",
			yamlform.Quote(c.Admin.Listen))
	}
	if !loopbackListen(c.Admin.Listen) {
		d.Warn("admin.listen", "is %s, which is not a loopback address: any client that reaches it can read key ids and metrics; keep it private",
			yamlform.Quote(c.Admin.Listen))
	}
	checkIssuers(d, c)
	l.included(c)
	checkRoutes(d, c)
	checkCredentialHeaders(d, c)
	checkTokenHeaders(d, c)
	checkUnprefixedHeaders(d, c)
	checkRedact(d, &c.Audit.Redact)
	// Other packages check the rest for more mistakes. They cannot use a route without a
	// match, and they would report an issuer with a mistake about its keys again.
	c.Routes = slices.DeleteFunc(c.Routes, func(r Route) bool { return lostMatch(d, r) })
	c.Issuers = slices.DeleteFunc(c.Issuers,
		func(i Issuer) bool { return len(i.ISS) == 0 || len(i.Algorithms) == 0 || c.issuers.keyMistakes[i.Path] })
}

// revokedObject has only one key, so it is decoded into the value of that key.
func revokedObject(file *string) yamlform.Object {
	return yamlform.Object{
		Expected: "a mapping such as {file: revoked.jsonl}",
		Rows: []yamlform.Row{
			yamlform.Field("file",
				"JSON lines, each with the name of an issuer and one of sub, client, jti and origin_jti; a change takes effect within a second",
				yamlform.FilePath("the path of a file"), file).MustBeSet(),
		},
	}
}
