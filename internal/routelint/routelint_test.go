package routelint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/route"
	"github.com/jwtgate/jwtgate/internal/routelint"
)

// These functions return routes of each strength.
func pub(match string, hosts ...string) config.Route  { return of(config.AccessPublic, match, hosts) }
func opt(match string, hosts ...string) config.Route  { return of(config.AccessOptional, match, hosts) }
func user(match string, hosts ...string) config.Route { return of(config.AccessRequired, match, hosts) }
func shut(match string, hosts ...string) config.Route { return of(config.AccessDeny, match, hosts) }

func staff(match string, hosts ...string) config.Route {
	r := of(config.AccessRequired, match, hosts)
	r.Requirement.Groups = config.Choice{Any: []string{"staff"}}
	return r
}

func boss(match string, hosts ...string) config.Route {
	r := of(config.AccessRequired, match, hosts)
	r.Requirement.Groups = config.Choice{Any: []string{"boss"}}
	return r
}

func of(access config.Access, match string, hosts []string) config.Route {
	return config.Route{Match: match, Hosts: hosts, Access: access}
}

// warned returns the warnings of routes, each named by its match and numbered.
func warned(t testing.TB, standard config.Access, routes ...config.Route) []string {
	t.Helper()
	cfg := &config.Config{Source: "gate.yaml", Default: standard, Routes: routes}
	for i := range cfg.Routes {
		cfg.Routes[i].Path = fmt.Sprintf("routes[%d]", i)
		if cfg.Routes[i].Name == "" {
			cfg.Routes[i].Name = fmt.Sprintf("%d", i)
		}
	}
	compiled, err := route.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, one := range routelint.Warnings(cfg, compiled) {
		texts = append(texts, one.Text)
	}
	return texts
}

