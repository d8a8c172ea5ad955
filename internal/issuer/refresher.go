package issuer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// origin is who an issuer is and where its keys come from.
type origin struct {
	Name string   `json:"issuer"`
	ISS  []string `json:"iss"`
	URI  string   `json:"uri"` // of the key set, else of the discovery document, else file:PATH
}

// identity is all that decides which keys a refresher holds and how it gets them:
// two sets share a refresher if it is the same.
type identity struct {
	origin
	Algorithms []string
	AllowHTTP  bool
	JWKS       config.JWKS
	CacheDir   string
}

// source says where the keys come from, without what may be secret in a URL.
func (id identity) source() string {
	if id.JWKS.File != "" {
		return id.URI
	}
	return redact(id.URI)
}

// refresher keeps the keys of one issuer: one goroutine that decides, a second one
// for as long as a fetch takes, and readers that load a pointer. Sets that follow
// one another share the refresher of an issuer whose keys come from the same place
// in the same way.
type refresher struct {
	identity identity
	logger   *slog.Logger
	now      func() time.Time
	start    time.Time // what usage.last counts from
	source   source    // used by the fetch in flight alone once the goroutine runs
	cache    *cacheFile
	cfg      config.JWKS

	// current is the keys that are trusted now; nil: there never were any. It
	// is stored under mu and loaded without.
	current atomic.Pointer[keySet]

	poke     chan struct{} // holds one; wakes the goroutine to look at its schedule anew
	finished chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex // guards all that follows
	holders map[*Set]struct{}
	phase   phase
	cancel  context.CancelFunc

	schedule schedule
	held     validator
	begun    uint64        // fetches begun; a fetch's number is what begun was raised to
	answered uint64        // the number of the newest fetch that came back with an answer
	lastGood time.Time     // when that fetch began
	inFlight bool          // a fetch is
	done     chan struct{} // closed when the fetch in flight, or else the next, has been taken in
	tried    bool          // a fetch has come back, with whatever result
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
		poke: make(chan struct{}, 1), finished: make(chan struct{}),
		holders: make(map[*Set]struct{}), done: make(chan struct{}),
		unknown: newUnknownKIDs(),
	}
	r.schedule = schedule{refreshAt: now, budget: newBudget(cfg.UnknownKIDCooldown, now)}
	r.report.fetches = make(map[string]uint64)
	for _, result := range fetchResults() {
		r.report.fetches[result] = 0
	}
	return r
}

// retain makes a set a holder of the refresher, unless it was stopped already.
func (r *refresher) retain(s *Set) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase == stopped {
		return false
	}
	r.holders[s] = struct{}{}
	return true
}

// release ends a set's hold. The last one stops the refresher; wait then returns
// when its goroutine has ended.
func (r *refresher) release(s *Set) (wait func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.holders, s)
	if len(r.holders) > 0 || r.phase == stopped {
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

// run starts the goroutine if it is not running. A refresher of a file that runs
// already reads it again at once: who reloads the config wants that.
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

// wake makes the goroutine look at its schedule anew.
func (r *refresher) wake() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

// loop begins the fetches, takes in what they bring and notes what time changes,
// also while a fetch is in flight or the disk writes: an issuer that never answers,
// or a disk that hangs, must not keep trust from ending or new keys from coming.
func (r *refresher) loop(ctx context.Context) {
	defer close(r.finished)
	var flight sync.WaitGroup
	fetched := make(chan outcome, 1) // holds that of the fetch in flight, so that it never waits to hand it over
	disk := newCacheWriter(r.cache)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			r.mu.Lock()
			close(r.done) // nobody waits for a fetch that will never be taken in
			r.mu.Unlock()
			flight.Wait()
			disk.finish(r.noteCache)
			r.log()
			return
		case o := <-fetched:
			if ctx.Err() != nil {
				continue // stopped: what came back says nothing about the issuer
			}
			if r.settle(o); o.err == nil && r.cache != nil {
				disk.write(r.current.Load())
			}
		case err := <-disk.done:
			disk.settle()
			r.noteCache(err)
		case <-disk.late:
			r.noteCache(errDiskHangs)
		case <-timer.C:
		case <-r.poke:
		}
		if o, how, due := r.beginIfDue(); due {
			flight.Go(func() {
				o.answer, o.set, o.err = r.fetch(ctx, how)
				fetched <- o
			})
		}
		r.log()
		timer.Reset(r.untilEvent())
	}
}

// beginIfDue notes what time has changed, and that a fetch begins if one is due
// and none is in flight. Its outcome is to be completed and settled.
func (r *refresher) beginIfDue() (begun outcome, how ask, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.age(now)
	if r.inFlight || r.schedule.due(now).After(now) {
		return outcome{}, ask{}, false
	}
	how = ask{held: r.held, origin: r.schedule.wanted}
	if len(r.leaving()) > 0 {
		how.held, how.origin = validator{}, true
	}
	charged := r.schedule.begin(now)
	r.begun++
	r.inFlight = true
	return outcome{number: r.begun, began: now, charged: charged}, how, true
}

// fetch gets the key set and reads it; set is nil when the held one stands.
func (r *refresher) fetch(ctx context.Context, ask ask) (got answer, set *keySet, failed *fetchError) {
	defer func() {
		// One issuer's answer must not end the process, whatever it holds.
		if bug := recover(); bug != nil {
			got, set, failed = answer{}, nil, invalid("the answer could not be read: %T", bug)
		}
	}()
	got, err := r.source.fetch(ctx, ask)
	if err == nil && !got.notModified {
		set, err = parseKeySet(got.body, r.identity.Algorithms)
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

// untilEvent is how long the goroutine may sleep.
func (r *refresher) untilEvent() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	at := r.nextAge(now)
	if !r.inFlight { // else what is due waits for that fetch
		at = earlier(at, r.schedule.due(now))
	}
	return max(at.Sub(now), 0)
}

// untilFetch is how long it is to the next fetch; zero while one is in flight.
// The caller holds mu.
func (r *refresher) untilFetch(now time.Time) time.Duration {
	if r.inFlight {
		return 0
	}
	return max(r.schedule.due(now).Sub(now), 0)
}

// find looks a key up in the current set. It takes no lock and causes no
// fetch.
func (r *refresher) find(kid, alg string, now time.Time) (*key, keyError) {
	s := r.current.Load()
	if s == nil {
		return nil, keyError{kind: ErrKeysUnavailable, kid: kid}
	}
	if age := now.Sub(s.fetched); age > r.cfg.MaxStale {
		return nil, keyError{kind: ErrKeysStale, kid: kid, why: fmt.Sprintf("they are %s old", age.Round(time.Second))}
	}
	return s.find(kid, alg)
}

// verified counts a token; it takes no lock.
func (r *refresher) verified(kid string) {
	s := r.current.Load()
	if s == nil || len(s.byKID[kid]) == 0 {
		return
	}
	use := s.byKID[kid][0].usage
	use.tokens.Add(1)
	// The time is stored once in a while only: all cores share this word.
	now := int64(r.now().Sub(r.start)) + 1
	if last := use.last.Load(); last == 0 || now-last > int64(usageGrain) {
		use.last.Store(max(now, 1))
	}
}

// sinceUse is how long ago a key of this usage verified a token.
func (r *refresher) sinceUse(use *usage, now time.Time) time.Duration {
	last := use.last.Load()
	if last == 0 {
		return math.MaxInt64
	}
	return now.Sub(r.start) - time.Duration(last-1)
}
