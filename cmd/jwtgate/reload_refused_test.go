package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A config that is refused for a file that it names is taken up once that file is
// mended, whatever kind of file it is, also one that was not there.
func TestReloadOnceWhatWasRefusedIsMended(t *testing.T) {
	alone(t)
	for name, row := range map[string]struct{ more, file, broken, mended string }{
		"an included file":         {"include: [routes.d/*.yaml]\n", "routes.d/a.yaml", "hosts: [a.example]\n", "hosts: [a.example]\nroutes: [{match: /x, access: public}]\n"},
		"a list that is not there": {"revoked: {file: revoked.jsonl}\n", "revoked.jsonl", "", "\n"},
		"a list with a mistake":    {"revoked: {file: revoked.jsonl}\n", "revoked.jsonl", "{}\n", "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, "jwtgate.yaml", openRoute)
			other := filepath.Join(filepath.Dir(file), row.file)
			if err := os.MkdirAll(filepath.Dir(other), 0o700); err != nil {
				t.Fatal(err)
			}
			put := func(text string) {
				if text != "" {
					replace(t, other, text)
				}
			}
			s := serve(t, "--config", file)
			put(row.broken)
			replace(t, file, shutRoute+row.more)
			s.wait(t, refused)
			if why := s.readiness(t).Refused; !strings.HasPrefix(why, "the configuration: ") || !strings.Contains(why, filepath.Base(row.file)) {
				t.Errorf("refused: %s", why)
			}
			put(row.mended)
			s.wait(t, reloaded)
			if got := ask(t, s.listen, "/other", ""); got != "public" || s.readiness(t).Refused != "" {
				t.Errorf("after it was mended: %s, %+v", got, s.readiness(t))
			}
		})
	}
}

// What is refused of the live list, of the candidate and of its list is told
// apart, and what a config does not name any more is not told.
func TestRefusalsAreToldApart(t *testing.T) {
	alone(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{
		"live.yaml": openRoute + "revoked: {file: live.jsonl}\n", "live.jsonl": "\n",
		"next.yaml": openRoute + "revoked: {file: next.jsonl}\n", "next.jsonl": "\n",
	} {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, "--config", path("live.yaml"), "--candidate-config", path("next.yaml"))
	for _, row := range []struct{ file, broken, mended, says string }{
		{"live.jsonl", "{}\n", "\n\n", "the list of what is revoked: "},
		{"next.jsonl", "{}\n", "\n\n", "the candidate's list of what is revoked: "},
		{"next.yaml", "bogus: 1\n", openRoute, "the candidate configuration: "},
	} {
		replace(t, path(row.file), row.broken)
		s.until(t, row.says, func() bool { return strings.HasPrefix(s.readiness(t).Refused, row.says) })
		replace(t, path(row.file), row.mended)
		s.until(t, "nothing", func() bool { return s.readiness(t).Refused == "" })
	}
	replace(t, path("live.jsonl"), "{}\n")
	s.until(t, "the list", func() bool { return s.readiness(t).Refused != "" })
	replace(t, path("live.yaml"), openRoute)
	s.until(t, "nothing", func() bool { return s.readiness(t).Refused == "" })
}
