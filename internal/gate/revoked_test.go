package gate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// revocable returns a gate and the path of its list of revoked tokens.
func revocable(t *testing.T, list string) (*fixture, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "revoked.jsonl")
	testutil.Write(t, file, list)
	return startWith(t, issuersYAML+`
routes: [{name: team, match: /team, issuers: [home], groups: [admin]}]
revoked: {file: `+file+"}\n"), file
}

// mistakesOf returns the texts of the mistakes.
func mistakesOf(t *testing.T, err error) []string {
	t.Helper()
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) {
		t.Fatalf("%T: %v, want mistakes", err, err)
	}
	return strings.Split(mistakes.Sorted().Error(), "\n")
}

// A new list applies as soon as it is read, also to tokens that are already cached.
func TestReloadRevoked(t *testing.T) {
	w, file := revocable(t, "")
	raw := mint(t, w.home, claims(map[string]any{"jti": "one"}))
	step := func(list string, n int, want gate.Reason) {
		t.Helper()
		testutil.Write(t, file, list)
		if err := w.gate.ReloadRevoked(); err != nil {
			t.Fatal(err)
		}
		if d := w.decide(t, get("/team", bearer(raw))); d.Reason != want || w.gate.Revoked() != n {
			t.Errorf("after %q: %s (%s), %d lines, want %s and %d", list, d.Reason, d.InternalDetail, w.gate.Revoked(), want, n)
		}
	}
	step("", 0, "allowed")
	step(`{"issuer": "home", "jti": "two"}`+"\n", 1, "allowed")
	step(`{"issuer": "home", "jti": "one"}`+"\n"+`{"issuer": "home", "sub": "bob"}`+"\n", 2, "token_revoked")
	step(`{"issuer": "pool", "jti": "one"}`+"\n", 1, "allowed")
	step(`{"issuer": "home", "sub": "alice"}`+"\n", 1, "token_revoked")
	step("", 0, "allowed")
}

// An invalid list is rejected with the position of each invalid line, and the previous
// list stays in use.
func TestBrokenRevokedKeepsTheOldList(t *testing.T) {
	const kept = `{"issuer": "home", "sub": "alice"}` + "\n"
	w, file := revocable(t, kept)
	raw := bearer(mint(t, w.home, claims(nil)))
	hash := w.gate.Config().Hash
	next := *w.cfg
	next.Hash = "next"
	for name, row := range map[string]struct {
		list string
		want []string
	}{
		"a line": {kept + "alice\n", []string{file + ":2:1: invalid JSON object"}},
		"two lines": {"{}\n\n" + kept + `{"issuer": "nobody", "sub": "x"}`,
			[]string{file + ":1:1: no key says what is revoked", file + ":4:1: unknown issuer: got \"nobody\""}},
	} {
		t.Run(name, func(t *testing.T) {
			testutil.Write(t, file, row.list)
			for way, reload := range map[string]func() error{
				"ReloadRevoked": w.gate.ReloadRevoked,
				"Reload":        func() error { return reload(t.Context(), w.gate, &next) },
				"Check":         func() error { return compiles(&next) },
				"New": func() error {
					g, err := newGate(&next, gate.Options{Logger: quiet()})
					if g != nil {
						t.Error("got a gate and mistakes")
					}
					return err
				},
			} {
				got := mistakesOf(t, reload())
				if len(got) != len(row.want) {
					t.Fatalf("%s: %q", way, got)
				}
				for i, want := range row.want {
					if !strings.HasPrefix(got[i], want) {
						t.Errorf("%s: %q, want %q", way, got[i], want)
					}
				}
				if d := w.decide(t, get("/team", raw)); d.Reason != gate.ReasonTokenRevoked || d.ConfigHash != hash || w.gate.Revoked() != 1 {
					t.Errorf("after %s: %s by %s, %d lines", way, d.Reason, d.ConfigHash, w.gate.Revoked())
				}
			}
		})
	}
}

