//go:build !race

package e2e

import (
	"strings"
	"testing"
)

// TestTwentyPlantedMistakes: one run of `check` reports twenty mistakes of different kinds
// in four files, each with its line, its column and what to write instead, and nothing
// else.
func TestTwentyPlantedMistakes(t *testing.T) {
	got := jwtgate(t, nil, "check", "--config", "testdata/planted/jwtgate.yaml")
	if got.code != 1 || got.stderr != "" {
		t.Errorf("exit code %d, want 1; stderr %q", got.code, got.stderr)
	}
	said := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
	want := []struct{ at, wrong, mend string }{
		{"jwtgate.yaml:4:16", `server.drain_delay has no unit: got "3"`, "with its unit, such as 3s"},
		{"jwtgate.yaml:5:3", `unknown key "socket_mod" in server`, "did you mean socket_mode?"},
		{"jwtgate.yaml:8:20", `issuers.staff.cognito is not a user pool id: got "us-west-1"`, "such as us-west-1_6BpkgoczU"},
		{"jwtgate.yaml:11:13", `issuers.partner.leeway is out of range: got "2m"`, "from 0s to 1m"},
		{"jwtgate.yaml:14:25", `issuers.partner.algorithms[1] is invalid: got "HS256"`, "expected RS256"},
		{"jwtgate.yaml:16:26", `identity.headers.x-user-team is an unknown derived value: got "$team"`, "one of $groups"},
		{"jwtgate.yaml:17:11", "identity.strip[0] uses the variable NOT_SET, which is not set", "${NOT_SET:-default}"},
		{"jwtgate.yaml:19:27", `"api/health" does not begin with /`, `write "/api/health"`},
		{"jwtgate.yaml:20:26", "** matches the rest of the path", "write it as the last segment"},
		{"jwtgate.yaml:21:53", `routes[2].issuers[0] is an unknown issuer: got "pol"`, "did you mean pool?"},
		{"jwtgate.yaml:22:52", "routes[3].scopes is a requirement for a token", "write access: required"},
		{"jwtgate.yaml:26:11", `line 2, column 18 of the condition: unknown field "path.user"`, "expected one of path.id"},
		{"jwtgate.yaml:29:61", "must be true or false", "compare it"},
		{"jwtgate.yaml:30:28", `include[1] does not exist: got "missing.yaml"`, "expected a path"},
		{"jwtgate.yaml:31:18", `cors.origins[0] is "*"`, "such as https://app.example"},
		{"jwtgate.yaml:33:18", `audit.allowed is invalid: got "1/0"`, "1/N with N from 2"},
		{"revoked.jsonl:2:1", `unknown key: got "user"`, `expected "issuer"`},
		{"routes.d/a.yaml:3:24", `unknown key "acess" in routes[0]`, "did you mean access?"},
		{"routes.d/b.yaml:1:23", `hosts[1] is "*.example"`, "put all routes of a host in one included file"},
		{"routes.d/b.yaml:4:12", `the name "posts"`, "set a different name"},
	}
	for i, one := range want {
		if i >= len(said) {
			t.Fatalf("it does not say %s: %s", one.at, one.wrong)
		}
		if at := "testdata/planted/" + one.at + ": "; !strings.HasPrefix(said[i], at) || !strings.Contains(said[i], one.wrong) ||
			!strings.Contains(said[i], one.mend) {
			t.Errorf("mistake %d is\n  %s\nwant one at %s that says %q and %q", i+1, said[i], one.at, one.wrong, one.mend)
		}
	}
	if rest := said[len(want):]; len(rest) != 1 || rest[0] != "20 mistakes" {
		t.Errorf("after the twenty mistakes it prints %q", rest)
	}
}