// expect fails the test unless each warning contains its text, in order.
func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d:\n%s\nwant %d:\n%s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
	for i := range got {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

// expectOne fails the test unless there is one warning that contains the text; empty: none.
func expectOne(t *testing.T, got []string, want string) {
	t.Helper()
	if want == "" {
		expect(t, got)
		return
	}
	expect(t, got, want)
}

// TestWarnsOfTheUnreachable: earlier routes match all requests of a route.
func TestWarnsOfTheUnreachable(t *testing.T) {
	const never = `route "%d" can never match: the earlier route "%d" matches all of its requests`
	for _, row := range []struct {
		name   string
		routes []config.Route
		want   string // empty: none
	}{
		{"the same path", []config.Route{user("/a"), user("/a")}, fmt.Sprintf(never+"; move it up, or remove it", 1, 0)},
		{"a weaker one", []config.Route{pub("/a/**"), staff("/a/b")}, fmt.Sprintf(never+`, and "0" is public; move it up`, 1, 0)},
		{"an optional one", []config.Route{opt("/a/**"), user("/a/b")}, fmt.Sprintf(never+`, and "0" is optional; move it up`, 1, 0)},
		{"a token for a group", []config.Route{user("/a/**"), staff("/a/b/**")}, fmt.Sprintf(never+`, and "0" requires any valid token;`, 1, 0)},
		{"a group for nobody", []config.Route{staff("/a/**"), shut("/a/b/**")},
			fmt.Sprintf(never+`, and "0" requires more than a valid token;`, 1, 0)},
		{"a stronger one", []config.Route{shut("/a/**"), pub("/a/b")}, fmt.Sprintf(never+"; move it up", 1, 0)},
		{"a rest includes its own path", []config.Route{user("/a/**"), user("/a")}, fmt.Sprintf(never, 1, 0)},
		{"a rest includes its slash", []config.Route{user("/a/**"), user("/a/")}, fmt.Sprintf(never, 1, 0)},
		{"a rest includes a rest below", []config.Route{user("/**"), user("/a/{x}/**")}, fmt.Sprintf(never, 1, 0)},
		{"the root", []config.Route{user("/**"), user("/")}, fmt.Sprintf(never, 1, 0)},
		{"a variable includes a literal", []config.Route{user("/u/{id}"), user("/u/me")}, fmt.Sprintf(never, 1, 0)},
		{"a variable includes a variable", []config.Route{user("/u/{id}"), user("/u/{name}")}, fmt.Sprintf(never, 1, 0)},
		{"any method includes one", []config.Route{user("/a"), user("GET /a")}, fmt.Sprintf(never, 1, 0)},
		{"methods include fewer", []config.Route{user("GET,HEAD /a"), user("GET /a")}, fmt.Sprintf(never, 1, 0)},
		{"two include both methods", []config.Route{user("GET,HEAD /a"), user("POST /a"), user("HEAD,POST /a")}, fmt.Sprintf(never, 2, 0)},
		{"the weaker of two is named", []config.Route{user("GET,HEAD /a"), pub("POST /a"), user("HEAD,POST /a")},
			fmt.Sprintf(never+`, and "1" is public`, 2, 1)},
		{"any host includes one", []config.Route{user("/a"), user("/a", "x.example")}, fmt.Sprintf(never, 1, 0)},
		{"a wildcard includes a host", []config.Route{user("/a", "*.x.example"), user("/a", "a.x.example")}, fmt.Sprintf(never, 1, 0)},
		{"a wildcard includes a wildcard", []config.Route{user("/a", "*.x.example"), user("/a", "*.b.x.example")}, fmt.Sprintf(never, 1, 0)},
		{"the same wildcard", []config.Route{user("/a", "*.x.example"), user("/a", "*.x.example")}, fmt.Sprintf(never, 1, 0)},
		{"two include both hosts", []config.Route{user("/a", "x.example"), user("/a", "y.example"), user("/a", "x.example", "y.example")},
			fmt.Sprintf(never, 2, 0)},

		{"two names for one match", []config.Route{user("/a"), user("/a")},
			fmt.Sprintf(never+"; move it up, or remove it, unless Envoy selects it by name (jwtgate.route)", 1, 0)},

		{"one method is left", []config.Route{user("GET,HEAD /a"), user("POST,GET /a")}, ""},
		{"any method is not all that are named", []config.Route{user("GET,HEAD /a"), user("/a")}, ""},
		{"one host is left", []config.Route{user("/a", "x.example"), user("/a", "x.example", "y.example")}, ""},
		{"any host is left", []config.Route{user("/a", "*.x.example"), user("/a")}, ""},
		{"the parent of a wildcard is left", []config.Route{user("/a", "*.x.example"), user("/a", "x.example")}, ""},
		{"a host does not include a wildcard", []config.Route{user("/a", "a.x.example"), user("/a", "*.x.example")}, ""},
		{"a narrower wildcard", []config.Route{user("/a", "*.b.x.example"), user("/a", "*.x.example")}, ""},
		{"a literal does not include a variable", []config.Route{user("/u/me"), user("/u/{id}")}, ""},
		{"a variable does not include a slash", []config.Route{user("/u/{id}"), user("/u/")}, ""},
		{"a path does not include a rest", []config.Route{user("/a"), user("/a/**")}, ""},
		{"a longer rest does not include a shorter", []config.Route{user("/a/b/**"), user("/a/**")}, ""},
		{"another path", []config.Route{user("/a/**"), user("/ab")}, ""},
		{"the narrower one is first", []config.Route{user("/a/b"), user("/a/**")}, ""},
		{"by name only", []config.Route{{Name: "n", Access: config.AccessRequired}, user("/a")}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			expectOne(t, warned(t, config.AccessRequired, row.routes...), row.want)
		})
	}
}

// Envoy can select a route by name only if the route has a name.
func TestWarnsOfTheUnreachableWithoutAName(t *testing.T) {
	second := user("/a/b")
	second.Name = second.Match
	got := warned(t, config.AccessRequired, user("/a/**"), second)
	expect(t, got, `route "/a/b" can never match: the earlier route "0" matches all of its requests; move it up, or remove it`)
	if strings.Contains(got[0], "unless") {
		t.Errorf("got %s", got[0])
	}
}

