package route_test

import (
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/route"
)

// TestTableHeadersRead: the headers of a table are those of all its routes, also of those
// without a match.
func TestTableHeadersRead(t *testing.T) {
	const issuers = "issuers: {a: {issuer: https://a.example, audiences: [b]}}\nroutes:\n"
	for _, row := range []struct {
		name, routes string
		want         []string
		wantAll      bool
	}{
		{"no condition", `  - {match: /a}`, nil, false},
		{"two routes", "  - {match: /a, when: '\"x-b\" in request.headers'}\n  - {name: n, when: '\"x-a\" in request.headers'}",
			[]string{"x-a", "x-b"}, false},
		{"one of them any", "  - {match: /a, when: '\"x-b\" in request.headers'}\n  - {match: /b, when: 'size(request.headers) > 1'}",
			[]string{"x-b"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg, err := config.Parse("test.yaml", []byte(issuers+row.routes), nil)
			if err != nil {
				t.Fatal(err)
			}
			table, err := route.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if names, all := table.HeadersRead(); !slices.Equal(names, row.want) || all != row.wantAll {
				t.Errorf("reads %q (all: %v), want %q (all: %v)", names, all, row.want, row.wantAll)
			}
		})
	}
}
