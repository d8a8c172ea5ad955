package issuer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// maxWithdrawn is how many withdrawn kids are remembered for operators.
const maxWithdrawn = 16

// report is what operators are told. The refresher's mu guards it.
type report struct {
	fetches map[string]uint64 // :: Fetch constant -> how many

	lastError   string
	lastErrorAt time.Time
	failing     string // the result that was logged as failing; empty: fetches succeed
	note        string // what was logged as wrong beside an answer
	cacheError  string
	warned      bool // the keys were said to grow stale

	lines []line // to be logged when mu is free

	skipped        []Skipped // as they were logged last
	withdrawn      []Withdrawn
	withdrawnInUse uint64
}

// line is a line of the log.
type line struct {
	level slog.Level
	text  string
	args  []any
}

// say keeps a line for the log. The caller holds mu, under which nothing is
// written: a log that nobody reads must not stop requests.
func (r *refresher) say(level slog.Level, text string, args ...any) {
	r.report.lines = append(r.report.lines, line{level, text, args})
}

// log writes the lines that were kept. The caller does not hold mu.
func (r *refresher) log() {
	r.mu.Lock()
	lines := r.report.lines
	r.report.lines = nil
	r.mu.Unlock()
	for _, one := range lines {
		r.logger.Log(context.Background(), one.level, one.text, one.args...)
	}
}

// missed notes a token whose kid is not held.
func (r *report) missed(kid string) {
	for i := range r.withdrawn {
		if r.withdrawn[i].KID == kid {
			r.withdrawn[i].TokensSince++
		}
	}
}

// noteFailure counts a failed fetch, and logs it when it is the first or of
// another kind than the one before.
func (r *refresher) noteFailure(err *fetchError, now time.Time) {
	report := &r.report
	report.fetches[err.result]++
	report.lastError, report.lastErrorAt = err.Error(), now
	if report.failing != err.result {
		report.failing = err.result
		r.say(slog.LevelWarn, "keys could not be fetched", "result", err.result, "error", err, "held", r.heldText(now))
	}
}

// heldText says what stands between users and an outage.
func (r *refresher) heldText(now time.Time) string {
	s := r.current.Load()
	if s == nil {
		return "no keys yet"
	}
	return fmt.Sprintf("%d keys, %s old", len(s.keys), now.Sub(s.fetched).Round(time.Second))
}

// noteSuccess counts a good answer, and logs the end of an outage.
func (r *refresher) noteSuccess(o outcome, now time.Time) {
	report := &r.report
	if o.answer.notModified {
		report.fetches[FetchNotModified]++
	} else {
		report.fetches[FetchOK]++
	}
	if report.failing != "" {
		r.say(slog.LevelInfo, "keys are fetched again", "outage", now.Sub(r.schedule.failingSince).Round(time.Second))
	}
	report.failing, report.warned = "", false
	note := ""
	if o.answer.note != nil {
		note = o.answer.note.Error()
		report.lastError, report.lastErrorAt = note, o.began
	}
	if (note == "") != (report.note == "") {
		if note != "" {
			r.say(slog.LevelWarn, "the discovery document could not be fetched, its last jwks_uri serves on", "error", note)
		} else {
			r.say(slog.LevelInfo, "the discovery document is fetched again")
		}
	}
	report.note = note
}

// noteKeys logs what a new set changed, and remembers keys that were withdrawn
// while in use.
func (r *refresher) noteKeys(old, next *keySet, now time.Time) {
	added, removed := next.kidsBeyond(old), old.kidsBeyond(next)
	if len(old.keys) == 0 {
		r.say(slog.LevelInfo, "keys loaded", "kids", clipAll(added), "skipped", len(next.skipped))
	} else if len(added) > 0 || len(removed) > 0 {
		r.say(slog.LevelInfo, "keys replaced", "added", clipAll(added), "removed", clipAll(removed), "held", len(next.keys))
	} else if next.epoch != old.epoch {
		r.say(slog.LevelWarn, "keys replaced under the kids that they had", "held", len(next.keys))
	}
	for kid := range next.leaving {
		if _, known := old.leaving[kid]; !known {
			r.say(slog.LevelWarn, "a key in use is missing from the issuer's answer; a second fetch will confirm it", "kid", clip(kid))
		}
	}
	for _, kid := range removed {
		r.noteWithdrawn(kid, old, now)
	}
	r.report.withdrawn = slices.DeleteFunc(r.report.withdrawn, func(w Withdrawn) bool { return next.byKID[w.KID] != nil })
	if !slices.Equal(r.report.skipped, next.skipped) {
		r.report.skipped = next.skipped
		for _, skip := range next.skipped {
			r.say(slog.LevelWarn, "a published key is not used", "kid", clip(skip.KID), "reason", skip.Reason, "detail", skip.Detail)
		}
	}
}

func (r *refresher) noteWithdrawn(kid string, old *keySet, now time.Time) {
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
	r.say(slog.LevelWarn, "a key was withdrawn while tokens were still signed with it", "kid", clip(kid), "last_used", since.Round(time.Second))
}

// noteCache notes whether the keys can be kept on disk, and logs a change.
func (r *refresher) noteCache(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case text != "" && r.report.cacheError == "":
		r.say(slog.LevelWarn, "keys could not be written to cache_dir; a restart in an outage would have none", "error", err)
	case text == "" && r.report.cacheError != "":
		r.say(slog.LevelInfo, "keys are written to cache_dir again")
	}
	r.report.cacheError = text
}

func clipAll(kids []string) []string {
	clipped := make([]string, len(kids))
	for i, kid := range kids {
		clipped[i] = clip(kid)
	}
	return clipped
}

// restore installs keys that were trusted before: from cache_dir, or from the
// set that this one follows. They count as old as they are.
func (r *refresher) restore(s *keySet, from string) {
	defer r.log()
	r.mu.Lock()
	defer r.mu.Unlock()
	s.carryUsage(s)
	r.current.Store(s)
	r.say(slog.LevelInfo, "keys restored", "from", from, "kids", clipAll(s.kidsBeyond(nil)), "age", r.now().Sub(s.fetched).Round(time.Second))
}

// refuseCache logs why a cache file was not used. That there is none is no
// reason for a warning.
func (r *refresher) refuseCache(err error) {
	if !errors.Is(err, errNoCache) {
		r.logger.Warn("the keys in cache_dir were not used", "error", err)
	}
}
