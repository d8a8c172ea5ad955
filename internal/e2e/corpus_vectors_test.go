//go:build !race

package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/internal/testutil"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
)

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
	return testutil.File(t, "jwtgate.yaml", string(edited))
}

// TestEveryVectorThroughTheServer sends every token of the vectors to the running server,
// whose reason must be the verifier's.
func TestEveryVectorThroughTheServer(t *testing.T) {
	set := forge.KeySet(t)
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	t.Cleanup(keys.Close)
	g := startDirect(t, vectorConfig(t, keys.URL))
	now := time.Now().UTC().Truncate(time.Second)
	for _, class := range forge.Classes(t) {
		for _, vector := range class.Vectors {
			if vector.Moment {
				continue
			}
			s := sent{method: "GET", target: "/x", host: "api.example", headers: [][2]string{{"authorization", "Bearer " + vector.Forge(t, now)}}}
			for name, encode := range encodings() {
				t.Run(class.Class+"/"+vector.Name+"/"+name, func(t *testing.T) { throughTheServer(t, g, vector, s, encode(s)) })
			}
		}
	}
	g.unharmed(t)
}

// throughTheServer sends one request and compares the answer with the vector.
func throughTheServer(t *testing.T, g directGate, vector forge.Vector, s sent, request *authv3.AttributeContext_HttpRequest) {
	t.Helper()
	raw := strings.TrimPrefix(s.headers[0][1], "Bearer ")
	want := vector.Want
	switch {
	case want == "valid", strings.HasPrefix(raw, " "): // spaces follow the scheme
		want = "allowed"
	case strings.Contains(raw, ","):
		want = "credential_ambiguous" // before the token is parsed
	}
	d := g.judge(t, want, request)
	if d.reason != want || d.status != statuses()[want] {
		t.Fatalf("%d %s, want %s", d.status, d.reason, want)
	}
	if d.allowed == nil {
		return
	}
	told := identityIn(s.received(d.allowed))
	var subject *string
	if vector.Gives != nil {
		subject = vector.Gives.Subject
	}
	if told["x-user-id"] == "" || subject != nil && plainText(*subject) && told["x-user-id"] != *subject {
		t.Errorf("the application gets %v, want the subject %v", told, subject)
	}
}

// plainText reports whether a text needs no encoding in a header.
func plainText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '%' })
}
