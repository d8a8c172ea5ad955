package route_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
)

// tableOf compiles routes in the form NAME: METHODS PATH.
func tableOf(t testing.TB, routes ...string) *route.Table {
	t.Helper()
	cfg := &config.Config{Default: config.AccessRequired}
	for i, text := range routes {
		name, match, _ := strings.Cut(text, ": ")
		cfg.Routes = append(cfg.Routes, config.Route{Name: name, Match: match, Path: fmt.Sprintf("routes[%d]", i), Access: config.AccessRequired})
	}
	table, err := route.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// selected returns the names of the own rule and of the further ones.
func selected(t testing.TB, table *route.Table, method, target string, relaxed config.Relaxed) []string {
	t.Helper()
	path, err := request.ParsePath(target, relaxed)
	if err != nil {
		t.Fatal(err)
	}
	_, query, _ := strings.Cut(target, "?")
	overrides, err := request.AppendOverrides(nil, method, query)
	if err != nil {
		t.Fatal(err)
	}
	own, further := table.Select(method, &request.Parsed{Overrides: overrides, Host: "api.example", Path: path}, nil)
	names := []string{own.Name}
	for _, one := range further {
		names = append(names, one.Name)
	}
	return names
}

func TestSelect(t *testing.T) {
	strict := config.Relaxed{}
	for _, row := range []struct {
		name    string
		routes  []string
		request string
		relaxed config.Relaxed
		want    string // the own rule, then the further ones
	}{
		{"nothing else", []string{"a: /a"}, "GET /a", strict, "a"},
		{"a later rule covers it too", []string{"health: /health", "all: /**"}, "GET /health", strict, "health"},
		{"the default covers it too", []string{"health: /health"}, "GET /health", strict, "health"},
		{"a path in capitals", []string{"admin: /api/admin/**"}, "GET /api/Admin/x", strict, "default admin"},
		{"a rule in capitals", []string{"admin: /API/Admin/**"}, "GET /api/admin/x", strict, "default admin"},
		{"a rule in capitals and its path", []string{"admin: /API/Admin/**"}, "GET /API/Admin/x", strict, "admin"},
		{"the Kelvin sign", []string{"kelvin: /k"}, "GET /%E2%84%AA", strict, "default kelvin"},
		{"the long s", []string{"admin: /users"}, "GET /u%C5%BFers", strict, "default admin"},
		{"a slash more", []string{"admin: /admin"}, "GET /admin/", strict, "default admin"},
		{"a slash less", []string{"admin: /admin/"}, "GET /admin", strict, "default admin"},
		{"a later rule that does not cover it", []string{"page: GET /{page}", "admin: /admin/"}, "GET /admin", strict, "page admin"},
		{"an earlier rule", []string{"admin: /admin/", "page: GET /{page}"}, "GET /admin", strict, "page admin"},
		{"the root has one form", []string{"empty: /{x}", "root: /"}, "GET /", strict, "root"},
		{"HEAD as GET", []string{"read: GET /a", "any: /a"}, "HEAD /a", strict, "any read"},
		{"HEAD that the own rule names", []string{"read: GET /a", "head: HEAD,POST /a"}, "HEAD /a", strict, "head"},
		{"HEAD as GET, later", []string{"any: /{x}", "read: GET /a"}, "HEAD /a", strict, "any"},
		{"all at once", []string{"read: GET /Admin/"}, "HEAD /aDMIN", strict, "default read"},
		{"an override", []string{"remove: DELETE /posts/{id}", "post: POST /posts/{id}"}, "POST /posts/7?_method=DELETE", strict, "post remove"},
		{"an override in lower case", []string{"remove: DELETE /posts/{id}"}, "POST /posts/7?a=b&%5fmethod=delete", strict, "default remove"},
		{"overrides", []string{"put: PUT /p", "remove: DELETE /p"}, "POST /p?_method=DELETE&_method=PUT", strict, "default put remove"},
		{"an override to HEAD", []string{"read: GET /p"}, "POST /p?_method=HEAD", strict, "default read"},
		{"an override with other readings", []string{"remove: DELETE /P/"}, "POST /p?_method=DELETE", strict, "default remove"},
		{"an override of GET", []string{"remove: DELETE /p"}, "GET /p?_method=DELETE", strict, "default"},
		{"in file order", []string{"c: /A/", "b: /a/", "a: /A"}, "GET /a", strict, "default c b a"},
		{"in file order, of two readings", []string{"slash: /a/", "capital: /A", "own: /a"}, "GET /a", strict, "own slash capital"},

		{"case counts", []string{"admin: /admin/"}, "GET /Admin/", config.Relaxed{CaseSensitive: true}, "default"},
		{"case counts, a slash does not", []string{"admin: /Admin", "low: /admin"}, "GET /Admin/", config.Relaxed{CaseSensitive: true},
			"default admin"},
		{"a slash counts", []string{"admin: /admin"}, "GET /admin/", config.Relaxed{SlashSensitive: true}, "default"},
		{"a slash counts, case does not", []string{"admin: /admin/"}, "GET /ADMIN/", config.Relaxed{SlashSensitive: true}, "default admin"},
		{"both count", []string{"admin: /admin", "read: GET /x"}, "HEAD /X/", config.Relaxed{CaseSensitive: true, SlashSensitive: true},
			"default"},
		{"both count, HEAD does not", []string{"read: GET /x"}, "HEAD /x", config.Relaxed{CaseSensitive: true, SlashSensitive: true},
			"default read"},
		{"case is ignored", []string{"admin: /Admin"}, "GET /aDMIN", config.Relaxed{IgnoreCase: true}, "admin"},
		{"case is ignored, with a slash", []string{"admin: /Admin/"}, "GET /aDMIN", config.Relaxed{IgnoreCase: true}, "default admin"},
	} {
		t.Run(row.name, func(t *testing.T) {
			method, target, _ := strings.Cut(row.request, " ")
			if got := strings.Join(selected(t, tableOf(t, row.routes...), method, target, row.relaxed), " "); got != row.want {
				t.Errorf("%s selects %s, want %s", row.request, got, row.want)
			}
		})
	}
}

// TestSelectIsItsDefinition: Select returns what its definition says, rule by rule, on
// thousands of random tables and requests.
func TestSelectIsItsDefinition(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	further := 0
	for range 300 {
		routes := randomRoutes(random, 1+random.IntN(12))
		for i := range routes {
			if random.IntN(2) == 0 {
				routes[i].Match = capitals(random, routes[i].Match)
			}
		}
		table, err := route.New(&config.Config{Routes: routes, Default: config.AccessRequired})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			var target strings.Builder
			for range random.IntN(4) {
				target.WriteString("/" + pick(random, "a b c admin ax bx z q"))
			}
			target.WriteString(pick(random, "/ /z /Q"))
			method, path := pick(random, "GET HEAD POST DELETE"), capitals(random, "x "+target.String())[2:]
			host := pick(random, "x.example y.x.example other unknown")
			relaxed := config.Relaxed{SlashSensitive: random.IntN(4) == 0}
			switch random.IntN(4) {
			case 0:
				relaxed.CaseSensitive = true
			case 1:
				relaxed.IgnoreCase = true
			}
			var overrides []string
			if method == "POST" {
				overrides = strings.Fields(pick(random, "DELETE HEAD GET PUT"))
			}
			at, err := request.ParsePath(path, relaxed)
			if err != nil {
				t.Fatal(err)
			}
			own, got := table.Select(method, &request.Parsed{Overrides: overrides, Host: host, Path: at}, nil)
			want := defined(t, table, own, method, overrides, host, path, relaxed)
			if !slices.Equal(got, want) {
				t.Fatalf("%s %s with %q on %s, %+v: %s and %s, want %s", method, path, overrides, host, relaxed, own.Name, names(got), names(want))
			}
			further += len(got)
		}
	}
	if further < 1000 {
		t.Errorf("only %d further rules", further)
	}
}

