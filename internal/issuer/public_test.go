package issuer_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// publicRow is a public issuer, whose documents are in testdata/public.
type publicRow struct {
	name   string
	config string // of the issuer, without its key source
	uri    string // of the key set, if the issuer's discovery document was not captured
	usable int
	// skipped are the keys that are not used: kid and reason.
	skipped []string
	err     string // part of the error; empty: the key set is loaded
}

// publicRows are the documents as the issuers published them.
func publicRows() []publicRow {
	const graph = `issuer: "https://login.microsoftonline.com/{tenant}/v2.0", prefix: "e:{tenant}:", audiences: [api], `
	return []publicRow{
		{name: "apple", config: `issuer: https://appleid.apple.com, audiences: [api]`, usable: 4},
		// Without alg. The document is not at the issuer's URL, which does not have the policy; the source
		// does not name it.
		{name: "azure-b2c", config: `issuer: "https://ugrose.b2clogin.com/9c2984ff-d596-4e5c-8e74-672be7b592e3/v2.0/", audiences: [api]`,
			uri: "https://ugrose.b2clogin.com/ugrose.onmicrosoft.com/b2c_1_policy/discovery/v2.0/keys", usable: 1},
		// In standard base64 with padding, and with a leading zero byte.
		{name: "battle-net", config: `issuer: https://oauth.battle.net, audiences: [api]`, usable: 3},
		{name: "cognito", config: `cognito: us-east-1_BGU9CKFCM, clients: [web]`, usable: 2},
		{name: "discord", config: `issuer: https://discord.com, audiences: [api]`, usable: 1},
		{name: "docker", config: `issuer: https://login.docker.com/, audiences: [api]`, usable: 2},
		{name: "dropbox", config: `issuer: https://www.dropbox.com, audiences: [api]`, usable: 1},
		{name: "entra-common", config: graph + `tenants: any`,
			uri: "https://login.microsoftonline.com/common/discovery/v2.0/keys", usable: 1,
			skipped: []string{"JtFIBUJIB08c2tNR1DqBd0a_RjY issuer"}}, // of personal accounts
		{name: "entra-organizations", config: graph + `tenants: any`, usable: 2},
		{name: "facebook", config: `issuer: https://www.facebook.com, audiences: [api]`, usable: 2},
		{name: "github-actions",
			config: `issuer: https://token.actions.githubusercontent.com, audiences: [api], require: {repository_owner: [o]}`,
			uri:    "https://token.actions.githubusercontent.com/.well-known/jwks", usable: 2},
		{name: "gitlab", config: `issuer: https://gitlab.com, audiences: [api], require: {namespace_path: [o]}`, usable: 2},
		{name: "google", config: `issuer: https://accounts.google.com, audiences: [api], require: {hd: [o]}`, usable: 2},
		// The same key under two kids; the name of one says private, and the key is public.
		{name: "klarna", config: `issuer: https://login.klarna.com, audiences: [api]`, usable: 2},
		{name: "lego", config: `issuer: https://identity.lego.com, audiences: [api]`, usable: 2},
		{name: "mojeid", config: `issuer: https://mojeid.cz/oidc/, audiences: [api]`, usable: 1}, // without alg and use
		// Keys of several kinds, of which the configuration chooses.
		{name: "paypal", config: `issuer: https://www.paypal.com, audiences: [api]`, usable: 2, skipped: []string{
			"10aba280c5c211ec9d640242ac120002 alg", "3cec3e5e7f129111f1aa509f7cb69d6daf816c6c alg", "753778214125442a472d4b6150645367 curve",
			"f16b4522a7c8ad2358df9a57a500851114d2e7d2 alg",
		}},
		{name: "paypal", config: `issuer: https://www.paypal.com, audiences: [api], algorithms: [RS256, PS256, ES256]`, usable: 5,
			skipped: []string{"753778214125442a472d4b6150645367 curve"}},
		// With the key once more, as PEM.
		{name: "sap-xsuaa", config: `issuer: "https://acme.authentication.eu10.hana.ondemand.com/oauth/token", audiences: [api]`,
			uri: "https://acme.authentication.eu10.hana.ondemand.com/token_keys", usable: 1},
		{name: "slack", config: `issuer: https://slack.com, audiences: [api]`, usable: 1}, // without use
		// The key for certificates has no kid.
		{name: "spiffe", config: `issuer: "spiffe://local", audiences: [api], algorithms: [ES256]`, uri: "https://bundle.example/",
			usable: 1, skipped: []string{" use"}},
		{name: "spotify", config: `issuer: https://accounts.spotify.com, audiences: [api]`, usable: 2},
		{name: "stackoverflow", config: `issuer: https://stackoverflow.com, audiences: [api]`, err: "the key set is empty"},
		{name: "twitch", config: `issuer: https://id.twitch.tv/oauth2, audiences: [api]`, usable: 1},
		{name: "verimi", config: `issuer: https://web.verimi.de, audiences: [api]`, usable: 2},
		{name: "wso2", config: `issuer: https://localhost:9443/oauth2/token, audiences: [api], algorithms: [PS256]`,
			uri: "https://wso2.example/oauth2/jwks", usable: 1, skipped: []string{"k6mOquqT8OLAXapY1u3+UC6pASs= use"}},
		// All RSA keys have 1024 bits, so only tokens that are signed with ES256 can be accepted.
		{name: "yahoo", config: `issuer: https://api.login.yahoo.com, audiences: [api]`, err: "none of the key set's 4 keys is usable"},
		{name: "yahoo", config: `issuer: https://api.login.yahoo.com, audiences: [api], algorithms: [RS256, ES256]`, usable: 1,
			skipped: []string{"0 size", "4 size", "6ff94cdad11e7c3ac08dc9ec3c44844b87e364f7 size"}},
	}
}

