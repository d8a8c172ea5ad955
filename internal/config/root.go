package config

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// fileObject is the whole file.
func rootObject() yamlform.Object[Config] {
	return yamlform.Object[Config]{
		Expected:    "a mapping with keys such as issuers and routes",
		NestedNames: "issuers",
		Fields: []yamlform.FieldOf[Config]{
			yamlform.Field("server", "where Envoy reaches the gate", yamlform.Mapping(serverObject()),
				func(c *Config) *Server { return &c.Server }).WithDefault("{}"),
			yamlform.Field("admin", "where operators and probes reach the gate", yamlform.Mapping(adminObject()),
				func(c *Config) *Admin { return &c.Admin }).WithDefault("{}"),
			yamlform.Field("cache_dir", "last-good keys are kept here over a restart; without it they are not kept",
				yamlform.FilePath("the path of a directory"), func(c *Config) *string { return &c.CacheDir }),
			yamlform.Field("issuers", "who may sign tokens; two issuers never share keys", issuersCodec(),
				func(c *Config) *issuerList { return &c.issuers }),
			yamlform.Field("tokens", "where a credential is read", yamlform.Mapping(tokensObject()),
				func(c *Config) *Tokens { return &c.Tokens }).WithDefault("{}"),
			yamlform.Field("identity", "what the application is told, and what clients may not claim",
				yamlform.Mapping(identityObject()), func(c *Config) *Identity { return &c.Identity }).WithDefault("{}"),
			yamlform.Field("routes", "what each request needs; the first match decides", routesCodec(),
				func(c *Config) *[]Route { return &c.Routes }),
			yamlform.Field("include",
				"further files of routes, each for its own hosts; they stand behind the routes of this file, by the name of their file",
				includeCodec(), func(c *Config) *[]include { return &c.include }),
			yamlform.Field("default", "what a request needs that no route matches", yamlform.Enum(AccessRequired, AccessDeny),
				func(c *Config) *Access { return &c.Default }).WithDefault("required"),
			yamlform.Field("cors", "how browsers' cross-origin requests are treated", yamlform.Mapping(corsObject()),
				func(c *Config) *CORS { return &c.CORS }).WithDefault("{}"),
			yamlform.Field("relax", "holes in the strict reading of requests, opened by name", yamlform.Mapping(relaxObject()),
				func(c *Config) *Relax { return &c.Relax }),
			yamlform.Field("revoked", "tokens that are trusted no longer", yamlform.Mapping(revokedObject()),
				func(c *Config) *string { return &c.RevokedFile }),
			yamlform.Field("audit", "which decisions are recorded, and where to", yamlform.Mapping(auditObject()),
				func(c *Config) *Audit { return &c.Audit }).WithDefault("{}"),
			yamlform.Field("shadow", "the whole gate in shadow: would-be denials are recorded, not enforced", yamlform.Boolean(),
				func(c *Config) *bool { return &c.Shadow }).WithDefault("false"),
		},
	}
}

// check holds the rules that span the whole file and those that it includes.
func (l *loader) check(c *Config) {
	d := l.Decoder
	if c.Server.Listen == c.Admin.Listen && !anyPort(c.Server.Listen) {
		path := "admin.listen"
		if !d.IsSet(path) {
			path = "server.listen"
		}
		d.ReportPath(path, "is %s, which server.listen and admin.listen cannot share; write another port", yamlform.Quote(c.Admin.Listen))
	}
	if !loopbackListen(c.Admin.Listen) {
		d.Warn("admin.listen", "is %s, which is not loopback: whoever reaches it reads key ids and metrics; keep it private",
			yamlform.Quote(c.Admin.Listen))
	}
	checkIssuers(d, c)
	l.included(c)
	checkRoutes(d, c)
	checkCredentialHeaders(d, c)
	checkUnprefixedHeaders(d, c)
	// What cannot be matched is of no use to whoever looks for more mistakes, and
	// an issuer whose keys come from a wrong place would be said to be wrong twice.
	c.Routes = slices.DeleteFunc(c.Routes, func(r Route) bool { return lostMatch(d, r) })
	c.Issuers = slices.DeleteFunc(c.Issuers,
		func(i Issuer) bool { return len(i.ISS) == 0 || len(i.Algorithms) == 0 || c.issuers.keyMistakes[i.Path] })
}

// revokedObject is a mapping with one key, so that what it holds is the whole of
// it.
func revokedObject() yamlform.Object[string] {
	return yamlform.Object[string]{
		Expected: "a mapping such as {file: revoked.jsonl}",
		Fields: []yamlform.FieldOf[string]{
			yamlform.Field("file",
				"JSON lines, each with an issuer's name here and one of sub, client, jti and origin_jti; it takes effect within a second of a change",
				yamlform.FilePath("the path of a file"), func(file *string) *string { return file }).MustBeSet(),
		},
	}
}
