// Package envoyneeds derives from a compiled configuration what the Envoy in front
// of jwtgate has to do: which headers to send, remove and let jwtgate change, which
// paths to leave as they are, and how large requests may be.
//
// It is the only place where this is derived. `init` and `demo` render the result,
// `check` and `serve` report what the shipped envoy.yaml lacks, `lint-envoy` compares
// an Envoy file with it, and `explain` tells with it what Envoy does with a request
// before it asks jwtgate. The package reads no file and decides no request.
//
// Invariants:
//
//  1. Whatever a configuration needs can be rendered into the shipped envoy.yaml, and
//     the notes name each change (TestNeeds).
//  2. The needs follow what the gate does: which headers it sets, removes and reads, and
//     which paths it accepts (TestOf).
package envoyneeds

import (
	"net"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/identity"
)

// Of returns what a policy needs of Envoy.
func Of(policy *gate.Policy) envoy.Needs {
	cfg := policy.Config()
	anywhere, everywhere := cfg.Relax.Anywhere(), cfg.Relax.Everywhere()
	needs := envoy.Needs{
		Identity:  identityNames(cfg.Identity),
		Overrides: overrideNames(cfg.Identity, anywhere), Removed: overrideNames(cfg.Identity, everywhere),
		// With preflight: check, a preflight is denied because it has no token.
		AnswersCORS: len(cfg.CORS.Origins) > 0 && cfg.CORS.Preflight != config.PreflightCheck,
		TLS:         cfg.Server.TLS.Enabled(), ClientTLS: cfg.Server.TLS.ClientCAFile != "",
		Port:         port(cfg.Server.Listen),
		EncodedSlash: anywhere.EncodedSlash, EncodedSlashEverywhere: everywhere.EncodedSlash,
		DoubleSlash: anywhere.DoubleSlash, DoubleSlashEverywhere: everywhere.DoubleSlash,
		Semicolon:        anywhere.Semicolon,
		CaseSensitive:    everywhere.CaseSensitive,
		PassesPreflights: cfg.CORS.Preflight == config.PreflightPass,
		HeaderBytes:      cfg.Tokens.MaxBytes + cfg.Identity.MaxTotalBytes,
	}
	addTokens(cfg, &needs)
	for _, r := range cfg.Routes {
		needs.Routes = append(needs.Routes, r.Name)
		if r.EndStreamsAtExpiry && len(needs.Sets) == 0 {
			needs.Sets = []string{gate.StreamLimitHeader}
		}
	}
	addReads(policy, &needs)
	return needs
}

// port returns the port of a listen address; empty for a Unix socket.
func port(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil || strings.HasPrefix(address, "unix:") {
		return ""
	}
	return port
}

// addTokens adds the headers that tokens are read from, and those that they are
// removed from.
func addTokens(cfg *config.Config, needs *envoy.Needs) {
	add := func(from []config.TokenSource, forward bool) {
		for _, source := range from {
			name := source.Field()
			if name == "" {
				needs.QueryTokens = true
				continue
			}
			if source.Kind == config.SourceCookie && source.Name != "" && !slices.Contains(needs.TokenCookies, source.Name) {
				needs.TokenCookies = append(needs.TokenCookies, source.Name)
			}
			if !slices.Contains(needs.Tokens, name) {
				needs.Tokens = append(needs.Tokens, name)
			}
			if !forward && !slices.Contains(needs.TakenOut, name) {
				needs.TakenOut = append(needs.TakenOut, name)
			}
		}
	}
	add(cfg.Tokens.From, cfg.Tokens.Forward)
	if len(cfg.Identity.StripCookies) > 0 {
		add([]config.TokenSource{{Kind: config.SourceCookie}}, false)
		for _, name := range cfg.Identity.StripCookies {
			needs.StripCookies = append(needs.StripCookies, string(name))
		}
	}
	for _, r := range cfg.Routes {
		if r.Access != config.AccessPublic && r.Access != config.AccessDeny {
			add(r.TokensFrom, r.Forward)
		}
	}
}

// addReads adds the headers that jwtgate reads. The needs have their Tokens already.
func addReads(policy *gate.Policy, needs *envoy.Needs) {
	byConditions, any := policy.HeadersRead()
	needs.ReadsAny = any
	needs.Reads = sentAndRead(policy.Config(), needs.Tokens)
	for _, name := range slices.Concat(byConditions, needs.Tokens) {
		// Envoy sends every name in lower case: a name with capitals never arrives.
		if name == strings.ToLower(name) && !slices.Contains(needs.Reads, name) {
			needs.Reads = append(needs.Reads, name)
		}
	}
}

// sentAndRead returns those of the headers which the shipped envoy.yaml sends by name
// that jwtgate reads.
func sentAndRead(cfg *config.Config, tokens []string) []string {
	// jwtgate reads these only where a token may be in them.
	credentials := []string{config.FieldAuthorization, config.FieldCookie, config.FieldWebSocketProtocol}
	return slices.DeleteFunc(envoy.SentByName(), func(name string) bool {
		switch {
		case slices.Contains(credentials, name):
			return !slices.Contains(tokens, name)
		case name == "access-control-request-headers":
			return cfg.CORS.Preflight != config.PreflightAnswer
		}
		return false
	})
}

// identityNames returns the headers that jwtgate sets or strips, except override
// headers, which it removes whether they are listed or not.
func identityNames(section config.Identity) []string {
	names := make([]string, 0, len(section.Headers))
	for _, header := range section.Headers {
		names = append(names, header.Name)
	}
	return slices.DeleteFunc(slices.Concat(names, section.Removed, section.Strip), identity.Overrides)
}

// overrideNames returns the override headers that jwtgate removes under a relaxation,
// and those that the configuration strips in any case.
func overrideNames(section config.Identity, relaxed config.Relaxed) []string {
	names := identity.OverrideNames(relaxed)
	for _, name := range section.Strip {
		if identity.Overrides(name) {
			names = append(names, identity.Fold(name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
