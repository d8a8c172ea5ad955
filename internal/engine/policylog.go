package engine

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/envoyneeds"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// maxCompared is how many routes a configuration can have for a start or reload to log
// the warnings about them. To find these, routes are compared with each other: `check`
// has time for that, a start has not.
const maxCompared = 1000

// logPolicy logs what a configuration trusts, what it relaxes, what the shipped
// envoy.yaml lacks for it, and its warnings.
func logPolicy(logger *slog.Logger, policy *gate.Policy) {
	cfg := policy.Config()
	for _, i := range cfg.Issuers {
		logger.Info("trusted issuer", "name", i.Name, "iss", i.ISS, "prefix", i.Prefix, "clients", i.Clients,
			"audiences", i.Audiences, "algorithms", i.Algorithms, "keys", keySource(i), "token_use", i.TokenUse)
	}
	for _, r := range relaxations(cfg) {
		logger.Warn("relaxation active", "kind", r.kind, "where", r.where)
	}
	for _, note := range envoyneeds.Of(policy).Notes() {
		logger.Warn(note)
	}
	warnings := slices.Clone(cfg.Warnings)
	if len(cfg.Routes) <= maxCompared {
		warnings = append(warnings, policy.Warnings()...)
	}
	for _, warning := range warnings {
		logger.Warn("configuration warning", "at", warning.Pos.String(), "warning", warning.Text)
	}
}

// keySource returns where an issuer's keys come from, without a query, which can have a
// secret.
func keySource(i config.Issuer) string {
	switch {
	case i.JWKS.File != "":
		return i.JWKS.File
	case i.JWKS.URI == "":
		return "discovery"
	}
	uri, _, _ := strings.Cut(i.JWKS.URI, "?")
	return uri
}

// warnIgnored logs the variables of the environment mode that a configuration file
// overrides.
func warnIgnored(logger *slog.Logger, getenv func(string) (string, bool)) {
	ignored := slices.DeleteFunc(config.EnvironmentVariables(), func(name string) bool {
		_, set := getenv(name)
		return !set
	})
	if len(ignored) > 0 {
		logger.Warn("environment variables ignored, because there is a configuration file", "variables", ignored)
	}
}
