package config

import "slices"

// fileObject is the whole file.
func fileObject() object[Config] {
	return object[Config]{
		says:  "a mapping with keys such as issuers and routes",
		names: "issuers",
		keys: []key[Config]{
			field("server", "where Envoy reaches the gate", group(serverObject()), func(c *Config) *Server { return &c.Server }).or("{}"),
			field("admin", "where operators and probes reach the gate", group(adminObject()), func(c *Config) *Admin { return &c.Admin }).or("{}"),
			field("cache_dir", "last-good keys are kept here over a restart; without it they are not kept",
				filePath("the path of a directory"), func(c *Config) *string { return &c.CacheDir }),
			field("issuers", "who may sign tokens; two issuers never share keys", issuersForm(), func(c *Config) *[]Issuer { return &c.Issuers }),
			field("tokens", "where a credential is read", group(tokensObject()), func(c *Config) *Tokens { return &c.Tokens }).or("{}"),
			field("identity", "what the application is told, and what clients may not claim",
				group(identityObject()), func(c *Config) *Identity { return &c.Identity }).or("{}"),
			field("routes", "what each request needs; the first match decides", routesForm(), func(c *Config) *[]Route { return &c.Routes }),
			field("include", "further files of routes, each for its own hosts; they stand behind the routes of this file, by the name of their file",
				includeForm(), func(c *Config) *[]include { return &c.include }),
			field("default", "what a request needs that no route matches", oneOf(AccessRequired, AccessDeny),
				func(c *Config) *Access { return &c.Default }).or("required"),
			field("cors", "how browsers' cross-origin requests are treated", group(corsObject()), func(c *Config) *CORS { return &c.CORS }).or("{}"),
			field("relax", "holes in the strict reading of requests, opened by name", group(relaxObject()),
				func(c *Config) *Relax { return &c.Relax }),
			field("revoked", "tokens that are trusted no longer", group(revokedObject()), func(c *Config) *string { return &c.RevokedFile }),
			field("audit", "which decisions are recorded, and where to", group(auditObject()), func(c *Config) *Audit { return &c.Audit }).or("{}"),
			field("shadow", "the whole gate in shadow: would-be denials are recorded, not enforced", truth(),
				func(c *Config) *bool { return &c.Shadow }).or("false"),
		},
		check: checkFile,
	}
}

// checkFile holds the rules that span the whole file.
func checkFile(d *decoder, _ place, c *Config) {
	if c.Server.Listen == c.Admin.Listen && !anyPort(c.Server.Listen) {
		path := "admin.listen"
		if !d.stated(path) {
			path = "server.listen"
		}
		d.wrong(path, "is %s, which server.listen and admin.listen cannot share; write another port", shown(c.Admin.Listen))
	}
	if !loopbackListen(c.Admin.Listen) {
		d.warn("admin.listen", "is %s, which is not loopback: whoever reaches it reads key ids and metrics; keep it private", shown(c.Admin.Listen))
	}
	checkIssuers(d, c)
	d.included(c)
	checkRoutes(d, c)
	checkCredentialHeaders(d, c)
	checkBareHeaders(d, c)
}

// config decodes the whole file into c.
func (d *decoder) config(root place, c *Config) {
	fileObject().read(d, root, c)
	// What cannot be matched is of no use to whoever looks for more mistakes, and
	// an issuer whose keys come from a wrong place would be said to be wrong twice.
	c.Routes = slices.DeleteFunc(c.Routes, func(r Route) bool { return matchless(d, r) })
	c.Issuers = slices.DeleteFunc(c.Issuers, func(i Issuer) bool { return len(i.ISS) == 0 || len(i.Algorithms) == 0 || d.keyless[i.Path] })
}

// revokedObject is a mapping with one key, so that what it holds is the whole of
// it.
func revokedObject() object[string] {
	return object[string]{
		says: "a mapping such as {file: revoked.jsonl}",
		keys: []key[string]{
			field("file", "JSON lines, each with an issuer's name here and one of sub, client, jti and origin_jti; it takes effect within a second of a change",
				filePath("the path of a file"), func(file *string) *string { return file }).must(),
		},
	}
}
