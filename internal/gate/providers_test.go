package gate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/signer"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// vendor is a provider as an operator configures it, and tokens as it writes them.
type vendor struct {
	provider string
	settings string // the parameter and the audience
	alg      string // empty: RS256
	uri      string // of the keys, which the provider does not know; empty: it does
	bearer   string // the key server asks for it; empty: for none
	hosts    []string
	publish  func(t *testing.T, n *internet, key *signer.Key)
	outcomes func(t *testing.T, key *signer.Key) []outcome
}

// TestProviders: with a provider, its parameter and an audience, and nothing else, a token in
// the form that the provider writes is allowed, and its best-known trap is closed. All that
// the test adds is its network.
func TestProviders(t *testing.T) {
	tested := map[string]bool{}
	for _, v := range append(identityVendors(), workloadVendors()...) {
		tested[v.provider] = true
		t.Run(v.provider, func(t *testing.T) {
			t.Parallel()
			n := startInternet(t, v.hosts...)
			alg := v.alg
			if alg == "" {
				alg = "RS256"
			}
			key := newSigner(t, alg)
			v.publish(t, n, key)
			network := fmt.Sprintf("proxy: %q, ca_file: %q", n.proxy, n.ca)
			if v.uri != "" {
				network += ", uri: " + v.uri
			}
			if n.bearer = v.bearer; v.bearer != "" {
				network += fmt.Sprintf(", bearer_file: %q", testutil.File(t, "token", v.bearer))
			}
			yaml := fmt.Sprintf("issuers: {it: {provider: %s, %s, jwks: {%s}}}\n", v.provider, v.settings, network)
			if header := config.ProviderHeader(v.provider); header != "" {
				yaml += "tokens: {from: [{header: " + header + "}]}\n"
			}
			cfg := parse(t, yaml, nil)
			if len(cfg.Warnings) > 0 {
				t.Errorf("warnings: %v", cfg.Warnings)
			}
			g := open(t, cfg, gate.Options{Replica: "replica", Logger: quiet()})
			if stats := g.Issuers().Stats(); len(stats[0].Keys) == 0 {
				t.Fatalf("no keys were loaded: %+v", stats[0])
			}
			decideAll(t, g, config.ProviderHeader(v.provider), v.outcomes(t, key))
		})
	}
	for _, name := range config.Providers() {
		if !tested[name] {
			t.Errorf("provider %s has no test", name)
		}
	}
}

// discovery publishes a discovery document and the key set that it names.
func discovery(issuer, keys string) func(*testing.T, *internet, *signer.Key) {
	return func(t *testing.T, n *internet, key *signer.Key) {
		n.publish(
			t,
			strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration",
			map[string]any{"issuer": "https://" + issuer, "jwks_uri": "https://" + keys},
		)
		n.publish(t, keys, keySet(t, key))
	}
}

// plainSet publishes a key set.
func plainSet(url string) func(*testing.T, *internet, *signer.Key) {
	return func(t *testing.T, n *internet, key *signer.Key) { n.publish(t, url, keySet(t, key)) }
}
