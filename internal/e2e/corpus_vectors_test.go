//go:build !race

package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// vectors are the tokens of internal/token/testdata/vectors, freshly signed, and the keys
// of all their issuers.
type vectors struct {
	Keys    []json.RawMessage `json:"keys"`
	Vectors []struct {
		Name    string  `json:"name"`
		Token   string  `json:"token"`
		Want    string  `json:"want"` // "valid", or a reason
		Subject *string `json:"subject"`
	} `json:"vectors"`
}

// mintVectors makes the package that owns the vectors sign them.
func mintVectors(t *testing.T) vectors {
	t.Helper()
	file := filepath.Join(t.TempDir(), "minted.json")
	command := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "^TestMintVectors$", "../token")
	command.Env = append(os.Environ(), "JWTGATE_MINTED="+file)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("minting the vectors: %v\n%s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all vectors
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// vectorConfig is the configuration for the vectors, with the keys of every issuer at one
// address.
func vectorConfig(t *testing.T, keys string) string {
	t.Helper()
	data, err := os.ReadFile("../token/testdata/issuers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tree struct {
		Issuers map[string]map[string]any `yaml:"issuers"`
	}
	if err := yaml.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	for _, issuer := range tree.Issuers {
		issuer["dangerously_allow_http"] = true
		issuer["jwks"] = map[string]any{"uri": keys, "unknown_kid_cooldown": "1s"}
	}
	edited, err := yaml.Marshal(map[string]any{"issuers": tree.Issuers})
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "jwtgate.yaml", string(edited))
}

// TestEveryVectorThroughTheServer sends every token of the vectors to the running server,
// whose reason must be the verifier's.
func TestEveryVectorThroughTheServer(t *testing.T) {
	all := mintVectors(t)
	set, err := json.Marshal(map[string]any{"keys": all.Keys})
	if err != nil {
		t.Fatal(err)
	}
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	t.Cleanup(keys.Close)
	g := startDirect(t, vectorConfig(t, keys.URL))
	for _, vector := range all.Vectors {
		for name, encode := range encodings() {
			t.Run(vector.Name+"/"+name, func(t *testing.T) {
				s := sent{method: "GET", target: "/x", host: "api.example", headers: [][2]string{{"authorization", "Bearer " + vector.Token}}}
				want := vector.Want
				switch {
				case want == "valid", strings.HasPrefix(vector.Token, " "): // spaces follow the scheme
					want = "allowed"
				case strings.Contains(vector.Token, ","):
					want = "credential_ambiguous" // before the token is parsed
				}
				d := g.judge(t, want, encode(s))
				if d.reason != want || d.status != statuses()[want] {
					t.Fatalf("%d %s, want %s", d.status, d.reason, want)
				}
				if d.allowed == nil {
					return
				}
				told := identityIn(s.received(d.allowed))
				if told["x-user-id"] == "" || vector.Subject != nil && plainText(*vector.Subject) && told["x-user-id"] != *vector.Subject {
					t.Errorf("the application is told %v, want the subject %v", told, vector.Subject)
				}
			})
		}
	}
	g.unharmed(t)
}

// plainText reports whether a text needs no encoding in a header.
func plainText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '%' })
}