// captured is a file of testdata/public.
type captured struct {
	Discovery *struct {
		Issuer string `json:"issuer"`
		URI    string `json:"jwks_uri"`
	} `json:"discovery"`
	Keys json.RawMessage `json:"jwks"`
}

// The documents of public issuers are usable with the configuration that a user would write.
// They come over https from the URLs that the issuers have.
func TestPublicIssuers(t *testing.T) {
	files, err := filepath.Glob("testdata/public/*.json")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		if !slices.ContainsFunc(publicRows(), func(row publicRow) bool { return row.name+".json" == filepath.Base(file) }) {
			t.Errorf("%s has no row", file)
		}
	}
	for _, row := range publicRows() {
		t.Run(row.name, func(t *testing.T) {
			i := loadPublic(t, row)
			stats := i.Stats()
			if !strings.Contains(stats.LastError, row.err) || (stats.LastError == "") != (row.err == "") || stats.HasKeys != (row.err == "") {
				t.Fatalf("last error %q, has keys %t; expected %q", stats.LastError, stats.HasKeys, row.err)
			}
			if row.err != "" {
				return
			}
			var skipped []string
			for _, one := range stats.Skipped {
				skipped = append(skipped, one.KID+" "+one.Reason)
			}
			slices.Sort(skipped)
			if len(stats.Keys) != row.usable || !slices.Equal(skipped, row.skipped) {
				t.Errorf("%d usable keys, skipped %q; expected %d, %q", len(stats.Keys), skipped, row.usable, row.skipped)
			}
			for _, held := range stats.Keys {
				if key, err := i.Key(t.Context(), held.KID, held.Algs[0]); err != nil || !fit(key, held.Algs[0]) {
					t.Errorf("kid %q: %T, %v", held.KID, key, err)
				}
			}
		})
	}
}

// loadPublic serves a row's documents and starts its issuer.
func loadPublic(t *testing.T, row publicRow) *issuer.Issuer {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/public", row.name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var documents captured
	if err := json.Unmarshal(text, &documents); err != nil {
		t.Fatal(err)
	}
	serves, source := map[string]string{row.uri: string(documents.Keys)}, ""
	if row.uri != "" {
		source = "uri: " + row.uri + ", "
	}
	if d := documents.Discovery; d != nil {
		whole := metadata(t, "issuer", d.Issuer, "jwks_uri", d.URI)
		serves = map[string]string{strings.TrimSuffix(d.Issuer, "/") + wellKnown: whole, d.URI: string(documents.Keys)}
	}
	caFile, dial := publicServer(t, serves)
	yaml := fmt.Sprintf("issuers: {main: {%s, jwks: {%sca_file: %q}}}\n", row.config, source, caFile)
	cfg, err := config.Parse("public.yaml", []byte(yaml), nil)
	if err != nil {
		t.Fatal(err)
	}
	return only(t, start(t, issuer.Options{Dial: dial}, cfg.Issuers...))
}

// publicServer answers at https URLs of any host. dial connects to it, whatever the address
// is.
func publicServer(t *testing.T, serves map[string]string) (caFile string, dial dialFunc) {
	t.Helper()
	hosts := map[string]bool{}
	for uri := range serves {
		if at, err := url.Parse(uri); err == nil {
			hosts[at.Hostname()] = true
		}
	}
	template := &x509.Certificate{}
	for host := range hosts {
		template.DNSNames = append(template.DNSNames, host)
	}
	authority := testutil.NewAuthority(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := serves["https://"+r.Host+r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, text)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Sign(t, template)}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return authority.File(t), func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
}
