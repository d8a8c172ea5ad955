package main

import (
	"net"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/identity"
)

// needsOf says what a policy needs of Envoy. It is the one place
// where that is derived: `init` and `demo` render it, `check` and `serve` say what
// the shipped envoy.yaml lacks of it, `lint-envoy` compares a file with it, and
// `explain` says by it what Envoy does with a request before jwtgate is asked.
func needsOf(policy *gate.Policy) envoy.Needs {
	read, all := policy.HeadersRead()
	return deriveNeeds(policy.Config(), read, all)
}

// deriveNeeds derives what Envoy has to do from a config and from the header
// fields that its routes' conditions read: by name, and whether any other.
func deriveNeeds(cfg *config.Config, read []string, readsAny bool) envoy.Needs {
	anywhere, everywhere := cfg.Relax.Anywhere(), cfg.Relax.Everywhere()
	needs := envoy.Needs{
		Identity:  identityNames(cfg.Identity),
		Overrides: overrideNames(cfg.Identity, anywhere), Removed: overrideNames(cfg.Identity, everywhere),
		// With preflight: check, a browser's preflight is refused for its lack of a token.
		AnswersCORS: len(cfg.CORS.Origins) > 0 && cfg.CORS.Preflight != config.PreflightCheck,
		TLS:         cfg.Server.TLS.Enabled(), ClientTLS: cfg.Server.TLS.ClientCAFile != "",
		EncodedSlash: anywhere.EncodedSlash, EncodedSlashEverywhere: everywhere.EncodedSlash,
		DoubleSlash: anywhere.DoubleSlash, DoubleSlashEverywhere: everywhere.DoubleSlash,
		CaseSensitive: everywhere.CaseSensitive, ReadsAny: readsAny,
		PassesPreflights: cfg.CORS.Preflight == config.PreflightPass,
		HeaderBytes:      cfg.Tokens.MaxBytes + cfg.Identity.MaxTotalBytes,
	}
	if _, port, err := net.SplitHostPort(cfg.Server.Listen); err == nil && !strings.HasPrefix(cfg.Server.Listen, "unix:") {
		needs.Port = port
	}
	noteCredentials(cfg, &needs)
	for _, r := range cfg.Routes {
		needs.Routes = append(needs.Routes, r.Name)
		if r.EndStreamsAtExpiry && len(needs.Sets) == 0 {
			needs.Sets = []string{gate.StreamLimitHeader}
		}
	}
	needs.Reads = usuallyRead(cfg, needs.Tokens)
	for _, name := range append(slices.Clone(read), needs.Tokens...) {
		// A name with capitals is never there, whatever Envoy sends.
		if name == strings.ToLower(name) && !slices.Contains(needs.Reads, name) {
			needs.Reads = append(needs.Reads, name)
		}
	}
	return needs
}

// usuallyRead returns those header fields that the shipped envoy.yaml sends by name
// and that the gate reads under a config whose tokens stand in these fields.
func usuallyRead(cfg *config.Config, tokens []string) []string {
	return slices.DeleteFunc(envoy.SentByName(), func(name string) bool {
		switch {
		case slices.Contains(credentialHeaders(), name):
			return !slices.Contains(tokens, name)
		case name == "access-control-request-headers":
			return cfg.CORS.Preflight != config.PreflightAnswer
		}
		return false
	})
}

// identityNames returns the header names that the gate sets or strips, except
// override headers, which the gate removes whether they are listed or not.
func identityNames(section config.Identity) []string {
	names := make([]string, 0, len(section.Headers))
	for _, header := range section.Headers {
		names = append(names, header.Name)
	}
	return slices.DeleteFunc(slices.Concat(names, section.Removed, section.Strip), identity.Overrides)
}

// overrideNames returns the override headers that the gate removes under a
// relaxation, and those that the configuration strips whatever is relaxed.
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

// credentialHeaders are the headers that hold a credential only where a config
// says so.
func credentialHeaders() []string {
	return []string{config.FieldAuthorization, config.FieldCookie, config.FieldWebSocketProtocol}
}

// noteCredentials notes the headers that tokens stand in and are taken out of.
func noteCredentials(cfg *config.Config, needs *envoy.Needs) {
	note := func(from []config.TokenSource, forward bool) {
		for _, source := range from {
			name := source.Field()
			if name == "" {
				needs.QueryTokens = true
				continue
			}
			if !slices.Contains(needs.Tokens, name) {
				needs.Tokens = append(needs.Tokens, name)
			}
			if !forward && !slices.Contains(needs.TakenOut, name) {
				needs.TakenOut = append(needs.TakenOut, name)
			}
		}
	}
	note(cfg.Tokens.From, cfg.Tokens.Forward)
	for _, r := range cfg.Routes {
		if r.Access != config.AccessPublic && r.Access != config.AccessDeny {
			note(r.TokensFrom, r.Forward)
		}
	}
}
