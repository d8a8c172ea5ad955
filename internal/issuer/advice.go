package issuer

import (
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// unfit returns the error for a token that names a skipped key.
func (s Skipped) unfit() keyError {
	e := keyError{kind: ErrKeyUnfit, kid: s.KID, why: s.Detail, fix: denial.FixOtherKey.With()}
	published := map[string]string{
		SkipUse:       "with the use \"sig\"",
		SkipKeyOps:    "with \"verify\" in key_ops",
		SkipX5COnly:   "with n and e",
		SkipMalformed: "in the form that RFC 7517 requires",
	}
	switch how, ok := published[s.Reason]; {
	case ok:
		e.fix = denial.FixPublishKey.With(how)
	case s.fits != "":
		e.fix = denial.FixKeyAlg.With(quote.OneOf(strings.Fields(s.fits)))
	case s.Reason == SkipAlg:
		e.fix = denial.FixPublishKey.With("without alg")
	}
	return e
}

// adviseOutage completes the error for a key that could not be had. The caller holds mu.
func (r *refresher) adviseOutage(missing *keyError, now time.Time) {
	if missing.fix = denial.FixRetry.With(); r.schedule.failures == 0 {
		return
	}
	if missing.why == "" {
		missing.why = "the last fetch failed: " + r.report.lastError
	}
	if alg := r.lacking(); alg != "" { // the keys are fetched, and none fits
		missing.fix = denial.FixAddAlgorithm.With(alg, quote.Text(r.identity.Name))
		missing.others = []denial.Advice{denial.FixKeyFor.With(quote.OneOf(r.identity.Algorithms))}
	} else {
		missing.fix = denial.FixFetchKeys.With(quote.Text(r.identity.Name))
	}
	if s := r.current.Load(); missing.kind == ErrKeysStale && s != nil {
		if old := now.Sub(s.fetched).Truncate(time.Second) + time.Second; old < config.MaxStale {
			missing.others = append(missing.others, denial.FixMaxStale.With(quote.Text(r.identity.Name), quote.Duration(old)))
		}
	}
}

// lacking returns an algorithm that a key of the last response would fit, if the response
// was rejected because it has no usable key; "": none. The caller holds mu.
func (r *refresher) lacking() string {
	for _, skip := range r.report.rejected {
		if algs := strings.Fields(skip.fits); len(algs) > 0 {
			return algs[0]
		}
	}
	return ""
}

// Publishes reports whether the issuer publishes a key, usable or not, with which a token
// with this kid (empty: none) and alg could be verified if alg were one of the issuer's
// algorithms. It is false if the keys are not known. It causes no fetch.
func (i *Issuer) Publishes(kid, alg string) bool {
	r := i.keys
	r.mu.Lock()
	defer r.mu.Unlock()
	skipped := r.report.rejected
	if s := r.current.Load(); s != nil {
		held, others := s.byKID[kid], s.skipped
		if kid == "" {
			held = s.keys
		} else if held == nil {
			held, others = s.rest.parse(kid)
			others = append(others, s.skipped...)
		}
		if slices.ContainsFunc(held, func(k *key) bool { return slices.Contains(k.could, alg) }) {
			return true
		}
		skipped = slices.Concat(skipped, others)
	}
	return slices.ContainsFunc(skipped, func(s Skipped) bool {
		return (kid == "" || s.KID == kid) && slices.Contains(strings.Fields(s.fits), alg)
	})
}
