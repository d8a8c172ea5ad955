package gate

import (
	"fmt"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/route"
)

// unknownRoute returns the failure for a route that Envoy names and the configuration does
// not have.
func (e *evaluation) unknownRoute(name string) error {
	failure := denial.New(errRouteUnknown, fmt.Sprintf("%q", name))
	failure.Advise(denial.FixNameRoute.With(quote.List(e.policy.routes.Names())))
	if config.IsRouteName(name) {
		failure.Advise(denial.FixAddNamedRoute.With(quote.Text(name)))
	}
	return failure
}

// mismatch returns the failure for a request that the route that Envoy names does not match.
func mismatch(name string) error {
	shown := quote.Text(name)
	return denial.New(errRouteMismatch, fmt.Sprintf("%q", name)).
		Advise(denial.FixEnvoyRoute.With(shown), denial.FixRouteMatch.With(shown))
}

// deniedBy returns the failure for a rule that denies all requests. A route before it helps
// only if no other reading of the request selects the rule.
func (e *evaluation) deniedBy(rule *route.Rule) error {
	failure := denial.New(errRouteDenied, fmt.Sprintf("%q", rule.Name))
	_, named := e.request.NamedRoute()
	alone := !named && len(e.further) == 0
	switch {
	case rule.Name != route.DefaultName:
		failure.Advise(denial.FixRouteAccess.With(quote.Text(rule.Name)))
		if alone {
			failure.Advise(denial.FixRouteBefore.With())
		}
		return failure
	case len(e.policy.cfg.Issuers) > 0:
		failure.Advise(denial.FixDefault.With())
	}
	if alone {
		failure.Advise(denial.FixAddRoute.With())
	}
	return failure
}

// missingCredential returns the failure for a request without a credential. A route that
// requires something of a token cannot be optional.
func (e *evaluation) missingCredential(rule *route.Rule) error {
	names := make([]string, len(e.governing.TokensFrom))
	for n, source := range e.governing.TokensFrom {
		names[n] = place(source)
	}
	failure := denial.New(credential.ErrMissing, "").Advise(denial.FixSendToken.With(strings.Join(names, " or ")))
	_, named := e.request.NamedRoute()
	switch {
	case rule.Name == route.DefaultName && !named && len(e.further) == 0:
		failure.Advise(denial.FixAddOptional.With())
	case rule.Name != route.DefaultName && describeRequirement(rule.Requirement()) == anyToken:
		failure.Advise(denial.FixOptional.With(quote.Text(rule.Name)))
	}
	return fmt.Errorf("%w in %s", failure, strings.Join(names, ", "))
}

// refuseOrigin denies a preflight from an origin that is not listed.
func (e *evaluation) refuseOrigin(origin string) {
	failure := &denial.Error{Internal: "the origin is not one of cors.origins"}
	if config.IsOrigin(origin) && len(origin) <= quote.Max {
		failure.Advise(denial.FixAddOrigin.With(quote.Text(origin)))
	}
	failure.Advise(denial.FixUseOrigin.With(quote.OneOf(e.policy.cfg.CORS.Origins)))
	e.decision.InternalDetail, e.decision.Hint = failure.Internal, failure.Hint()
	e.setDenial(ReasonPreflightRefused, failure)
}
