//go:build apps

package apps

import (
	"fmt"
	"strings"
)

// spellings returns a header's name as applications may fold it: CGI, WSGI and
// PHP read - and _ alike, some also a dot.
func spellings(name string) []string {
	all := []string{name, strings.ToUpper(name)}
	for _, separator := range []string{"_", "."} {
		all = append(all, strings.ReplaceAll(name, "-", separator))
	}
	if strings.Count(name, "-") > 1 {
		all = append(all, strings.Replace(name, "-", "_", 1))
	}
	return all
}

// methodRows ask for what the method verb does to the target, under other methods.
func methodRows(closed, verb, target string) []row {
	var rows []row
	add := func(attack string, r request) {
		rows = append(rows, row{attack: attack, closed: closed, name: r.String(), request: r})
	}
	lower, title := strings.ToLower(verb), title(strings.ToLower(verb))
	last := len(verb) - 1
	for _, method := range []string{
		lower, title, strings.ToLower(verb[:1]) + verb[1:], verb[:last] + lower[last:], "get", "Post", "patch", "head", "foo", "options",
	} {
		add(methodCase, to(method, target))
	}
	for _, method := range []string{"HEAD", "PATCH", "FOO", "PURGE", "TRACE", "PROPFIND", "CONNECT", verb + "X", "OPTIONS"} {
		add(methodOther, to(method, target))
	}
	for _, method := range []string{"GET", "POST", "PATCH"} {
		for query := range strings.FieldsSeq(methodQueries) {
			add(methodQuery, to(method, target+"?"+strings.NewReplacer("VERB", verb, "verb", lower, "Verb", title, "HEX", hex(verb)).Replace(query)))
		}
	}
	for _, spelled := range []string{strings.ToUpper(target), target + "/", "/" + target} {
		add(methodQuery, to("POST", spelled+"?_method="+lower))
		add(methodQuery, to("POST", spelled+"?_method="+verb))
	}
	for _, name := range []string{
		"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method", "X-Forwarded-Method", "X-Method",
		"HTTP-Method-Override", "X-Rewrite-Method", "X-REST-Method",
	} {
		for _, spelled := range spellings(name) {
			add(methodHeader, to("POST", target, spelled+": "+verb))
		}
		add(methodHeader, to("POST", target, name+": "+lower))
		add(methodHeader, to("GET", target, name+": "+verb))
		add(methodHeader, to("POST", target, name+": GET", name+": "+verb))
	}
	add(methodHeader, to("POST", target, "_method: "+verb))
	return rows
}

// methodQueries are query strings that name a method. HEX is the method with its
// first letter encoded.
const methodQueries = `_method=VERB %5fmethod=VERB %5Fmethod=VERB _method=verb _method=Verb a=1&_method=VERB _method=VERB&a=1
	_method=VERB&_method=VERB _method=GET&_method=VERB _method=VERB&_method=GET _method=HEX _method[]=VERB _method[0]=VERB
	_method%5B%5D=VERB _method%5b0%5d=VERB _METHOD=VERB a=1;_method=VERB _method=VERB;a=1 _%6dethod=VERB &_method=VERB ?_method=VERB
	_method=VERB%20 _method=%20VERB _method=VERB#x %00_method=VERB _method%00=VERB +_method=VERB _method+=VERB .method=VERB
	_method=VERB%00 _method%00x=VERB _method%00%=VERB ++++++++++++++++++++_method=VERB %20_method=VERB _method%20=VERB
	_method==VERB _method=VERB= _method[x]=VERB _method=VERB,GET _method=GET,VERB
	%25_method=VERB a=%26_method=VERB a=%&_method=VERB a=%zz&_method=VERB _method=%zz&_method=VERB %5f%6d%65%74%68%6f%64=VERB`

// hex returns a word with its first letter encoded.
func hex(word string) string { return fmt.Sprintf("%%%02x%s", word[0], word[1:]) }

// pathHeaderRows ask for a public page, and for a closed one in a header that
// some servers take the path from.
func pathHeaderRows(public, handler, closed string) []row {
	var rows []row
	add := func(header string) {
		r := to("GET", public, header)
		rows = append(rows, row{attack: pathHeader, closed: handler, name: r.String(), request: r})
	}
	for _, name := range []string{
		"X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Forwarded-Uri", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Script-Name",
		"X-Request-URI", "X-Path-Info", "Script-Name", "Path-Info", "Request-URI", "Redirect-URL", "X-Envoy-Original-Path", "X-Original-Path",
	} {
		for _, spelled := range spellings(name) {
			add(spelled + ": " + closed)
		}
		add(name + ": " + strings.ToUpper(closed))
		// A prefix that a server cuts off the path.
		add(name + ": " + public[:strings.Index(public[1:], "/")+1])
	}
	for _, spelled := range []string{"SCRIPT_NAME", "script_name", "PATH_INFO", "path_info", "REQUEST_URI"} {
		add(spelled + ": " + closed)
		add(spelled + ": " + public[:strings.Index(public[1:], "/")+1])
	}
	return rows
}