// TestWarnsOfTheUncovered: an earlier and weaker route matches some requests of a protected
// route by accident.
func TestWarnsOfTheUncovered(t *testing.T) {
	for _, row := range []struct {
		name   string
		routes []config.Route
		want   string // empty: none
	}{
		{"one method of a broader path", []config.Route{pub("GET /**"), shut("/admin/**")},
			`route "1" loses some of its requests, such as GET /admin, to the earlier route "0", which is public; ` +
				`move "1" up, or make the match of "0" narrower`},
		{"a variable that meets a literal", []config.Route{pub("GET,HEAD /users/{id}"), shut("/users/me")}, loses("GET /users/me", "is public")},
		{"crossing variables", []config.Route{pub("/{tenant}/public"), shut("/admin/{page}")}, loses("/admin/public", "is public")},
		{"crossing with a rest", []config.Route{pub("/{tenant}/public/**"), staff("/admin/**")}, loses("/admin/public", "is public")},
		{"an optional one", []config.Route{opt("/{tenant}/public/**"), staff("/admin/**")}, loses("/admin/public", "is optional")},
		{"a token for a group", []config.Route{user("/{tenant}/public/**"), staff("/admin/**")},
			loses("/admin/public", "requires any valid token")},
		{"a group for nobody", []config.Route{staff("/{tenant}/public/**"), shut("/admin/**")},
			loses("/admin/public", "requires more than a valid token")},
		{"a method in both", []config.Route{pub("GET,POST /a"), shut("POST,PUT /a")}, loses("POST /a", "is public")},
		{"a wildcard among hosts", []config.Route{pub("/**", "*.x.example"), shut("/admin/**")}, loses("some.x.example/admin", "is public")},
		{"a host that both name", []config.Route{pub("/**", "x.example"), shut("/admin/**", "x.example", "y.example")},
			loses("x.example/admin", "is public")},
		{"a host under a wildcard", []config.Route{pub("/**", "*.x.example"), shut("/admin/**", "a.x.example", "y.example")},
			loses("a.x.example/admin", "is public")},
		{"a wildcard over a host", []config.Route{pub("/**", "a.x.example"), shut("/admin/**", "*.x.example")},
			loses("a.x.example/admin", "is public")},
		{"the same path, fewer methods, more hosts", []config.Route{pub("GET /a"), shut("/a", "x.example")},
			loses("GET x.example/a", "is public")},
		{"only below what a third protects", []config.Route{shut("/admin"), shut("/admin/"), pub("GET /**"), shut("/admin/**")},
			`such as GET /admin/some-any, to the earlier route "2", which is public; move`},

		{"a narrow exception", []config.Route{pub("GET /api/health"), staff("/api/**")}, ""},
		{"an exception with a variable", []config.Route{pub("/api/{tenant}/health"), staff("/api/**")}, ""},
		{"an exception with a rest", []config.Route{pub("/static/**"), staff("/**")}, ""},
		{"an exception of one method", []config.Route{pub("GET /a"), user("/a")}, ""},
		{"an exception of one host", []config.Route{pub("/a", "x.example"), user("/a")}, ""},
		{"an exception on all hosts", []config.Route{pub("GET /health"), shut("/**", "admin.example")}, ""},
		{"a host that is public as a whole", []config.Route{pub("/**", "docs.example"), shut("/admin/**")}, ""},
		{"preflights", []config.Route{pub("OPTIONS /**"), shut("/admin/**")}, ""},
		{"other methods", []config.Route{pub("GET,HEAD /**"), staff("POST /admin/**")}, ""},
		{"other hosts", []config.Route{pub("GET /**", "x.example"), shut("/admin/**", "y.example")}, ""},
		{"as strong", []config.Route{user("GET /**"), user("/admin/**")}, ""},
		{"stronger", []config.Route{shut("GET /**"), user("/admin/**")}, ""},
		{"nothing is protected", []config.Route{pub("GET /**"), opt("/admin/**")}, ""},
		{"paths that do not meet", []config.Route{pub("/{tenant}/public"), shut("/admin/{page}/x")}, ""},
		{"an even earlier one protects it", []config.Route{shut("/admin/public"), pub("/{tenant}/public"), shut("/admin/{page}")}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			expectOne(t, warned(t, config.AccessDeny, row.routes...), row.want)
		})
	}
}

