package main

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/envoyneeds"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// announce says what a config trusts and what of it is open.
func announce(logger *slog.Logger, policy *gate.Policy) {
	cfg := policy.Config()
	for _, i := range cfg.Issuers {
		attrs := []any{"name", i.Name, "iss", i.ISS, "prefix", i.Prefix, "clients", i.Clients, "audiences", i.Audiences, "algorithms", i.Algorithms, "keys", keysFrom(i), "token_use", i.TokenUse}
		logger.Info("trusted issuer", attrs...)
	}
	for _, open := range relaxations(cfg) {
		logger.Warn("open by configuration", "kind", open.kind, "where", open.where)
	}
	for _, note := range envoyneeds.Of(policy).Notes() {
		logger.Warn(note)
	}
	warnings := slices.Clone(cfg.Warnings)
	// To find them the routes are compared with each other: `check` can wait for that
	// however many there are, a start or reload cannot.
	if len(cfg.Routes) <= mostCompared {
		warnings = append(warnings, policy.Warnings()...)
	}
	for _, warning := range warnings {
		logger.Warn("configuration", "at", warning.Pos.String(), "warning", warning.Text)
	}
}

// mostCompared is how many routes are looked at for warnings at a start or
// reload.
const mostCompared = 1000

// keysFrom says where an issuer's keys come from, without a query, which may
// hold a secret.
func keysFrom(i config.Issuer) string {
	switch {
	case i.JWKS.File != "":
		return i.JWKS.File
	case i.JWKS.URI == "":
		return "discovery"
	}
	uri, _, _ := strings.Cut(i.JWKS.URI, "?")
	return uri
}

// relaxation is one thing that a config opens.
type relaxation struct {
	kind  string // of a closed list: a metric label
	where string
}

// relaxations names everything that a config opens.
func relaxations(cfg *config.Config) []relaxation {
	var open []relaxation
	for _, i := range cfg.Issuers {
		if i.AllowHTTP {
			open = append(open, relaxation{"dangerously_allow_http", i.Path})
		}
		if i.BoundAsBearer {
			open = append(open, relaxation{"bound_tokens", i.Path})
		}
		if i.EmailAssumed {
			open = append(open, relaxation{"email_verified", i.Path})
		}
	}
	for _, r := range cfg.Routes {
		if r.Access == config.AccessPublic {
			open = append(open, relaxation{"public", r.Name})
		}
	}
	open = append(open, shadows(cfg)...)
	if cfg.CORS.Preflight == config.PreflightPass {
		open = append(open, relaxation{"preflight_pass", "every host"})
	}
	for _, one := range cfg.Relax.All {
		open = append(open, relaxation{string(one), "every host"})
	}
	for _, host := range cfg.Relax.Hosts {
		for _, one := range host.Relaxations {
			open = append(open, relaxation{string(one), host.Host})
		}
	}
	return open
}

// shadows names what is in shadow: the whole gate, or else the routes that have
// something to let go, which public and closed ones do not.
func shadows(cfg *config.Config) []relaxation {
	if cfg.Shadow {
		return []relaxation{{"shadow", "the whole gate"}}
	}
	var routes []relaxation
	for _, r := range cfg.Routes {
		if r.Shadow && (r.Access == config.AccessRequired || r.Access == config.AccessOptional) {
			routes = append(routes, relaxation{"shadow", r.Name})
		}
	}
	return routes
}

// relaxationCounts counts what a config opens, by kind.
func relaxationCounts(cfg *config.Config) map[string]int {
	counts := make(map[string]int)
	for _, open := range relaxations(cfg) {
		counts[open.kind]++
	}
	return counts
}

// warnIgnored tells of variables of the environment mode that a config file
// overrules.
func warnIgnored(logger *slog.Logger, getenv func(string) (string, bool)) {
	ignored := slices.DeleteFunc(config.EnvironmentVariables(), func(name string) bool {
		_, set := getenv(name)
		return !set
	})
	if len(ignored) > 0 {
		logger.Warn("ignored, since there is a configuration file: "+strings.Join(ignored, ", "), "variables", ignored)
	}
}
