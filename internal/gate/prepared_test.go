package gate_test

import "testing"

// What is opened on one host is not open on another, for one token on one route,
// whichever comes first.
func TestOneTokenOnTwoHosts(t *testing.T) {
	for name, order := range map[string][]string{
		"the open one first": {"open.example", "api.example", "open.example"}, "the strict one first": {"api.example", "open.example", "api.example"},
	} {
		t.Run(name, func(t *testing.T) {
			w := startWith(t, issuersYAML+`
routes: [{name: all, match: /**, issuers: [home]}]
relax: {hosts: {open.example: [unverified_email]}}
`)
			raw := bearer(mint(t, w.home, claims(map[string]any{"email": "a@example.com", "email_verified": false})))
			for _, host := range order {
				r := get("/x", raw)
				r.Host = host
				d := w.decide(t, r)
				got := forwarded(d, r)["x-user-email"]
				if want := host == "open.example"; (len(got) > 0) != want {
					t.Errorf("%s: x-user-email %v", host, got)
				}
			}
		})
	}
}

// One token on two routes gets the answer of each, however often it changes
// between them.
func TestOneTokenOnTwoRoutes(t *testing.T) {
	w := start(t)
	raw := mint(t, w.home, claims(nil))
	for range 3 {
		for path, want := range map[string]string{"/team": "team", "/readers": "readers", "/strict": "strict", "/elsewhere": "elsewhere"} {
			d := w.decide(t, get(path, bearer(raw)))
			if d.Route != want || (d.Reason == "allowed") != (path != "/elsewhere") {
				t.Errorf("%s: %s on %s", path, d.Reason, d.Route)
			}
		}
	}
}
