package demo_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/demo"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// spread is a configuration of several files, with relative paths.
var spread = map[string]string{
	"jwtgate.yaml": `
issuers:
  pool: {issuer: https://pool.example/, audiences: [api], algorithms: [ES256], jwks: {file: keys/pool.json, ca_file: keys/ca.pem}}
cache_dir: cache
routes: [{name: health, match: /health, access: public}]
include: [routes.d/*.yaml, "more/${MORE:-one}.yaml"]
revoked: {file: lists/revoked.jsonl}
default: required
`,
	"routes.d/shop.yaml": `
hosts: [shop.example]
routes:
  - {name: admin, match: /admin/**, groups: [admin]}
  - {name: closed, match: /closed, access: deny}
`,
	"more/one.yaml":       "hosts: [more.example]\nroutes: [{name: more, match: /closed, access: deny}]\n",
	"lists/revoked.jsonl": `{"issuer": "pool", "sub": "mallory"}` + "\n",
}

// writeSpread writes spread with changes into a directory whose name contains the
// special characters of patterns and variables, and changes to it.
func writeSpread(t *testing.T, changed map[string]string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "my [own] ${files}*")
	for name, text := range spread {
		if other, there := changed[name]; there {
			text = other
		}
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

// A copy in another directory uses the same included files and the same revocation
// list as the user's file.
func TestRewriteKeepsTheMeaningOfPaths(t *testing.T) {
	writeSpread(t, nil)
	mine, err := config.Load("jwtgate.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	hosted, err := demo.Host(testbed.Issuers(t), mine.Issuers)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := demo.Rewrite("jwtgate.yaml", []byte(spread["jwtgate.yaml"]), func(name string) (string, bool) {
		return hosted[name].JWKSURL(), true
	})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "copy.yaml")
	if err := os.WriteFile(elsewhere, copied, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(elsewhere, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, copied)
	}
	policy, err := gate.Compile(cfg, gate.CompileOptions{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("%v\n%s", err, copied)
	}
	g := gate.New(policy, gate.Options{Logger: slog.New(slog.DiscardHandler)})
	defer g.Close()
	g.AwaitKeys(t.Context(), 10*time.Second)
	for _, row := range []struct {
		host, path string
		claims     map[string]any // nil: no token
		want       gate.Reason
	}{
		{"shop.example", "/health", nil, "public"},
		{"shop.example", "/closed", nil, "route_denied"},
		{"more.example", "/closed", nil, "route_denied"},
		{"shop.example", "/admin/1", nil, "credential_missing"},
		{"shop.example", "/admin/1", map[string]any{"sub": "alice", "groups": []string{"staff"}}, "group_missing"},
		{"shop.example", "/admin/1", map[string]any{"sub": "alice", "groups": []string{"admin"}}, "allowed"},
		{"other.example", "/x", map[string]any{"sub": "mallory"}, "token_revoked"},
	} {
		r := &request.Request{Method: "GET", Authority: row.host, Target: row.path}
		if row.claims != nil {
			raw, err := hosted["pool"].Mint(row.claims, 0)
			if err != nil {
				t.Fatal(err)
			}
			g.AddToken(r, raw)
		}
		if d := g.Decide(t.Context(), r); d.Reason != row.want {
			t.Errorf("%s%s %v: %s (%s), want %s", row.host, row.path, row.claims, d.Reason, d.InternalDetail, row.want)
		}
	}
}

// Mistakes are reported before anything starts, with the paths of the user's own files.
// The settings of the user's keys do not matter.
func TestMistakesAreInTheUsersOwnFiles(t *testing.T) {
	for _, row := range []struct {
		name, file, text string
		want             string // the beginning of the mistake
	}{
		{"in the file", "jwtgate.yaml", "issuers: {pool: {issuer: https://pool.example/, audiences: [api]}}\ndefault: dney\n",
			"jwtgate.yaml:2:10: "},
		{"in an included file", "routes.d/shop.yaml", "hosts: [shop.example]\nroutes: [{match: admin}]\n", "routes.d/shop.yaml:2:"},
		{"in a condition", "routes.d/shop.yaml", "hosts: [shop.example]\nroutes: [{name: a, match: /a, when: 'token.x == 1'}]\n",
			"routes.d/shop.yaml:2:"},
		{"in the revocation list", "lists/revoked.jsonl", `{"issuer": "pool"}` + "\n", "lists/revoked.jsonl:1:1: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			left := separateTemp(t)
			writeSpread(t, map[string]string{row.file: row.text})
			err := demo.Run(t.Context(), demo.Options{ConfigFile: "jwtgate.yaml", Compile: compiles, Out: &transcript{}, Getenv: without})
			mistakes, ok := errors.AsType[config.Mistakes](err)
			if !ok || len(mistakes) != 1 || !strings.HasPrefix(mistakes[0].Error(), row.want) {
				t.Errorf("error %v, want one mistake at %s", err, row.want)
			}
			if dirs := left(); len(dirs) > 0 {
				t.Errorf("the demo left %q", dirs)
			}
		})
	}
}

// The gate of a running demo reads the user's own files.
func TestTheDemosGateReadsTheUsersFiles(t *testing.T) {
	separateTemp(t)
	dir := writeSpread(t, nil)
	copied := filepath.Join(t.TempDir(), "copy.yaml")
	out := &transcript{}
	err := demo.Run(t.Context(), demo.Options{
		Executable: program(t, "PLAY_COPY="+copied), Envoy: program(t), ConfigFile: "jwtgate.yaml", Compile: compiles,
		Once: true, Out: out, Getenv: without,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c, err := config.Load(copied, nil)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range c.Routes {
		names[r.Name] = true
	}
	if !names["health"] || !names["admin"] || !names["more"] ||
		c.RevokedFile != filepath.Join(dir, "lists", "revoked.jsonl") || c.Default != config.AccessRequired {
		t.Errorf("routes %v, revoked file %q, default %s", names, c.RevokedFile, c.Default)
	}
}

// compiles compiles a configuration, which needs no changes to the Envoy file.
func compiles(cfg *config.Config) (envoy.Edit, error) {
	policy, err := gate.Compile(cfg, gate.CompileOptions{})
	if err == nil {
		policy.Close()
	}
	return envoy.Edit{}, err
}