// hostRows ask for the page of the admins' host under another name of it.
func hostRows() []row {
	var rows []row
	add := func(attack string, r request) {
		closed := "tenant"
		if r.host == "admin.example" {
			closed = "" // the admins' host is asked for openly
		}
		rows = append(rows, row{attack: attack, closed: closed, name: r.String(), request: r})
	}
	for _, name := range []string{
		"X-Forwarded-Host", "X-Forwarded-Server", "X-Host", "X-Original-Host", "X-HTTP-Host-Override", "X-Forwarded-For-Host", "X-Real-Host",
	} {
		for _, spelled := range spellings(name) {
			add(hostHeader, to("GET", "/tenant", spelled+": admin.example").at("public.example"))
		}
		for _, value := range []string{
			"ADMIN.EXAMPLE", "admin.example:443", "admin.example.", "admin.example, public.example", "public.example, admin.example",
		} {
			add(hostHeader, to("GET", "/tenant", name+": "+value).at("public.example"))
		}
		add(hostHeader, to("GET", "/tenant", name+": admin.example").at("other.example"))
		add(hostHeader, to("GET", "/tenant", name+": public.example").at("admin.example"))
		add(hostHeader, to("GET", "/tenant", name+": public.example", name+": admin.example").at("public.example"))
	}
	for _, value := range []string{"host=admin.example", "for=192.0.2.1;host=admin.example", `for=192.0.2.1; Host="admin.example"`} {
		add(hostHeader, to("GET", "/tenant", "Forwarded: "+value).at("public.example"))
		add(hostHeader, to("GET", "/tenant", "X-Forwarded: "+value).at("public.example"))
	}
	for _, host := range []string{
		"ADMIN.EXAMPLE", "Admin.Example", "admin.example:80", "admin.example:8080", "admin.example.", "admin.example.:80", "admin.example..",
		"admin.example:", "admin.example:0", "admin.example:65536", "admin.example:08080", "ADMIN.EXAMPLE.:1", "public.example:80:admin.example",
		"public.example, admin.example", "admin.example, public.example", "public.example@admin.example", "admin.example@public.example",
		"public.example:@admin.example", "admin.example/", "admin.example#public.example", "admin.example?public.example", "admin.example%2e",
		"%61dmin.example", "admin%2eexample", "xn--admin-.example", "admin.example:public.example", "public.example\tadmin.example", "",
	} {
		add(hostSpelling, to("GET", "/tenant").at(host))
	}
	for _, r := range []request{
		to("HEAD", "/tenant"), to("HEAD", "/TENANT/"), to("GET", "/tenant/"), to("GET", "/Tenant"), to("GET", "//tenant"), to("GET", "/%54enant"),
		to("POST", "/tenant?_method=GET"), to("OPTIONS", "/tenant"), to("GET", "/tenant/."), to("GET", "/tenant;x"),
	} {
		rows = append(rows, row{attack: hostSpelling, closed: "tenant", name: r.at("admin.example").String(), request: r.at("admin.example")})
	}
	// Over HTTP/2 these are a host header and :authority, over HTTP/1.1 two of them.
	add(hostSpelling, to("GET", "/tenant", "host: admin.example").at("public.example"))
	add(hostSpelling, to("GET", "/tenant", "host: public.example").at("admin.example"))
	add(hostSpelling, to("GET", "http://admin.example/tenant").at("public.example"))
	add(hostSpelling, to("GET", "http://public.example/tenant").at("admin.example"))
	add(hostSpelling, to("GET", "HTTP://ADMIN.EXAMPLE:80/tenant").at("public.example"))
	add(hostSpelling, to("GET", "//admin.example/tenant").at("public.example"))
	return rows
}

