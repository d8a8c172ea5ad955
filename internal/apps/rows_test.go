//go:build apps

package apps

import (
	"fmt"
	"strconv"
	"strings"
)

// The classes of attacks. Some application may read such a request in another
// way than the gate does.
const (
	letterCase   = "path in other letter case"
	slashes      = "path with a slash more or less"
	dots         = "path with dot segments"
	encoded      = "path with encoded bytes"
	parameters   = "path with parameters"
	characters   = "path with other characters"
	pathHeader   = "path in a header"
	ownName      = "another user's name in the path"
	methodCase   = "method in other letter case"
	methodOther  = "method without a rule"
	methodQuery  = "method in a query parameter"
	methodHeader = "method in a header"
	hostHeader   = "host in a header"
	hostSpelling = "host in another spelling"
	preflight    = "preflight"
	identity     = "identity header"
	nominating   = "identity header named in Connection"
	asGRPC       = "request as gRPC"
	inBody       = "request in a body"
)

// row is one request, for each of its callers over each protocol.
type row struct {
	attack string // its class; "" in a plain request
	closed string // the handler that the attack is to reach
	name   string
	request
	by     []caller // default: nobody, and mallory with her valid token
	want   string   // the handler that must run, in a proper request
	reason string   // why the gate must deny it, where that does not depend on the spelling
	only   string   // the one protocol that can carry it
}

// configuration is a configuration of the gate with the requests for it.
type configuration struct {
	name   string
	text   string
	rights policy
	rows   []row
}

// readmeRows are the requests for the README's configuration.
func readmeRows(c callers) []row {
	rows := []row{
		{name: "a public page", request: to("GET", "/api/health"), want: "health"},
		{name: "an optional page", request: to("GET", "/api/activities/home"), want: "home"},
		{name: "an optional page with an invalid token", request: to("GET", "/api/activities/home", "authorization: Bearer null"),
			by: []caller{{}}, want: "home"},
		{name: "a user's own profile", request: to("PUT", "/api/users/victim/profile"), by: []caller{c.victim}, want: "profile"},
		{name: "another user's own profile", request: to("PUT", "/api/users/mallory/profile"), by: []caller{c.mallory}, want: "profile"},
		{name: "a path without a rule", request: to("GET", "/messages/7"), by: []caller{c.mallory}, want: "message-read"},
		{name: "the list for admins", request: to("GET", "/api/admin/users"), by: []caller{c.alice}, want: "admin-users"},
	}
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		rows = append(rows, row{
			name: method + " of the report for admins", request: to(method, "/api/admin/report"), by: []caller{c.alice}, want: "admin-report",
		})
	}
	for _, closed := range []request{to("GET", "/api/admin/users"), to("POST", "/api/admin/report")} {
		rows = append(rows,
			row{name: closed.method + " " + closed.target + " without a token", request: closed, by: []caller{{}}, reason: "credential_missing"},
			row{name: closed.method + " " + closed.target + " without the group", request: closed, by: []caller{c.mallory}, reason: "group_missing"},
		)
	}
	profile := to("PUT", "/api/users/victim/profile")
	rows = append(rows, row{name: "another user's profile", request: profile, by: []caller{c.mallory}, reason: "condition_false"})
	rows = append(rows, pathRows("admin-users", to("GET", "/api/admin/users"))...)
	rows = append(rows, pathRows("admin-report", to("POST", "/api/admin/report"))...)
	rows = append(rows, pathRows("profile", profile)...)
	rows = append(rows, methodRows("profile", "PUT", profile.target)...)
	rows = append(rows, ownerRows(c)...)
	rows = append(rows, pathHeaderRows("/api/health", "admin-users", "/api/admin/users")...)
	rows = append(rows, preflightRows()...)
	rows = append(rows, identityRows(c)...)
	rows = append(rows, streamRows()...)
	return append(rows, bodyRows()...)
}

