package main

import (
	"net"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/envoylint"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/identity"
)

// gateOf says what an Envoy file has to fit for a config without mistakes.
func gateOf(cfg *config.Config) envoylint.Gate {
	anywhere, everywhere := cfg.Relax.Anywhere(), cfg.Relax.Everywhere()
	needs := envoylint.Gate{
		Identity:  identityNames(cfg.Identity),
		Overrides: overrideNames(cfg.Identity, anywhere), Removed: overrideNames(cfg.Identity, everywhere),
		// With preflight: check, a browser's preflight is refused for its lack of a token.
		AnswersCORS: len(cfg.CORS.Origins) > 0 && cfg.CORS.Preflight != config.PreflightCheck,
		TLS:         cfg.Server.TLS.Enabled(), ClientTLS: cfg.Server.TLS.ClientCAFile != "",
		EncodedSlash: anywhere.EncodedSlash, DoubleSlash: anywhere.DoubleSlash, CaseSensitive: everywhere.CaseSensitive,
	}
	if _, port, err := net.SplitHostPort(cfg.Server.Listen); err == nil && !strings.HasPrefix(cfg.Server.Listen, "unix:") {
		needs.Port = port
	}
	noteCredentials(cfg, &needs)
	for _, name := range envoy.SentByName() {
		read := true
		switch {
		case slices.Contains(credentialHeaders(), name):
			read = slices.Contains(needs.Tokens, name)
		case name == "access-control-request-headers":
			read = cfg.CORS.Preflight == config.PreflightAnswer
		}
		if read {
			needs.Reads = append(needs.Reads, name)
		}
	}
	for _, r := range cfg.Routes {
		needs.Routes = append(needs.Routes, r.Name)
		if r.EndStreamsAtExpiry && len(needs.Sets) == 0 {
			needs.Sets = []string{gate.StreamLimitHeader}
		}
	}
	read, all := conditionHeaders(cfg)
	needs.ReadsAny = all
	for _, name := range append(read, needs.Tokens...) {
		// A name with capitals is never there, whatever Envoy sends.
		if name == strings.ToLower(name) && !slices.Contains(needs.Reads, name) {
			needs.Reads = append(needs.Reads, name)
		}
	}
	return needs
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
func noteCredentials(cfg *config.Config, needs *envoylint.Gate) {
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
