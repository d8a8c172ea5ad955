package engine

import "github.com/jwtgate/jwtgate/internal/config"

// relaxation is one check that a configuration turns off.
type relaxation struct {
	kind  string // of a closed list, because it is a metric label
	where string
}

// relaxations returns every check that a configuration turns off.
func relaxations(cfg *config.Config) []relaxation {
	var all []relaxation
	for _, i := range cfg.Issuers {
		if i.AllowHTTP {
			all = append(all, relaxation{"dangerously_allow_http", i.Path})
		}
		if i.BoundAsBearer {
			all = append(all, relaxation{"bound_tokens", i.Path})
		}
		if i.EmailAssumed {
			all = append(all, relaxation{"email_verified", i.Path})
		}
	}
	for _, r := range cfg.Routes {
		if r.Access == config.AccessPublic {
			all = append(all, relaxation{"public", r.Name})
		}
	}
	all = append(all, shadows(cfg)...)
	if cfg.CORS.Preflight == config.PreflightPass {
		all = append(all, relaxation{"preflight_pass", "every host"})
	}
	for _, one := range cfg.Relax.All {
		all = append(all, relaxation{string(one), "every host"})
	}
	for _, host := range cfg.Relax.Hosts {
		for _, one := range host.Relaxations {
			all = append(all, relaxation{string(one), host.Host})
		}
	}
	return all
}

// shadows returns what is in shadow mode: the whole gate, or else each route that could
// deny a token. Public and closed routes cannot.
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

// countRelaxations counts the relaxations of a configuration by kind.
func countRelaxations(cfg *config.Config) map[string]int {
	counts := make(map[string]int)
	for _, r := range relaxations(cfg) {
		counts[r.kind]++
	}
	return counts
}
