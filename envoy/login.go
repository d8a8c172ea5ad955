package envoy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

// SessionCookies returns the names of the cookies in which the oauth2 filter of login.yaml
// keeps a session and a sign-in in progress, by their keys in the filter's cookie_names.
func SessionCookies() map[string]string {
	return map[string]string{
		"bearer_token": SessionCookie, "id_token": "__Host-IdToken", "refresh_token": "__Host-RefreshToken",
		"oauth_hmac": "__Host-OauthHMAC", "oauth_expires": "__Host-OauthExpires",
		"oauth_nonce": "__Host-OauthNonce", "code_verifier": "__Host-CodeVerifier",
	}
}

// LoginCookies returns the cookies of login.yaml as identity.strip_cookies names them. The
// filter adds a number to the parts of a large token, and an ID to those of a sign-in in
// progress.
func LoginCookies() []string {
	names := []string{"__Host-SignInAgain"}
	for _, name := range SessionCookies() {
		names = append(names, name+"*")
	}
	slices.Sort(names)
	return names
}

// SessionCookie is the cookie of login.yaml with the access token, from which jwtgate reads it.
const SessionCookie = "__Host-BearerToken"

// login returns login.yaml: the shipped file and what sign-in adds to it, so that both have
// the same lines in common.
func login() (string, error) {
	under := func(more ...string) []string { return slices.Concat(managerPath(), more) }
	routes := under("route_config:", "virtual_hosts:", "routes:")
	c := &cutter{lines: strings.SplitAfter(shipped, "\n")}
	for _, piece := range []struct {
		name  string
		place func(text string, path ...string)
		path  []string
	}{
		{"node", c.insert, []string{"layered_runtime:"}},
		{"runtime", c.replace, []string{"layered_runtime:", "- { name: static"}},
		{"details", c.replace, under("access_log:", "details:")},
		{"replies", c.append, under("local_reply_config:", "mappers:")},
		{"headers", c.insert, routes},
		{"routes", c.insert, append(routes, `- match: { prefix: "/", grpc`)},
		{"oauth2", c.insert, under("http_filters:", "- name: envoy.filters.http.ext_authz")},
		{"cluster", c.append, []string{"static_resources:", "clusters:"}},
	} {
		text, err := renderLogin(piece.name)
		if err != nil {
			return "", err
		}
		piece.place(text, piece.path...)
	}
	title, err := renderLogin("title")
	file := strings.Join(c.lines, "")
	if strings.Count(file, shippedTitleEnd) != 1 {
		c.faults = append(c.faults, fmt.Errorf("envoy file: the comment does not contain %q once", shippedTitleEnd))
	}
	return strings.Replace(file, shippedTitleEnd, title+shippedTitleEnd, 1), errors.Join(append(c.faults, err)...)
}

// shippedTitleEnd is the line of the comment at the top of the shipped file that follows
// what the file is.
const shippedTitleEnd = "# Written for Envoy "

// renderLogin renders one piece of login.yaml.
func renderLogin(name string) (string, error) {
	type mapper struct{ Name, Expression string }
	t, err := template.New(name).Funcs(template.FuncMap{
		"page": page, "cookies": SessionCookies, "causes": causes,
		"reply": func(name, expression string) mapper {
			return mapper{name, strings.ReplaceAll(expression, " && ", " &&\n"+strings.Repeat(" ", 22))}
		},
		// Without these, the browser has no session. The others are useless alone.
		"ended": func() []string {
			return []string{"__Host-OauthHMAC", "__Host-OauthExpires", SessionCookie, "__Host-RefreshToken", "__Host-RefreshToken_chunks"}
		},
	}).ParseFS(templates, "templates/login.yaml.tmpl")
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.ExecuteTemplate(&out, name, nil)
	return strings.TrimPrefix(out.String(), "\n"), err
}

// causes are the texts with which the oauth2 filter begins the details of a callback that
// failed: the exchange of the code, the issuer's refusal, and a sign-in that this browser did
// not begin in the last ten minutes, or that is over.
func causes() []string {
	return []string{"Failed to get access token", "OAuth server returned an error", "CSRF token validation failed"}
}

// page returns a page of login.yaml, on one line. Envoy replaces what is between two
// percent signs, so it has no other ones.
func page(title, text, ways string) string {
	if text != "" {
		text = "<p>" + text + "</p>"
	}
	return "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>" +
		"<meta name=color-scheme content='light dark'><title>" + title + "</title>" +
		"<style>body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}h1{line-height:1.2}</style>" +
		"<h1>" + title + "</h1>" + text + "<p>" + ways + "</p></html>"
}

// insert inserts text before the block at a path and the comment before it.
func (c *cutter) insert(text string, path ...string) {
	if from, to := c.find(path); from < to {
		c.splice(c.comment(from), c.comment(from), text)
	}
}

// append inserts text after the block at a path.
func (c *cutter) append(text string, path ...string) {
	if from, to := c.find(path); from < to {
		c.splice(to, to, text)
	}
}

// replace replaces the block at a path.
func (c *cutter) replace(text string, path ...string) {
	if from, to := c.find(path); from < to {
		c.splice(from, to, text)
	}
}

func (c *cutter) splice(from, to int, text string) {
	lines := strings.SplitAfter(text, "\n")
	c.lines = slices.Replace(c.lines, from, to, lines[:len(lines)-1]...)
}
