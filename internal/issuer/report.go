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

// report is what operators are told. The keeper's mu guards it.
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
func (k *keeper) say(level slog.Level, text string, args ...any) {
	k.report.lines = append(k.report.lines, line{level, text, args})
}

// log writes the lines that were kept. The caller does not hold mu.
func (k *keeper) log() {
	k.mu.Lock()
	lines := k.report.lines
	k.report.lines = nil
	k.mu.Unlock()
	for _, one := range lines {
		k.logger.Log(context.Background(), one.level, one.text, one.args...)
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
func (k *keeper) noteFailure(err *fetchError, now time.Time) {
	r := &k.report
	r.fetches[err.result]++
	r.lastError, r.lastErrorAt = err.Error(), now
	if r.failing != err.result {
		r.failing = err.result
		k.say(slog.LevelWarn, "keys could not be fetched", "result", err.result, "error", err, "held", k.heldText(now))
	}
}

// heldText says what stands between users and an outage.
func (k *keeper) heldText(now time.Time) string {
	s := k.current.Load()
	if s == nil {
		return "no keys yet"
	}
	return fmt.Sprintf("%d keys, %s old", len(s.keys), now.Sub(s.fetched).Round(time.Second))
}

// noteSuccess counts a good answer, and logs the end of an outage.
func (k *keeper) noteSuccess(o outcome, now time.Time) {
	r := &k.report
	if o.answer.notModified {
		r.fetches[FetchNotModified]++
	} else {
		r.fetches[FetchOK]++
	}
	if r.failing != "" {
		k.say(slog.LevelInfo, "keys are fetched again", "outage", now.Sub(k.schedule.failingSince).Round(time.Second))
	}
	r.failing, r.warned = "", false
	note := ""
	if o.answer.note != nil {
		note = o.answer.note.Error()
		r.lastError, r.lastErrorAt = note, o.began
	}
	if (note == "") != (r.note == "") {
		if note != "" {
			k.say(slog.LevelWarn, "the discovery document could not be fetched, its last jwks_uri serves on", "error", note)
		} else {
			k.say(slog.LevelInfo, "the discovery document is fetched again")
		}
	}
	r.note = note
}

// noteKeys logs what a new set changed, and remembers keys that were withdrawn
// while in use.
func (k *keeper) noteKeys(old, next *keySet, now time.Time) {
	added, removed := next.kidsBeyond(old), old.kidsBeyond(next)
	if len(old.keys) == 0 {
		k.say(slog.LevelInfo, "keys loaded", "kids", clipAll(added), "skipped", len(next.skipped))
	} else if len(added) > 0 || len(removed) > 0 {
		k.say(slog.LevelInfo, "keys replaced", "added", clipAll(added), "removed", clipAll(removed), "held", len(next.keys))
	} else if next.epoch != old.epoch {
		k.say(slog.LevelWarn, "keys replaced under the kids that they had", "held", len(next.keys))
	}
	for kid := range next.leaving {
		if _, known := old.leaving[kid]; !known {
			k.say(slog.LevelWarn, "a key in use is missing from the issuer's answer; a second fetch will confirm it", "kid", clip(kid))
		}
	}
	for _, kid := range removed {
		k.noteWithdrawn(kid, old, now)
	}
	k.report.withdrawn = slices.DeleteFunc(k.report.withdrawn, func(w Withdrawn) bool { return next.byKID[w.KID] != nil })
	if !slices.Equal(k.report.skipped, next.skipped) {
		k.report.skipped = next.skipped
		for _, skip := range next.skipped {
			k.say(slog.LevelWarn, "a published key is not used", "kid", clip(skip.KID), "reason", skip.Reason, "detail", skip.Detail)
		}
	}
}

func (k *keeper) noteWithdrawn(kid string, old *keySet, now time.Time) {
	use := old.byKID[kid][0].usage
	since := k.sinceUse(use, now)
	if since > recentUse+confirmLimit {
		return
	}
	r := &k.report
	r.withdrawnInUse++
	if len(r.withdrawn) >= maxWithdrawn {
		r.withdrawn = r.withdrawn[1:]
	}
	r.withdrawn = append(r.withdrawn, Withdrawn{KID: kid, At: now, Tokens: use.tokens.Load()})
	k.say(slog.LevelWarn, "a key was withdrawn while tokens were still signed with it", "kid", clip(kid), "last_used", since.Round(time.Second))
}

// noteCache notes whether the keys can be kept on disk, and logs a change.
func (k *keeper) noteCache(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case text != "" && k.report.cacheError == "":
		k.say(slog.LevelWarn, "keys could not be written to cache_dir; a restart in an outage would have none", "error", err)
	case text == "" && k.report.cacheError != "":
		k.say(slog.LevelInfo, "keys are written to cache_dir again")
	}
	k.report.cacheError = text
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
func (k *keeper) restore(s *keySet, from string) {
	defer k.log()
	k.mu.Lock()
	defer k.mu.Unlock()
	s.carryUsage(s)
	k.current.Store(s)
	k.say(slog.LevelInfo, "keys restored", "from", from, "kids", clipAll(s.kidsBeyond(nil)), "age", k.now().Sub(s.fetched).Round(time.Second))
}

// refuseCache logs why a cache file was not used. That there is none is no
// reason for a warning.
func (k *keeper) refuseCache(err error) {
	if !errors.Is(err, errNoCache) {
		k.logger.Warn("the keys in cache_dir were not used", "error", err)
	}
}
