package demo

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/webpage"
)

//go:embed pages
var pageFiles embed.FS

// site is the pages of the sample application, for people with a browser. It shows what
// the application received and which requests were denied.
type site struct {
	home, inside, explanation webpage.Template

	port string // of Envoy
	// denials returns the last denied requests, newest first.
	denials func() []denial
	// explain returns the command that explains a decision, and what it prints.
	explain func(ctx context.Context, decision string) (command, text string, err error)
}

// denial is what the audit log says about a denied request.
type denial struct {
	Decision, Method, Path, Reason string
	Detail                         string // what the client was told
	Status                         int
}

// pageData is what every page shows.
type pageData struct {
	Path     string
	User     string // empty: signed out
	Identity []header
	Leaked   string // the header field in which a token or a session cookie arrived; empty: none did

	Denials     []denial // of the start page
	Title, Text string
	Command     string // of an explanation
}

type header struct{ Name, Value string }

// parse parses the pages.
func (s *site) parse() error {
	shared, err := pageFiles.ReadFile("pages/received.html")
	if err != nil {
		return err
	}
	for name, page := range map[string]*webpage.Template{"home": &s.home, "inside": &s.inside, "explain": &s.explanation} {
		body, err := pageFiles.ReadFile("pages/" + name + ".html")
		if err != nil {
			return err
		}
		if *page, err = webpage.Parse(string(shared) + string(body)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// routes returns the handler of the pages; other handles all other requests. It is not an
// http.ServeMux, which would redirect some of those.
func (s *site) routes(other http.Handler) http.Handler {
	pages := map[string]http.HandlerFunc{
		"/":             s.showHome,
		"/account":      s.showInside("Your account", "jwtgate lets in every user who is signed in."),
		"/admin/report": s.showInside("The admin report", "jwtgate lets in members of the group admin only."),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := pages[r.URL.Path]
		if strings.HasPrefix(r.URL.Path, explanations) {
			page = s.showDenial
		}
		if page == nil || r.Method != http.MethodGet {
			other.ServeHTTP(w, r)
			return
		}
		s.atLocalhost(w, r, page)
	})
}

// explanations is the path of the pages about denied requests.
const explanations = "/denials/"

// atLocalhost redirects a browser from 127.0.0.1 to localhost, where it has its session.
func (s *site) atLocalhost(w http.ResponseWriter, r *http.Request, page http.HandlerFunc) {
	host, _, err := net.SplitHostPort(r.Host)
	if err == nil && net.ParseIP(host) != nil {
		http.Redirect(w, r, "http://localhost:"+s.port+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return
	}
	page(w, r)
}

func (s *site) showHome(w http.ResponseWriter, r *http.Request) {
	data := receivedBy(r)
	data.Denials = s.denials()
	s.home.Write(w, http.StatusOK, "jwtgate demo", data)
}

func (s *site) showInside(title, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data := receivedBy(r)
		data.Title, data.Text = title, text
		s.inside.Write(w, http.StatusOK, title+" - jwtgate demo", data)
	}
}

func (s *site) showDenial(w http.ResponseWriter, r *http.Request) {
	data := receivedBy(r)
	status := http.StatusOK
	var err error
	if data.Command, data.Text, err = s.explain(r.Context(), strings.TrimPrefix(r.URL.Path, explanations)); err != nil {
		// The path may be any text, and people paste the command into a shell.
		status, data.Command, data.Text = http.StatusNotFound, "", err.Error()
	}
	s.explanation.Write(w, status, "Why the request was denied - jwtgate demo", data)
}

// receivedBy returns what the application received with a request.
func receivedBy(r *http.Request) pageData {
	data := pageData{Path: r.URL.Path}
	identity := identityOf(r.Header)
	for name, value := range identity {
		data.Identity = append(data.Identity, header{name, value})
	}
	order := envoy.IdentityNames()
	slices.SortFunc(data.Identity, func(a, b header) int {
		return cmp.Or(slices.Index(order, a.Name)-slices.Index(order, b.Name), strings.Compare(a.Name, b.Name))
	})
	if data.User = identity["x-user-name"]; data.User == "" {
		data.User = identity["x-user-id"]
	}
	data.Leaked = tokenIn(r)
	return data
}

// tokenIn returns the name of a header field with a token or with a cookie of Envoy's
// session, or nothing. A cookie of another program on localhost, whatever its port, is none
// of the demo's.
func tokenIn(r *http.Request) string {
	for _, cookie := range r.Cookies() {
		for _, session := range envoy.SessionCookies() {
			if strings.HasPrefix(cookie.Name, session) {
				return "cookie"
			}
		}
	}
	for name, values := range r.Header {
		if name == "Authorization" || name != "Cookie" && strings.Contains(strings.Join(values, ", "), "eyJ") { // of a JWT
			return strings.ToLower(name)
		}
	}
	return ""
}
