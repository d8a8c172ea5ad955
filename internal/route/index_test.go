package route_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
)

// pick returns one of the words.
func pick(random *rand.Rand, words string) string {
	all := strings.Fields(words)
	return all[random.IntN(len(all))]
}

// randomRoutes returns routes that overlap in every way.
func randomRoutes(random *rand.Rand, n int) []config.Route {
	routes := make([]config.Route, n)
	for i := range routes {
		var match strings.Builder
		match.WriteString(pick(random, "any any GET GET,HEAD POST") + " ")
		for depth := range random.IntN(4) {
			match.WriteString("/" + pick(random, "a b c admin") + strings.Repeat("x", random.IntN(2)))
			if random.IntN(3) == 0 {
				fmt.Fprintf(&match, "/{v%d}", depth)
			}
		}
		match.WriteString(pick(random, "/ /** /z /{last}"))
		routes[i] = config.Route{
			Name: fmt.Sprint("r", i), Path: fmt.Sprintf("routes[%d]", i), Access: config.AccessPublic,
			Match: strings.TrimPrefix(match.String(), "any "),
		}
		for range random.IntN(3) {
			routes[i].Hosts = append(routes[i].Hosts, pick(random, "x.example y.x.example *.example *.x.example other"))
		}
		if random.IntN(10) == 0 {
			routes[i].Match = "" // by name only
		}
	}
	return routes
}

// TestIndexFindsTheFirst: the index finds the same rule as a comparison with each rule, on
// thousands of random tables and requests.
func TestIndexFindsTheFirst(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	found := map[string]int{}
	for range 300 {
		table, err := route.New(&config.Config{Routes: randomRoutes(random, 1+random.IntN(30)), Default: config.AccessDeny})
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			var target strings.Builder
			for range random.IntN(5) {
				target.WriteString("/" + pick(random, "a b c admin ax bx z q"))
			}
			target.WriteString(pick(random, "/ /z /q"))
			path, err := request.ParsePath(target.String(), config.Relaxed{})
			if err != nil {
				t.Fatal(err)
			}
			method := pick(random, "GET HEAD POST DELETE")
			host := pick(random, "x.example y.x.example z.y.x.example example other .example unknown")
			got, want := table.Match(method, host, &path), table.Scan(method, host, &path)
			if got != want {
				t.Fatalf("%s %s on %q: %s, want %s", method, path, host, got.Name, want.Name)
			}
			found[got.Name]++
		}
	}
	if len(found) < 20 || found[route.DefaultName] == 0 {
		t.Errorf("the requests matched only %v", found)
	}
}

// Neither matching a route nor parsing a path without capitals allocates.
func TestMatchAllocatesNothing(t *testing.T) {
	table, err := route.New(&config.Config{Routes: randomRoutes(rand.New(rand.NewPCG(1, 2)), 100), Default: config.AccessDeny})
	if err != nil {
		t.Fatal(err)
	}
	var path request.Path
	if n := testing.AllocsPerRun(100, func() {
		if err := path.Parse("/admin/a/b/7?x=1", config.Relaxed{}); err != nil {
			t.Fatal(err)
		}
		table.Match("GET", "y.x.example", &path)
	}); n > 0 {
		t.Errorf("%.1f allocations", n)
	}
}

// A path that is parsed into used memory equals one in new memory.
func TestParseForgetsWhatWasThere(t *testing.T) {
	var path request.Path
	for _, target := range []string{"/a/b/c/d", "/a", "/", "/a//b", "/x/y", "nothing", "/z/"} {
		err := path.Parse(target, config.Relaxed{})
		fresh, want := request.ParsePath(target, config.Relaxed{})
		if fmt.Sprint(err) != fmt.Sprint(want) || path.String() != fresh.String() {
			t.Errorf("%s: %q (%v), want %q (%v)", target, path, err, fresh, want)
		}
	}
}

// BenchmarkMatch shows what the number of routes costs.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		routes := make([]config.Route, n)
		for i := range routes {
			routes[i] = config.Route{
				Name: fmt.Sprint("r", i), Path: fmt.Sprintf("routes[%d]", i), Access: config.AccessPublic,
				Match: fmt.Sprintf("GET /service%d/{id}/**", i),
			}
		}
		table, err := route.New(&config.Config{Routes: routes, Default: config.AccessDeny})
		if err != nil {
			b.Fatal(err)
		}
		path, err := request.ParsePath(fmt.Sprintf("/service%d/7/x", n-1), config.Relaxed{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if table.Match("GET", "api.example", &path).Name == route.DefaultName {
					b.Fatal("not found")
				}
			}
		})
	}
}