// loses is a part of a warning of a route that loses requests to route 0.
func loses(request, strength string) string {
	return fmt.Sprintf(`such as %s, to the earlier route "0", which %s; move`, request, strength)
}

// TestWarnsOfHEAD: GET is protected, and HEAD on the same path less.
func TestWarnsOfHEAD(t *testing.T) {
	for _, row := range []struct {
		name     string
		standard config.Access
		routes   []config.Route
		want     string // empty: none
	}{
		{"for any token", config.AccessDeny, []config.Route{staff("GET /a/**"), user("HEAD /**")},
			`GET /a matches "0", and HEAD /a matches "1", which requires any valid token; ` +
				`many frameworks answer HEAD with the handler of GET; write GET,HEAD /a/**`},
		{"among others", config.AccessDeny, []config.Route{staff("PUT,GET /a/{id}/**"), user("HEAD /**")}, "; write PUT,GET,HEAD /a/{id}/**"},
		{"public", config.AccessDeny, []config.Route{user("GET /a/**"), pub("HEAD,OPTIONS /**")}, `HEAD /a matches "1", which is public`},
		{"on one host", config.AccessDeny, []config.Route{staff("GET /a/**", "*.x.example"), user("HEAD /**")},
			`GET some.x.example/a matches "0", and HEAD some.x.example/a`},

		{"HEAD that nobody names", config.AccessRequired, []config.Route{staff("GET /a/**")}, ""},
		{"HEAD that a later route includes with all others", config.AccessDeny, []config.Route{user("GET /a/**"), pub("/**")}, ""},
		{"HEAD too", config.AccessRequired, []config.Route{staff("GET,HEAD /a/**")}, ""},
		{"any method", config.AccessRequired, []config.Route{staff("/a/**")}, ""},
		{"no GET", config.AccessRequired, []config.Route{staff("POST /a/**")}, ""},
		{"HEAD elsewhere", config.AccessRequired, []config.Route{staff("GET /a/**"), staff("HEAD /a/**")}, ""},
		{"nobody else", config.AccessDeny, []config.Route{staff("GET /a/**")}, ""},
		{"a token on both", config.AccessRequired, []config.Route{user("GET /a/**")}, ""},
		{"a public page", config.AccessRequired, []config.Route{pub("GET /a/**")}, ""},
		{"an optional page", config.AccessDeny, []config.Route{opt("GET /a/**"), pub("/a/**")}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			expectOne(t, warned(t, row.standard, row.routes...), row.want)
		})
	}
}

// TestWarnsOfUnnamedMethods: no route names some methods of a path whose other methods are
// protected.
func TestWarnsOfUnnamedMethods(t *testing.T) {
	for _, row := range []struct {
		name     string
		standard config.Access
		routes   []config.Route
		want     string // empty: none
	}{
		{"six for a group", config.AccessRequired, []config.Route{staff("GET,HEAD,POST,PUT,PATCH,DELETE /admin/**")},
			`GET, POST, PUT, PATCH, DELETE of /admin are protected, and any other method matches "default", ` +
				`which requires any valid token; add a later route for /admin/** without methods, ` +
				`for example with access: deny`},
		{"in two routes", config.AccessRequired, []config.Route{staff("GET,HEAD /orders/{id}"), boss("POST,DELETE /orders/{id}")},
			`GET, POST, DELETE of /orders/some-id are protected, and any other method matches "default"`},
		{"all that change something", config.AccessRequired, []config.Route{pub("GET,HEAD /posts"), staff("POST,PUT,DELETE /posts")},
			`POST, PUT, DELETE of /posts are protected, and any other method matches "default"`},
		{"to a public route", config.AccessDeny, []config.Route{user("GET,POST /a"), pub("/**")},
			`any other method matches "1", which is public`},
		{"on one host", config.AccessRequired, []config.Route{staff("GET,POST /a", "x.example")}, `GET, POST of x.example/a are protected`},

		{"one method", config.AccessRequired, []config.Route{boss("PUT /api/users/{id}/**")}, ""},
		{"reads alone", config.AccessRequired, []config.Route{staff("GET,HEAD /orders/**")}, ""},
		{"two that change something", config.AccessRequired, []config.Route{staff("PUT,DELETE /orders/**")}, ""},
		{"any method", config.AccessRequired, []config.Route{staff("/a/**")}, ""},
		{"nobody else", config.AccessDeny, []config.Route{staff("GET,POST /a/**")}, ""},
		{"the rest is closed", config.AccessRequired, []config.Route{staff("GET,POST /a/**"), shut("/a/**")}, ""},
		{"the rest needs as much", config.AccessRequired, []config.Route{user("GET,POST /a/**")}, ""},
		{"public", config.AccessRequired, []config.Route{pub("GET,POST /a/**")}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			expectOne(t, warned(t, row.standard, row.routes...), row.want)
		})
	}
}

