package issuer

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// origin identifies an issuer and the place where its keys come from.
type origin struct {
	Name string   `json:"issuer"`
	ISS  []string `json:"iss"`
	URI  string   `json:"uri"` // of the key set, else of the discovery document, else file:PATH
}

// identity is everything that determines which keys a refresher holds and how it
// fetches them. Two sets share a refresher if its identity is the same in both.
type identity struct {
	origin
	Algorithms []string
	// KeyIssuers are the values that a key's own issuer may have, in addition to a
	// template for all tenants; nil: any.
	KeyIssuers []string
	AllowHTTP  bool
	JWKS       config.JWKS
	CacheDir   string
}

// parser returns the parser of the issuer's key sets.
func (id identity) parser() parser {
	return parser{algorithms: id.Algorithms, max: id.JWKS.MaxKeys, keyIssuers: id.KeyIssuers}
}

// source returns where the keys come from, without the secret parts of a URL.
func (id identity) source() string {
	if id.JWKS.File != "" {
		return id.URI
	}
	return redact(id.URI)
}

// refresher keeps the keys of one issuer up to date. One goroutine makes the
// decisions, a second one runs during a fetch, and readers load a pointer.
// Successive sets share the refresher of an issuer whose identity is the same.
type refresher struct {
	identity identity
	logger   *slog.Logger
	now      func() time.Time
	start    time.Time // what usage.last counts from
	source   source    // used only by the fetch in flight once the goroutine runs
	cache    *cacheFile
	cfg      config.JWKS

	tried atomic.Bool // a fetch has finished, with any result
	bare  atomic.Bool // a token without a kid has asked for a key
	// current holds the keys that are trusted now; nil: none were ever loaded. It
	// is stored under mu and loaded without it.
	current atomic.Pointer[keySet]

	recheck  chan struct{} // capacity 1; the goroutine checks its schedule again
	finished chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex // guards all that follows
	owners map[*Set]struct{}
	phase  phase
	cancel context.CancelFunc

	schedule schedule
	held     validator
	lent     *keySet       // the last answer, if it is a fallback's and the current keys are not; nil: otherwise
	begun    uint64        // number of fetches begun, and so the number of the latest one
	answered uint64        // number of the latest fetch that returned keys or "not modified"
	lastGood time.Time     // when that fetch began
	inFlight bool          // a fetch is in flight
	done     chan struct{} // closed when the outcome of the fetch in flight, or of the next one, is settled
	waiting  int           // requests that wait on done

	unknown unknownKIDs
	report  report
}

type phase int

const (
	idle phase = iota
	running
	stopped
)

func newRefresher(id identity, source source, opt Options) *refresher {
	now, cfg := opt.Now(), id.JWKS
	r := &refresher{
		identity: id, logger: opt.Logger.With("issuer", id.Name), now: opt.Now, start: now,
		source: source, cache: newCacheFile(id.CacheDir, id.origin, opt.Sync), cfg: cfg,
		recheck: make(chan struct{}, 1), finished: make(chan struct{}),
		owners: make(map[*Set]struct{}), done: make(chan struct{}),
		unknown: unknownKIDs{seed: maphash.MakeSeed()},
	}
	r.schedule = schedule{refreshAt: now, budget: newBudget(cfg.UnknownKIDCooldown, now)}
	r.report.fetches = make(map[string]uint64)
	for _, result := range fetchResults() {
		r.report.fetches[result] = 0
	}
	return r
}

// retain makes a set an owner of the refresher. It reports false if the refresher
// was stopped already.
func (r *refresher) retain(s *Set) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase == stopped {
		return false
	}
	r.owners[s] = struct{}{}
	return true
}

// release removes a set from the owners. If it was the last, release stops the
// refresher, and wait returns when its goroutine has ended.
func (r *refresher) release(s *Set) (wait func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.owners, s)
	if len(r.owners) > 0 || r.phase == stopped {
		return func() {}
	}
	was := r.phase
	r.phase = stopped
	if was == idle {
		return func() {}
	}
	r.cancel()
	return func() { <-r.finished }
}

// run starts the goroutine if it is not running. If it is running and the keys
// come from a file, run has the file read again now, since a config reload should
// also reload the keys.
func (r *refresher) run() {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.phase {
	case idle:
		r.phase = running
		ctx, cancel := context.WithCancel(context.Background())
		r.cancel = cancel
		go r.loop(ctx)
	case running:
		if r.cfg.File != "" {
			r.schedule.refreshAt = r.now()
			r.wake()
		}
	case stopped:
	}
}

// wake makes the goroutine check its schedule again.
func (r *refresher) wake() {
	select {
	case r.recheck <- struct{}{}:
	default:
	}
}

