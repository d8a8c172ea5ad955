package issuer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jwtgate/jwtgate/internal/quote"
)

// maxWithdrawn is how many withdrawn kids are remembered for operators.
const maxWithdrawn = 16

// report is the state of an issuer that is logged or shown to operators. The
// refresher's mu guards it.
type report struct {
	fetches map[string]uint64 // :: Fetch constant -> how many

	lastError   string
	lastErrorAt time.Time
	failing     string // the result of the failure that was logged; empty: fetches succeed
	note        string // the answer's note that was logged; empty: none
	cacheError  string
	warned      bool // that the keys become stale was logged

	lines []line // to be logged when mu is unlocked

	skipped        []Skipped // the ones that were logged last
	rejected       []Skipped // all keys of the last response, if none of them is usable
	withdrawn      []Withdrawn
	withdrawnInUse uint64
}

// line is a line of the log.
type line struct {
	level slog.Level
	text  string
	args  []any
}

// logLater queues a line for [refresher.log]. The caller holds mu. No line is
// written under mu, so that a log that blocks does not block requests.
func (r *refresher) logLater(level slog.Level, text string, args ...any) {
	r.report.lines = append(r.report.lines, line{level, text, args})
}

// log writes the queued lines. The caller does not hold mu.
func (r *refresher) log() {
	r.mu.Lock()
	lines := r.report.lines
	r.report.lines = nil
	r.mu.Unlock()
	for _, one := range lines {
		r.logger.Log(context.Background(), one.level, one.text, one.args...)
	}
}

// missed records a token whose kid is unknown.
func (r *report) missed(kid string) {
	for i := range r.withdrawn {
		if r.withdrawn[i].KID == kid {
			r.withdrawn[i].TokensSince++
		}
	}
}

// recordFailure counts a failed fetch. It logs the first of several failures, and
// each one whose result differs from the previous failure's.
func (r *refresher) recordFailure(err *fetchError, now time.Time) {
	report := &r.report
	report.fetches[err.result]++
	report.lastError, report.lastErrorAt = err.Error(), now
	report.rejected = nil
	if unusable, ok := errors.AsType[*unusableError](err); ok {
		report.rejected = unusable.skipped
	}
	if report.failing != err.result {
		report.failing = err.result
		r.logLater(slog.LevelWarn, "key fetch failed", "result", err.result, "error", err, "held", r.heldText(now))
	}
}

// heldText describes the keys that stay in use during an outage.
func (r *refresher) heldText(now time.Time) string {
	s := r.current.Load()
	if s == nil {
		return "no keys yet"
	}
	return fmt.Sprintf("%d keys, %s old", len(s.keys), now.Sub(s.fetched).Round(time.Second))
}

// recordSuccess counts a good response, and logs the end of an outage.
func (r *refresher) recordSuccess(o outcome, now time.Time) {
	report := &r.report
	if o.answer.notModified {
		report.fetches[FetchNotModified]++
	} else {
		report.fetches[FetchOK]++
	}
	if report.failing != "" {
		r.logLater(slog.LevelInfo, "key fetching recovered", "outage", now.Sub(r.schedule.failingSince).Round(time.Second))
	}
	report.failing, report.rejected = "", nil
	report.warned = report.warned && o.answer.fallback
	if note := o.answer.note; note != nil {
		report.lastError, report.lastErrorAt = note.Error(), o.began
	}
	began, ended := "discovery document fetch failed; using its last jwks_uri", "discovery document fetching recovered"
	if len(r.cfg.Fallbacks) > 0 {
		began, ended = "key fetch failed; using a fallback", "key fetching without a fallback recovered"
	}
	r.recordProblem(&report.note, o.answer.note, began, ended)
}