func names(rules []*route.Rule) (all []string) {
	for _, one := range rules {
		all = append(all, one.Name)
	}
	return all
}

// capitals converts some of the letters after the first space to capitals.
func capitals(random *rand.Rand, text string) string {
	method, path, _ := strings.Cut(text, " ")
	if path == "" {
		method, path = "", text
	}
	braces := 0
	path = strings.Map(func(r rune) rune {
		switch {
		case r == '{':
			braces++
		case r == '}':
			braces--
		case braces == 0 && random.IntN(6) == 0:
			return unicode.ToUpper(r)
		}
		return r
	}, path)
	return strings.TrimPrefix(method+" "+path, " ")
}

// defined returns the further rules by their definition.
func defined(
	t *testing.T, table *route.Table, own *route.Rule, method string, overrides []string, host, target string, relaxed config.Relaxed,
) []*route.Rule {
	t.Helper()
	methods := append([]string{method}, overrides...)
	if method == "HEAD" && !ownNames(own, "HEAD") || slices.Contains(overrides, "HEAD") {
		methods = append(methods, "GET")
	}
	targets := []string{target}
	if !relaxed.SlashSensitive && target != "/" {
		if without, has := strings.CutSuffix(target, "/"); has {
			targets = append(targets, without)
		} else {
			targets = append(targets, target+"/")
		}
	}
	cases := []config.Relaxed{relaxed}
	if !relaxed.CaseSensitive {
		cases = append(cases, config.Relaxed{IgnoreCase: true})
	}
	parse := func(text string, relaxed config.Relaxed) *request.Path {
		path, err := request.ParsePath(text, relaxed)
		if err != nil {
			t.Fatal(err)
		}
		return &path
	}
	var found []*route.Rule
	for _, m := range methods {
		for _, text := range targets {
			for _, relax := range cases {
				one := table.Scan(m, host, parse(text, relax))
				covers := one.Name == route.DefaultName || one.Covers(method, host, parse(target, relaxed))
				if one != own && (one.Number() < own.Number() || !covers) && !slices.Contains(found, one) {
					found = append(found, one)
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b *route.Rule) int { return a.Number() - b.Number() })
	return found
}

// ownNames reports whether a rule names a method.
func ownNames(r *route.Rule, method string) bool {
	methods, _, named := strings.Cut(route.MatchOf(r), " ")
	return named && slices.Contains(strings.Split(methods, ","), method)
}

// Neither a request with one rule nor one with further rules allocates.
func TestSelectAllocatesNothing(t *testing.T) {
	table := tableOf(t, "admin: /api/admin/**", "users: GET /api/users/{id}", "any: /api/**")
	var path request.Path
	further := make([]*route.Rule, 0, 4)
	for _, target := range []string{"/api/users/7?x=1", "/api/admin", "/api/users/"} {
		if n := testing.AllocsPerRun(100, func() {
			if err := path.Parse(target, config.Relaxed{}); err != nil {
				t.Fatal(err)
			}
			table.Select("HEAD", &request.Parsed{Host: "api.example", Path: path}, further)
		}); n > 0 {
			t.Errorf("%s: %.1f allocations", target, n)
		}
	}
}

// BenchmarkSelect shows what the number of routes costs under all readings.
func BenchmarkSelect(b *testing.B) {
	for _, asked := range []string{"GET /service%d/7/x", "HEAD /Service%d/7/x/"} {
		for _, n := range []int{1, 100, 10_000} {
			var routes []string
			for i := range n {
				routes = append(routes, fmt.Sprintf("r%d: GET /service%d/{id}/**", i, i))
			}
			table := tableOf(b, routes...)
			method, target, _ := strings.Cut(fmt.Sprintf(asked, n-1), " ")
			path, err := request.ParsePath(target, config.Relaxed{})
			if err != nil {
				b.Fatal(err)
			}
			parsed, further := request.Parsed{Host: "api.example", Path: path}, make([]*route.Rule, 0, 4)
			b.Run(fmt.Sprint(method, "/", n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					table.Select(method, &parsed, further)
				}
			})
		}
	}
}
