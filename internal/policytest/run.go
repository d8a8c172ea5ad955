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
	// caseLimit is how long one case may take.
	caseLimit = time.Second
	// retryEvery is how soon a case is tried again whose key is being looked for.
	retryEvery = 5 * time.Millisecond
)

// Run decides the cases by cfg, one after the other, and returns how each came
// out. cfg must be the config that they were loaded for, without mistakes; it is
// not changed, and its issuers are not asked for keys.
//
// That all cases pass proves nothing of requests that no case makes, of Envoy's
// settings, or of whether the issuers' real keys can be had. The error is
// [config.Mistakes] when the config is at fault; it is ctx's when that ended
// before all cases were decided.
func Run(ctx context.Context, cfg *config.Config, cases []Case) (_ *Report, err error) {
	if len(cases) > MaxCases {
		return nil, fmt.Errorf("%d cases are more than %d; split them over several runs", len(cases), MaxCases)
	}
	w, err := newRunner(cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	w.gate.AwaitKeys(ctx, caseLimit)
	report := &Report{Routes: w.gate.Routes()}
	touched := map[string]bool{}
	for i := range cases {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("ended after %d of %d cases: %w", i, len(cases), context.Cause(ctx))
		}
		began := time.Now()
		decision, err := w.decide(ctx, &cases[i])
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

// decide is where a case meets the gate.
func (w *runner) decide(ctx context.Context, c *Case) (*gate.Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, caseLimit)
	defer cancel()
	sent := c.request.build()
	at := w.now.Add(c.at)
	if c.token != nil {
		raw, err := w.mint(c.token)
		if err != nil {
			return nil, err
		}
		if c.in == nil {
			w.gate.AddToken(sent, raw)
		} else {
			sent.AddToken(*c.in, raw)
		}
	}
	for {
		decision := w.gate.Explain(ctx, sent, at).Decision
		why := cmp.Or(decision.WouldDeny, decision.Reason)
		switch {
		case why == gate.ReasonKeyPending && ctx.Err() == nil:
			// The key set's file is being read again for this kid. A client would
			// try again, too.
			select {
			case <-time.After(retryEvery):
			case <-ctx.Done():
			}
		case !reachable(meaning(why)):
			return nil, fmt.Errorf("the case could not be decided (%s): %s", why, decision.InternalDetail)
		default:
			return decision, nil
		}
	}
}

// reachable reports whether a reason lies in the request and the policy, so
// that a case can bring it about, and not in an outage or a failure of the gate.
func reachable(m gate.ReasonInfo) bool {
	return m.Verdict != gate.VerdictDeny || m.Check != gate.CheckNone && !m.Outage
}

// build makes the request without a token, as Envoy hands it on when it sends
// each header field apart (encode_raw_headers).
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