// recordProblem stores the text of a problem that may last, "" if err is nil, and
// logs its beginning and its end. The caller holds mu.
func (r *refresher) recordProblem(stored *string, err error, began, ended string) {
	before := *stored
	*stored = ""
	if err != nil {
		*stored = err.Error()
	}
	switch {
	case before == "" && err != nil:
		r.logLater(slog.LevelWarn, began, "error", err)
	case before != "" && err == nil:
		r.logLater(slog.LevelInfo, ended)
	}
}

// recordKeys logs the differences between two sets, and remembers keys that were
// withdrawn while in use.
func (r *refresher) recordKeys(old, next *keySet, now time.Time) {
	added, removed := next.kidsBeyond(old), old.kidsBeyond(next)
	if len(old.keys) == 0 {
		r.logLater(slog.LevelInfo, "keys loaded", "kids", clipAll(added), "skipped", len(next.skipped))
	} else if len(added) > 0 || len(removed) > 0 {
		r.logLater(slog.LevelInfo, "keys replaced", "added", clipAll(added), "removed", clipAll(removed), "held", len(next.keys))
	} else if next.epoch != old.epoch {
		r.logLater(slog.LevelWarn, "keys replaced without a change of kid", "held", len(next.keys))
	}
	if beyond := next.rest; beyond != nil && (old.rest == nil || old.rest.beyond != beyond.beyond) {
		r.logLater(slog.LevelWarn, "the issuer publishes more keys than jwks.max_keys; the others are held when tokens name them",
			"max_keys", beyond.max, "beyond", beyond.beyond)
	}
	for kid := range next.leaving {
		if _, known := old.leaving[kid]; !known {
			r.logLater(slog.LevelWarn, "a key in use is missing from the issuer's key set; a second fetch will confirm its removal",
				"kid", quote.Plain(kid, quote.Max))
		}
	}
	for _, kid := range removed {
		r.recordWithdrawn(kid, old, now)
	}
	r.report.withdrawn = slices.DeleteFunc(r.report.withdrawn, func(w Withdrawn) bool { return next.byKID[w.KID] != nil })
	if !slices.Equal(r.report.skipped, next.skipped) {
		r.report.skipped = next.skipped
		for _, skip := range next.skipped {
			r.logLater(slog.LevelWarn, "a published key cannot be used",
				"kid", quote.Plain(skip.KID, quote.Max), "reason", skip.Reason, "detail", skip.Detail)
		}
	}
}

func (r *refresher) recordWithdrawn(kid string, old *keySet, now time.Time) {
	use := old.byKID[kid][0].usage
	since := r.sinceUse(use, now)
	if since > recentUse+confirmLimit {
		return
	}
	report := &r.report
	report.withdrawnInUse++
	if len(report.withdrawn) >= maxWithdrawn {
		report.withdrawn = report.withdrawn[1:]
	}
	report.withdrawn = append(report.withdrawn, Withdrawn{KID: kid, At: now, Tokens: use.tokens.Load()})
	r.logLater(slog.LevelWarn, "a key was withdrawn while tokens were still signed with it",
		"kid", quote.Plain(kid, quote.Max), "last_used", since.Round(time.Second))
}

// recordCache records whether the keys could be written to disk, and logs a
// change of that.
func (r *refresher) recordCache(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recordProblem(&r.report.cacheError, err,
		"writing keys to cache_dir failed; a restart during an outage would start without keys", "writing keys to cache_dir recovered")
}

func clipAll(kids []string) []string {
	clipped := make([]string, len(kids))
	for i, kid := range kids {
		clipped[i] = quote.Plain(kid, quote.Max)
	}
	return clipped
}

// restore publishes keys from cache_dir or from the previous set, with the age
// that they have.
func (r *refresher) restore(s *keySet, from string) {
	defer r.log()
	r.mu.Lock()
	defer r.mu.Unlock()
	s.carryUsage(s)
	r.current.Store(s)
	r.logLater(slog.LevelInfo, "keys restored",
		"from", from, "kids", clipAll(s.kidsBeyond(nil)), "age", r.now().Sub(s.fetched).Round(time.Second))
}