// TestWarnsOfNegations: a condition excludes a path or a method.
func TestWarnsOfNegations(t *testing.T) {
	const why = "; an application may treat another spelling (letter case, final slash, other method) as the excluded one; " +
		"write what is allowed, or use a separate route"
	for when, want := range map[string]string{
		`path.id != "admin"`:                                               "negates path.id" + why,
		`!(path.id == "admin")`:                                            "negates path.id" + why,
		`!path.id.startsWith("admin")`:                                     "negates path.id" + why,
		`request.method != "DELETE" || "admin" in token.groups`:            "negates request.method" + why,
		`!(request.path in ["/a", "/b"])`:                                  "negates request.path" + why,
		`request.path.matches("^/admin") == false`:                         "negates request.path" + why,
		`false == (request.method == "PUT")`:                               "negates request.method" + why,
		`request.method == "PUT" ? "admin" in token.groups : true`:         "negates request.method" + why,
		`token.subject == "a" && !(token.kind == "x" || path.id == "me")`:  "negates path.id" + why,
		`path.id == token.subject`:                                         "",
		`request.method == "GET" || "admin" in token.groups`:               "",
		`request.path.startsWith("/a") && token.client != "x"`:             "",
		`!("banned" in token.groups) && path.id == "me"`:                   "",
		`token.kind == "user" ? path.id == token.subject : path.id == "x"`: "",
	} {
		t.Run(when, func(t *testing.T) {
			r := user("/users/{id}/**")
			r.Requirement.When = when
			expectOne(t, warned(t, config.AccessDeny, r), want)
		})
	}
}

