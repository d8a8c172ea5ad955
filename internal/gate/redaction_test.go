package gate_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// redacting returns a configuration that hashes subjects with the key in a file.
func redacting(keyFile string) string {
	return issuersYAML + "routes: [{name: user, match: '/users/{id}', issuers: [home], when: token.subject == path.id}]\n" +
		"audit: {redact: {fields: [subject], mode: hash, key_file: " + keyFile + "}}\n"
}

// A config whose key cannot be used is not compiled, and no error contains the key.
func TestRedactionKey(t *testing.T) {
	read := func(file string) error {
		return compiles(parse(t, redacting(file), map[string]string{
			"HOME_ISS": "http://127.0.0.1:1", "POOL_KEYS": "http://127.0.0.1:1/keys", "DARK_ISS": "http://127.0.0.1:2",
			"DIM_ISS": "http://127.0.0.1:3",
		}))
	}
	long := strings.Repeat("k", 4097)
	for _, row := range []struct{ name, key, want string }{
		{"31 bytes and a line feed", strings.Repeat("k", 31) + "\n", "has a key of the wrong length: got 31 bytes; expected 32 to 4096"},
		{"empty", "", "has a key of the wrong length: got 0 bytes"},
		{"too long", long, "has a key of the wrong length: got 4097 bytes"},
		{"32 bytes", strings.Repeat("k", 32), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := read(testutil.File(t, "audit.key", row.key))
			if row.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			got := mistakesOf(t, err)
			if len(got) != 1 || !strings.Contains(got[0], "audit.redact.key_file "+row.want) || strings.Contains(got[0], "kkk") {
				t.Errorf("got %q; expected one mistake with %q and without the key", got, row.want)
			}
		})
	}
	got := mistakesOf(t, read(filepath.Join(t.TempDir(), "none")))
	if len(got) != 1 || !strings.Contains(got[0], "audit.redact.key_file cannot be read: ") || !strings.Contains(got[0], "openssl rand") {
		t.Errorf("a missing file: %q", got)
	}
	got = mistakesOf(t, read(t.TempDir()))
	if len(got) != 1 || !strings.Contains(got[0], "is not a regular file") || strings.Contains(got[0], "openssl rand") {
		t.Errorf("a folder: %q; expected no hint to make a key", got)
	}
}

// A decision has the redaction of the policy that made it, and names the text that shows
// the subject. A reload reads the key again; if it cannot, the previous key stays in use.
func TestRedactionOfADecision(t *testing.T) {
	file := testutil.File(t, "audit.key", strings.Repeat("1", 32))
	w := startWith(t, redacting(file))
	raw := bearer(mint(t, w.home, claims(nil)))
	hashed := func() string {
		t.Helper()
		d := w.decide(t, get("/users/bob", raw))
		if d.Reason != gate.ReasonConditionFalse || len(d.Revealed) != 2 || !strings.HasSuffix(d.InternalDetail, d.Revealed[0]) {
			t.Fatalf("%s (%s), revealed %q", d.Reason, d.InternalDetail, d.Revealed)
		}
		return d.Redaction.Of(config.RedactSubject, d.Subject)
	}
	first := hashed()
	testutil.Write(t, file, strings.Repeat("2", 32))
	if err := reload(t.Context(), w.gate, w.cfg); err != nil {
		t.Fatal(err)
	}
	second := hashed()
	if first == second || !strings.HasPrefix(second, "hmac-sha256:") {
		t.Errorf("with two keys: %s and %s", first, second)
	}
	testutil.Write(t, file, "short")
	if err := reload(t.Context(), w.gate, w.cfg); err == nil {
		t.Error("a short key was accepted")
	}
	if third := hashed(); third != second {
		t.Errorf("after a failed reload: %s; expected %s", third, second)
	}
}

// A decision reveals its subject and the values of required claims wherever its texts show
// them: without these, no text has the subject or the address of a person.
func TestRevealed(t *testing.T) {
	const routes = "routes: [{match: /batch, issuers: [home], clients: [batch]}, {match: /**}]\n"
	for _, row := range []struct {
		name, settings, path string
		claims               map[string]any
		reason               gate.Reason
	}{
		{"the client of an issuer", "client_claims: [sub], clients: [system]", "/", nil, gate.ReasonClientMismatch},
		{"the client of an issuer, in azp", "client_claims: [azp], clients: [system]", "/", map[string]any{"azp": "alice"},
			gate.ReasonClientMismatch},
		{"the client of a route", "client_claims: [sub]", "/batch", nil, gate.ReasonClientNotAllowed},
		{"a required claim", "require: {email: [bob@acme.example]}", "/", map[string]any{"email": "alice@acme.example"},
			gate.ReasonClaimMismatch},
	} {
		t.Run(row.name, func(t *testing.T) {
			yaml := strings.Replace(issuersYAML, "clients: [web, mobile], require: {org: [acme]}", row.settings, 1)
			w := startWith(t, strings.Replace(yaml, `prefix: "",`, `prefix: "home:",`, 1)+routes)
			d := w.decide(t, get(row.path, bearer(mint(t, w.home, claims(row.claims)))))
			if d.Reason != row.reason || !strings.Contains(d.InternalDetail, "alice") || !strings.Contains(d.Hint, "alice") {
				t.Fatalf("%s: %q, hint %q; expected %s with alice", d.Reason, d.InternalDetail, d.Hint, row.reason)
			}
			texts := d.InternalDetail + d.Hint
			for _, part := range d.Revealed {
				texts = strings.ReplaceAll(texts, part, "(redacted)")
			}
			if strings.Contains(texts, "alice") {
				t.Errorf("revealed %q; left: %q", d.Revealed, texts)
			}
		})
	}
}
