package identity_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Usual agrees with Strip for thousands of lists of header names: plain ones, every
// spelling of guarded ones, and similar ones.
func TestUsual(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	bases := strings.Fields("x-user-id x-user-name x-user-roles x-http-method-override x-original-url forwarded x_team accept user-agent " +
		"x-user x-user-idx x-us\u00e9r-id y-user-id")
	mapper := identity.New(config.Identity{
		Headers: []config.IdentityHeader{{Name: "x-user-id"}, {Name: "x-user-name"}, {Name: "x_team"}}, Strip: []string{"x-user-roles"},
		MaxValueBytes: 100,
	})
	usual, strange := 0, 0
	for range 20_000 {
		var received, set []request.Header
		for range random.IntN(4) {
			name := []rune(bases[random.IntN(len(bases))])
			for i := range name {
				switch {
				case name[i] == '-' && random.IntN(3) == 0:
					name[i] = []rune("_.+-!")[random.IntN(5)]
				case random.IntN(20) == 0:
					name[i] = []rune(strings.ToUpper(string(name[i])))[0]
				}
			}
			received = append(received, request.Header{Name: string(name)})
		}
		for _, name := range []string{"x-user-id", "x_team"} {
			if random.IntN(2) == 0 {
				set = append(set, request.Header{Name: name})
			}
		}
		relaxed := config.Relaxed{MethodOverride: random.IntN(2) == 0, OriginalURL: random.IntN(2) == 0, ForwardedHost: random.IntN(2) == 0}
		same := slices.Equal(mapper.Strip(received, set, relaxed), mapper.Strip(nil, set, relaxed))
		if mapper.Usual(received, relaxed) {
			if usual++; !same {
				t.Fatalf("%v with %v set and %+v is no usual request", received, set, relaxed)
			}
		} else if strange++; same && !slices.ContainsFunc(received, func(h request.Header) bool { return h.Name != strings.ToLower(h.Name) }) {
			t.Fatalf("%v with %v set and %+v is a usual request", received, set, relaxed)
		}
	}
	if usual < 1000 || strange < 1000 {
		t.Errorf("%d usual, %d not", usual, strange)
	}
	received := []request.Header{{Name: "accept"}, {Name: "x-user-id"}, {Name: "x_user_id"}, {Name: "user-agent"}}
	if n := testing.AllocsPerRun(100, func() { mapper.Usual(received, config.Relaxed{}) }); n > 0 {
		t.Errorf("%.1f allocations", n)
	}
}