// TestWarningsHavePlaces: a warning is at the place of its route.
func TestWarningsHavePlaces(t *testing.T) {
	const text = "issuers: {a: {issuer: https://a.example/, audiences: [a]}}\n" +
		"routes:\n  - {match: /a/**, access: public}\n  - {match: /a/b, groups: [x]}\n" +
		"  - {match: '/b/{id}', when: 'true && path.id != \"x\"'}\n"
	cfg, err := config.Parse("gate.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := route.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	got := routelint.Warnings(cfg, compiled)
	if len(got) != 2 {
		t.Fatalf("got %v", got)
	}
	if got[0].Pos.Line != 4 || !strings.HasPrefix(got[0].Text, `route "/a/b" can never match: the earlier route "/a/**"`) {
		t.Errorf("got %v", got[0])
	}
	if got[1].Pos.Line != 5 || !strings.Contains(got[1].Text, "column 13 of the condition: negates path.id;") {
		t.Errorf("got %v", got[1])
	}
}

// TestWarningsOfSensibleConfigs: the shipped configurations have no warnings.
func TestWarningsOfSensibleConfigs(t *testing.T) {
	for _, name := range []string{
		"../../deploy/examples/two-issuers.yaml", "../demo/jwtgate.yaml", "../../envoy/templates/jwtgate.yaml.tmpl",
	} {
		data, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		_, routes, found := strings.Cut(string(data), "\nroutes:")
		if !found {
			t.Fatalf("%s has no routes", name)
		}
		issuers := "issuers:\n  cruddur: {issuer: https://cruddur.example/, audiences: [a], prefix: ''}"
		if strings.Contains(routes, "partner") {
			issuers += "\n  partner: {issuer: https://partner.example/, audiences: [a], prefix: 'partner:'}"
		}
		cfg, err := config.Parse(name, []byte(issuers+"\nroutes:"+routes), nil)
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := route.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range routelint.Warnings(cfg, compiled) {
			t.Error(one)
		}
	}
}

// TestNoWarnings: a sensible configuration has no warnings.
func TestNoWarnings(t *testing.T) {
	expect(t, warned(t, config.AccessRequired, pub("GET /api/health"), opt("GET /api/activities/home"), staff("/api/admin/**"),
		boss("PUT /api/users/{id}/**"), staff("GET,HEAD /orders/**"), user("/me")))
}

// TestWarningsEnd: ten thousand routes of any form are compared within seconds.
func TestWarningsEnd(t *testing.T) {
	for form, want := range map[string]int{
		"/api/v1/r%d/{id}": 0, "GET,HEAD /{x}/{y}/r%d": 0, "/r%d/**": 0, "GET,PUT /{a%d}/b": 9999, "/{a%d}/**": 9999,
	} {
		routes := make([]config.Route, 10_000)
		for i := range routes {
			routes[i] = pub(fmt.Sprintf(form, i))
			if i%2 == 1 {
				routes[i] = user(fmt.Sprintf(form, i))
			}
		}
		begin := time.Now()
		got := warned(t, config.AccessRequired, routes...)
		if took := time.Since(begin); took > time.Minute { // about 2 s, and more with the race detector
			t.Errorf("%s: %v", form, took)
		}
		if len(got) != want {
			t.Errorf("%s: %d warnings, want %d", form, len(got), want)
		}
	}
}

// TestWarningsAreBounded: an incomplete list says so, and has only warnings of the complete list.
func TestWarningsAreBounded(t *testing.T) {
	cfg := &config.Config{Default: config.AccessRequired}
	for i := range 100 {
		r := staff(fmt.Sprintf("GET,POST /{a%d}/b", i), fmt.Sprintf("h%d.example", i))
		r.Name, r.Path = fmt.Sprint(i), fmt.Sprintf("routes[%d]", i)
		cfg.Routes = append(cfg.Routes, r)
	}
	compiled, err := route.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	const end = "the list of warnings is incomplete: too many routes overlap to compare all of them"
	whole := routelint.Warnings(cfg, compiled)
	if len(whole) != 100 { // each leaves other methods to the default
		t.Fatalf("%d warnings", len(whole))
	}
	cut := false
	for steps := 0; steps < 100_000; steps += 1237 {
		got := routelint.WarningsWithin(cfg, compiled, steps)
		last := len(got) - 1
		if got[last].Text != end {
			continue
		}
		cut = true
		for i, one := range got[:last] {
			if one != whole[i] {
				t.Fatalf("after %d steps: %v, want %v", steps, one, whole[i])
			}
		}
	}
	if !cut {
		t.Error("no list was incomplete")
	}
}

// An incomplete comparison does not report what a complete one would not: here an even
// earlier route protects the path.
func TestWarningsThatAreCutShort(t *testing.T) {
	cfg := &config.Config{Default: config.AccessDeny, Routes: []config.Route{
		shut("GET /{a}/public"), pub("GET /admin/{b}"), staff("/{c}/public"),
	}}
	for i := range cfg.Routes {
		cfg.Routes[i].Name, cfg.Routes[i].Path = fmt.Sprint(i), fmt.Sprintf("routes[%d]", i)
	}
	compiled, err := route.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	incomplete := 0
	for steps := range 100 {
		for _, one := range routelint.WarningsWithin(cfg, compiled, steps) {
			if !strings.HasPrefix(one.Text, "the list of warnings is incomplete") {
				t.Errorf("after %d steps: %v", steps, one)
			}
			incomplete++
		}
	}
	if incomplete == 0 || incomplete == 100 {
		t.Errorf("%d of 100 lists are incomplete", incomplete)
	}
}