// probesRows are the requests for testdata/probes.yaml.
func probesRows(c callers) []row {
	rows := []row{
		{name: "a public post", request: to("GET", "/posts/7"), want: "post-read"},
		{name: "HEAD of a public post", request: to("HEAD", "/posts/7"), want: "post-read"},
		{name: "an admin deletes a post", request: to("DELETE", "/posts/7"), by: []caller{c.alice}, want: "post-delete"},
		{name: "a user writes a post", request: to("POST", "/posts/7"), by: []caller{c.mallory}, want: "post-write"},
		{name: "a user reads a message", request: to("GET", "/messages/7"), by: []caller{c.mallory}, want: "message-read"},
		{name: "a public page", request: to("GET", "/about"), want: "page"},
		{name: "the page for admins", request: to("GET", "/admin/"), by: []caller{c.alice}, want: "admin-home"},
		{name: "the public tenant", request: to("GET", "/tenant").at("public.example"), want: "tenant"},
		{name: "the admins' tenant", request: to("GET", "/tenant").at("admin.example"), by: []caller{c.alice}, want: "tenant"},
		{name: "the public tenant with a port", request: to("GET", "/tenant").at("public.example:8080"), want: "tenant"},
		{name: "the admins' tenant with a port", request: to("GET", "/tenant").at("admin.example:8080"), by: []caller{c.alice}, want: "tenant"},
		{name: "another tenant", request: to("GET", "/tenant").at("other.example"), by: []caller{c.mallory}, want: "tenant"},

		{name: "a post is deleted without a token", request: to("DELETE", "/posts/7"), by: []caller{{}}, reason: "credential_missing"},
		{name: "a post is deleted without the group", request: to("DELETE", "/posts/7"), by: []caller{c.mallory}, reason: "group_missing"},
		{name: "a message is deleted", request: to("DELETE", "/messages/7"), by: []caller{{}, c.mallory, c.alice}, reason: "route_denied"},
		{name: "the admins' tenant without the group", request: to("GET", "/tenant").at("admin.example"), by: []caller{c.mallory},
			reason: "group_missing"},
		{name: "the admins' tenant with a port, without the group", request: to("GET", "/tenant").at("admin.example:8080"),
			by: []caller{c.mallory}, reason: "group_missing"},
		{name: "the page for admins without the group", request: to("GET", "/admin/"), by: []caller{c.mallory}, reason: "group_missing"},
	}
	rows = append(rows, methodRows("post-delete", "DELETE", "/posts/7")...)
	rows = append(rows, methodRows("message-delete", "DELETE", "/messages/7")...)
	rows = append(rows, pathRows("post-delete", to("DELETE", "/posts/7"))...)
	rows = append(rows, pathRows("message-delete", to("DELETE", "/messages/7"))...)
	rows = append(rows, pathRows("admin-home", to("GET", "/admin/"))...)
	rows = append(rows, pathHeaderRows("/posts/admin/", "admin-home", "/admin/")...)
	return append(rows, hostRows()...)
}

// to returns a request to the host that has no rules of its own.
func to(method, target string, headers ...string) request {
	return request{method: method, target: target, host: "api.example", headers: headers}
}

// String returns what makes the request different from others.
func (r request) String() string {
	parts := append([]string{r.method + " " + strings.Trim(strconv.QuoteToASCII(r.target), `"`)}, r.headers...)
	if r.host != "api.example" {
		parts[0] += fmt.Sprintf(" at %q", r.host)
	}
	if r.body != "" {
		parts = append(parts, "with a body")
	}
	return strings.Join(parts, ", ")
}

// reaches reports whether a run of a handler is the one that the row's attack is
// to reach.
func (r row) reaches(run handlerRun) bool {
	switch r.closed {
	case "any":
		return run.User == "root" || run.Probe == "second"
	case "profile":
		return run.Handler == "profile" && run.ID == "victim"
	case "tenant":
		return run.Handler == "tenant" && !tenantPolicy(run.Host, caller{token: "any"})
	default:
		return run.Handler == r.closed
	}
}

// at returns the request to another host.
func (r request) at(host string) request {
	r.host = host
	return r
}