// preflightRows look like a browser's preflight, from an origin that the Envoy
// file does not list and from one that it does.
func preflightRows() []row {
	var rows []row
	for _, target := range []string{
		"/api/admin/report", "/api/admin/report?drop=1", "/API/admin/report", "/api/admin/report/", "/api/admin/users",
		"/api/users/victim/profile",
	} {
		for _, origin := range []string{"https://evil.example", "null", "http://localhost:3000"} {
			for _, method := range []string{"GET", "POST", "DELETE"} {
				ask := to("OPTIONS", target, "origin: "+origin, "access-control-request-method: "+method)
				rows = append(rows, row{attack: preflight, closed: "admin-report", name: ask.String(), request: ask})
				ask.body = `{"role":"admin"}`
				rows = append(rows, row{attack: preflight, closed: "admin-report", name: ask.String(), request: ask})
			}
		}
	}
	for _, ask := range []request{
		to("OPTIONS", "/api/admin/report"),
		to("OPTIONS", "/api/admin/report", "origin: https://evil.example"),
		to("OPTIONS", "/api/admin/report", "access-control-request-method: GET"),
		to("options", "/api/admin/report", "origin: https://evil.example", "access-control-request-method: GET"),
		to("OPTIONS", "/api/admin/report", "origin: HTTP://LOCALHOST:3000", "access-control-request-method: GET"),
		to("OPTIONS", "/api/admin/report", "origin: http://localhost:3000, https://evil.example", "access-control-request-method: GET"),
		to("OPTIONS", "/api/admin/report", "origin: http://localhost:3000", "origin: https://evil.example", "access-control-request-method: GET"),
		to("OPTIONS", "/api/admin/report", "origin: http://localhost:3000", "access-control-request-method:"),
		to("OPTIONS", "/api/admin/report", "origin: http://localhost:3000.evil.example", "access-control-request-method: GET"),
		to("GET", "/api/admin/report", "origin: https://evil.example", "access-control-request-method: GET"),
	} {
		rows = append(rows, row{attack: preflight, closed: "admin-report", name: ask.String(), request: ask})
	}
	return rows
}

// identityRows write an identity header, or name one in Connection, which a
// proxy behind Envoy then removes.
func identityRows(c callers) []row {
	var rows []row
	for _, spelled := range append(spellings("X-User-Id"), "x-User_Id", "x-user.id", "X-User~Id") {
		r := to("GET", "/api/health", spelled+": root")
		rows = append(rows, row{attack: identity, closed: "any", name: r.String(), request: r})
	}
	for _, spelled := range spellings("X-User-Groups") {
		r := to("GET", "/api/admin/users", spelled+": admin", "x-user-id: root")
		rows = append(rows, row{attack: identity, closed: "any", name: r.String(), request: r})
	}
	for _, headers := range [][]string{
		{"connection: x-user-id, x-user-groups, close"},
		{"connection: upgrade, x-user-id", "upgrade: websocket"},
		{"connection: upgrade, x-user-groups", "upgrade: websocket"},
		{"connection: upgrade, x-user-id, x-user-groups", "upgrade: h2c"},
		{"connection: X-User-Id,Upgrade,\tX-USER-GROUPS ,", "upgrade: websocket"},
		{"connection: upgrade", "connection: x-user-id", "connection: x-user-groups", "upgrade: websocket"},
		{"connection: x-user-groups", "connection: upgrade", "upgrade: websocket"},
		{"connection: upgrade, x-user-groups", "connection: close", "upgrade: websocket"},
		{"connection: upgrade, \"x-user-groups\"", "upgrade: websocket"},
		{"connection: upgrade, connection, x-user-groups", "upgrade: websocket"},
		{"connection: upgrade, connection", "proxy-connection: x-user-groups", "keep-alive: x-user-groups", "upgrade: websocket"},
	} {
		r := to("GET", "/messages/7", headers...)
		rows = append(rows, row{attack: nominating, name: r.String(), request: r, by: []caller{c.mallory, c.alice}, only: "HTTP/1.1"})
	}
	return rows
}

// streamRows ask for closed handlers as gRPC does: Envoy then speaks HTTP/2 to the
// application, where that understands it.
func streamRows() []row {
	var rows []row
	for _, r := range []request{
		to("GET", "/api/admin/users"), to("POST", "/api/admin/report"), to("POST", "/API/admin/report"), to("OPTIONS", "/api/admin/report"),
		to("PUT", "/api/users/victim/profile"),
	} {
		r.headers = []string{"content-type: application/grpc", "te: trailers"}
		rows = append(rows, row{attack: asGRPC, name: r.String(), request: r})
	}
	return rows
}

// bodyRows hold a second request in the body of one that may pass. They are the
// last, since some servers drop the connection after them.
func bodyRows() []row {
	var rows []row
	for _, r := range []request{
		to("GET", "/api/health"), to("POST", "/posts/7"), to("PUT", "/messages/7"), to("OPTIONS", "/posts/7"), to("FOO", "/posts/7"),
	} {
		r.body = "GET /api/admin/users HTTP/1.1\r\nhost: api.example\r\nx-probe: second\r\nx-user-id: root\r\n\r\n"
		rows = append(rows, row{attack: inBody, closed: "any", name: r.String(), request: r})
	}
	return rows
}