// loop starts fetches, settles their outcomes and applies what changes with time.
// It also does so while a fetch or a write to the disk is in progress: an issuer
// that never answers, or a disk that hangs, must not keep expired keys trusted or
// delay new keys.
func (r *refresher) loop(ctx context.Context) {
	defer close(r.finished)
	var flight sync.WaitGroup
	fetched := make(chan outcome, 1) // one slot, so that the fetch in flight never waits to send
	disk := newCacheWriter(r.cache)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if o, how, due := r.beginIfDue(); due {
			flight.Go(func() {
				o.answer, o.set, o.err = r.fetch(ctx, how)
				fetched <- o
			})
		}
		r.log()
		timer.Reset(r.untilEvent())
		select {
		case <-ctx.Done():
			r.mu.Lock()
			close(r.done) // wake the requests that wait: no further fetch will settle
			r.mu.Unlock()
			flight.Wait()
			disk.finish(r.recordCache)
			r.log()
			return
		case o := <-fetched:
			if ctx.Err() != nil {
				continue // stopped: the outcome says nothing about the issuer
			}
			if r.settle(o); o.err == nil && r.cache != nil {
				disk.write(r.current.Load())
			}
		case err := <-disk.done:
			disk.settle()
			r.recordCache(err)
		case <-disk.late:
			r.recordCache(errDiskHangs)
		case <-timer.C:
		case <-r.recheck:
		}
	}
}

// beginIfDue applies what time has changed. If a fetch is due and none is in
// flight, it records that one begins and returns an outcome, which the caller
// completes and settles.
func (r *refresher) beginIfDue() (begun outcome, how ask, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.expire(now)
	if r.inFlight || r.schedule.due(now).After(now) {
		return outcome{}, ask{}, false
	}
	how = ask{held: r.held, origin: r.schedule.wanted}
	if s := r.current.Load(); s != nil && len(s.leaving) > 0 { // a fetch must confirm their removal
		how.held, how.origin = validator{}, true
	}
	charged := r.schedule.begin(now)
	r.begun++
	r.inFlight = true
	return outcome{number: r.begun, began: now, charged: charged}, how, true
}

// fetch fetches and parses the key set; set is nil if it was not modified.
func (r *refresher) fetch(ctx context.Context, ask ask) (got answer, set *keySet, failed *fetchError) {
	defer func() {
		// The response of one issuer must not crash the process.
		if bug := recover(); bug != nil {
			got, set, failed = answer{}, nil, invalid("parsing the response panicked: %T", bug)
		}
	}()
	got, err := r.source.fetch(ctx, ask)
	if err == nil && !got.notModified {
		set, err = r.identity.parser().parse(got.body)
	}
	if err != nil {
		if failed, ok := errors.AsType[*fetchError](err); ok {
			return answer{}, nil, failed
		}
		return answer{}, nil, invalid("%w", err)
	}
	got.body = nil
	return got, set, nil
}

// untilEvent returns how long the goroutine may sleep.
func (r *refresher) untilEvent() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	at := r.nextExpiry(now)
	if !r.inFlight { // otherwise the next fetch waits for this one
		at = earlier(at, r.schedule.due(now))
	}
	return max(at.Sub(now), 0)
}

// untilFetch returns the time until the next fetch, or zero while one is in
// flight. The caller holds mu.
func (r *refresher) untilFetch(now time.Time) time.Duration {
	if r.inFlight {
		return 0
	}
	return max(r.schedule.due(now).Sub(now), 0)
}

// find finds a key in the current set. It takes no lock and causes no fetch.
func (r *refresher) find(kid, alg string, now time.Time) (*key, keyError) {
	if kid == "" && !r.bare.Load() {
		r.bare.Store(true) // before the set is loaded: see publish
	}
	s := r.current.Load()
	if s == nil {
		return nil, keyError{kind: ErrKeysUnavailable, kid: kid}
	}
	if age := now.Sub(s.fetched); age > r.cfg.MaxStale {
		return nil, keyError{kind: ErrKeysStale, kid: kid, why: fmt.Sprintf("they are %s old", age.Round(time.Second))}
	}
	return s.find(kid, alg)
}

// shared reports whether more than one set uses the keys.
func (r *refresher) shared() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.owners) > 1
}

// verified counts a token. It takes no lock.
func (r *refresher) verified(kid, alg string) {
	s := r.current.Load()
	if s == nil {
		return
	}
	if kid == "" {
		if sole, _ := s.sole(alg); sole != nil {
			kid = sole.kid
		}
	}
	if len(s.byKID[kid]) == 0 {
		return
	}
	use := s.byKID[kid][0].usage
	use.tokens.Add(1)
	r.stamp(&use.last)
}

// sinceUse returns the time since a key of this usage last verified a token.
func (r *refresher) sinceUse(use *usage, now time.Time) time.Duration {
	last := use.last.Load()
	if last == 0 {
		return math.MaxInt64
	}
	return now.Sub(r.start) - time.Duration(last-1)
}