// A missing file is a mistake at its key, and the previous list stays in use.
func TestMissingRevoked(t *testing.T) {
	w, file := revocable(t, `{"issuer": "home", "sub": "alice"}`)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for way, err := range map[string]error{"ReloadRevoked": w.gate.ReloadRevoked(), "Check": compiles(w.cfg)} {
		got := mistakesOf(t, err)
		if len(got) != 1 || !strings.HasPrefix(got[0], "gate.yaml:") || !strings.Contains(got[0], "revoked.file cannot be read") ||
			!strings.Contains(got[0], "no such file") {
			t.Errorf("%s: %q", way, got)
		}
	}
	if d := w.decide(t, get("/team", bearer(mint(t, w.home, claims(nil))))); d.Reason != gate.ReasonTokenRevoked {
		t.Errorf("%s, want the previous list in use", d.Reason)
	}
}

// A pipe instead of the file is a mistake: opening it would block reloads and Close. A
// link to a file is allowed.
func TestRevokedThatBecomesAPipe(t *testing.T) {
	w, file := revocable(t, `{"issuer": "home", "sub": "alice"}`)
	list := file + ".there"
	if err := os.Rename(file, list); err != nil {
		t.Fatal(err)
	}
	testutil.NamedPipe(t, file)
	for way, err := range map[string]error{"ReloadRevoked": w.gate.ReloadRevoked(), "Check": compiles(w.cfg)} {
		got := mistakesOf(t, err)
		if len(got) != 1 || !strings.HasPrefix(got[0], "gate.yaml:") || !strings.Contains(got[0], "revoked.file cannot be read: ") ||
			!strings.Contains(got[0], "is not a regular file; expected a regular file or a link to one") {
			t.Errorf("%s: %q", way, got)
		}
	}
	raw := bearer(mint(t, w.home, claims(nil)))
	if d := w.decide(t, get("/team", raw)); d.Reason != gate.ReasonTokenRevoked {
		t.Errorf("%s, want the previous list in use", d.Reason)
	}
	testutil.Write(t, list, "")
	if err := errors.Join(os.Remove(file), os.Symlink(list, file), w.gate.ReloadRevoked()); err != nil {
		t.Fatal(err)
	}
	if d := w.decide(t, get("/team", raw)); d.Reason != gate.ReasonAllowed {
		t.Errorf("%s, want the linked list in use", d.Reason)
	}
}

// A gate without a list revokes nothing. A new configuration brings its own list.
func TestRevokedFollowsTheConfig(t *testing.T) {
	w, _ := revocable(t, `{"issuer": "home", "sub": "alice"}`)
	raw := bearer(mint(t, w.home, claims(nil)))
	next := *w.cfg
	next.RevokedFile = ""
	if err := reload(t.Context(), w.gate, &next); err != nil {
		t.Fatal(err)
	}
	if err := w.gate.ReloadRevoked(); err != nil {
		t.Errorf("without a list: %v", err)
	}
	if d := w.decide(t, get("/team", raw)); d.Reason != gate.ReasonAllowed || w.gate.Revoked() != 0 {
		t.Errorf("%s, %d lines", d.Reason, w.gate.Revoked())
	}
	if err := reload(t.Context(), w.gate, w.cfg); err != nil {
		t.Fatal(err)
	}
	if d := w.decide(t, get("/team", raw)); d.Reason != gate.ReasonTokenRevoked || w.gate.Revoked() != 1 {
		t.Errorf("%s, %d lines", d.Reason, w.gate.Revoked())
	}
}

// The list is reloaded while requests are decided; each request is decided by one list.
func TestReloadRevokedWhileDeciding(t *testing.T) {
	w, file := revocable(t, "")
	raw := bearer(mint(t, w.home, claims(nil)))
	var others sync.WaitGroup
	for range 2 {
		others.Go(func() {
			for range 300 {
				d := w.gate.Decide(t.Context(), get("/team", raw))
				if d.Reason != gate.ReasonAllowed && d.Reason != gate.ReasonTokenRevoked {
					t.Errorf("%s (%s)", d.Reason, d.InternalDetail)
				}
			}
		})
	}
	for i := range 30 {
		testutil.Write(t, file, []string{"", `{"issuer": "home", "sub": "alice"}`}[i%2])
		if err := w.gate.ReloadRevoked(); err != nil {
			t.Error(err)
		}
	}
	others.Wait()
	if d := w.decide(t, get("/team", raw)); d.Reason != gate.ReasonTokenRevoked {
		t.Errorf("%s after the last list", d.Reason)
	}
}
