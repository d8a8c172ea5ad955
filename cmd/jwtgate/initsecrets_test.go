package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestInitKeptSecrets: init keeps a secret that exists, and says what is wrong with it.
// With the printed command, nothing is.
func TestInitKeptSecrets(t *testing.T) {
	alone(t)
	given := testutil.File(t, "given", "s3cret\n")
	for _, row := range []struct {
		name, kept string
		mode       os.FileMode
		args       []string
		want       string // after the path
	}{
		{"the same", "s3cret", 0o600, []string{"--client-secret-file", given}, ", which exists\n"},
		{"no file is given", "other", 0o600, nil, ", which exists\n"},
		{"another", "other", 0o600, []string{"--client-secret-file", given},
			", which exists; it differs from --client-secret-file, so replace it: (umask 077 && printf %s \"$(cat " + given + ")\" > "},
		{"a line feed", "s3cret\n", 0o600, []string{"--client-secret-file", given}, ", which exists; it ends with a line feed"},
		{"others can read it", "s3cret", 0o640, nil, ", which exists; other users can read or change it: chmod 600 "},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "secrets", "client-secret")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(row.kept), row.mode); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"init", "--login", "--issuer", discovery(t, endpoints), "--client-id", "web",
				"--app", "127.0.0.1:3000", "--public-url", "http://localhost:8080", "--out", dir}, row.args...)
			got := command(t, args...)
			got.holds(t, exitYes, []string{"kept   " + path + row.want}, nil)
			if data, err := os.ReadFile(path); err != nil || string(data) != row.kept {
				t.Errorf("the secret is now %q, %v", data, err)
			}
			if strings.Contains(got.out, "s3cret") {
				t.Errorf("it prints the secret:\n%s", got.out)
			}
		})
	}
}

// TestInitLoginAfterInit: what a plain init wrote lacks the parts of sign-in.
func TestInitLoginAfterInit(t *testing.T) {
	alone(t)
	dir, issuer, user := t.TempDir(), discovery(t, endpoints), owner()
	if os.Getuid() == 0 {
		user = "101:101" // of Envoy's image, which does not run Envoy as root
	}
	args := []string{"init", "--issuer", issuer, "--app", "127.0.0.1:3000", "--out", dir}
	command(t, append(args, "--audience", "api")...).holds(t, exitYes, []string{"wrote"}, nil)
	command(t, append(args, "--login", "--client-id", "web", "--public-url", "http://localhost:8080")...).holds(t, exitYes, []string{
		"envoy.yaml: has no oauth2 filter, so Envoy signs nobody in; move the file away and run the same command again, or copy",
		`services.envoy.volumes lacks "./secrets:/etc/envoy/secrets:ro"; add it to the list`,
		"services.envoy needs working_dir: /etc/envoy", `services.envoy needs user: "` + user + `"`,
	}, nil)
}
