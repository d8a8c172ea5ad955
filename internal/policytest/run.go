package policytest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

const (
	// caseLimit is the timeout of one case.
	caseLimit = time.Second
	// retryEvery is the interval of retries while the key set is being read again.
	retryEvery = 5 * time.Millisecond
)

// Run decides the cases one after the other and returns the results. Cfg must be the
// valid config for which the cases were loaded. Run does not change it, and does not
// fetch keys of its issuers.
//
// Passing cases do not prove anything about other requests, about the configuration of
// Envoy, or about the availability of the issuers' real keys. The error is of type
// [config.Mistakes] if the config is invalid, and wraps the cause of ctx if ctx ends
// before all cases are decided.
func Run(ctx context.Context, cfg *config.Config, cases []Case) (_ *Report, err error) {
	if len(cases) > MaxCases {
		return nil, fmt.Errorf("there are %d cases; expected at most %d; split them into several runs", len(cases), MaxCases)
	}
	r, err := newRunner(cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.gate.AwaitKeys(ctx, caseLimit)
	report := &Report{Routes: r.gate.Routes()}
	touched := map[string]bool{}
	for i := range cases {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("stopped after %d of %d cases: %w", i, len(cases), context.Cause(ctx))
		}
		began := time.Now()
		decision, err := r.decide(ctx, &cases[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cases[i].Pos, err)
		}
		touched[decision.Route] = true
		for _, name := range decision.Further {
			touched[name] = true
		}
		report.Results = append(report.Results, Result{
			Name: cases[i].Name, Pos: cases[i].Pos, Elapsed: time.Since(began), Failure: compare(cfg, &cases[i], decision),
		})
	}
	report.Untouched = slices.DeleteFunc(slices.Clone(report.Routes), func(name string) bool { return touched[name] })
	return report, nil
}

// decide decides one case.
func (r *runner) decide(ctx context.Context, c *Case) (*gate.Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, caseLimit)
	defer cancel()
	sent := c.request.build()
	at := r.now.Add(c.at)
	if c.token != nil {
		raw, err := r.mint(c.token)
		if err != nil {
			return nil, err
		}
		if c.in == nil {
			r.gate.AddToken(sent, raw)
		} else {
			sent.AddToken(*c.in, raw)
		}
	}
	for {
		decision := r.gate.Explain(ctx, sent, at).Decision
		why := cmp.Or(decision.WouldDeny, decision.Reason)
		switch {
		case why == gate.ReasonKeyPending && ctx.Err() == nil:
			// The file with the key set is being read again for this kid. A client would
			// retry too.
			select {
			case <-time.After(retryEvery):
			case <-ctx.Done():
			}
		case !meaning(why).Repeatable():
			return nil, fmt.Errorf("the case could not be decided (%s): %s", why, decision.InternalDetail)
		default:
			return decision, nil
		}
	}
}

// build returns the request without a token, in the form that Envoy sends with
// encode_raw_headers.
func (q *requestSpec) build() *request.Request {
	r := &request.Request{
		Method: q.method, Authority: q.host, Target: q.path,
		Headers: slices.Clone(q.headers), RawHeaders: true, Source: "192.0.2.1",
	}
	if q.route != "" {
		r.SetRoute(q.route)
	}
	return r
}
