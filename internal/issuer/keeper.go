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

// identity is all that decides which keys a keeper holds and how it gets them:
// two sets share a keeper if it is the same.
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

// keeper keeps the keys of one issuer: one goroutine that decides, a second one
// for as long as a fetch takes, and readers that load a pointer. Sets that follow
// one another share the keeper of an issuer whose keys come from the same place
// in the same way.
type keeper struct {
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

func newKeeper(id identity, source source, opt Options) *keeper {
	now, cfg := opt.Now(), id.JWKS
	k := &keeper{
		identity: id, logger: opt.Logger.With("issuer", id.Name), now: opt.Now, start: now,
		source: source, cache: newCacheFile(id.CacheDir, id.origin, opt.Sync), cfg: cfg,
		poke: make(chan struct{}, 1), finished: make(chan struct{}),
		holders: make(map[*Set]struct{}), done: make(chan struct{}),
		unknown: newUnknownKIDs(),
	}
	k.schedule = schedule{refreshAt: now, budget: newBudget(cfg.UnknownKIDCooldown, now)}
	k.report.fetches = make(map[string]uint64)
	for _, result := range fetchResults() {
		k.report.fetches[result] = 0
	}
	return k
}

// retain makes a set a holder of the keeper, unless it was stopped already.
func (k *keeper) retain(s *Set) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.phase == stopped {
		return false
	}
	k.holders[s] = struct{}{}
	return true
}

// release ends a set's hold. The last one stops the keeper; wait then returns
// when its goroutine has ended.
func (k *keeper) release(s *Set) (wait func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.holders, s)
	if len(k.holders) > 0 || k.phase == stopped {
		return func() {}
	}
	was := k.phase
	k.phase = stopped
	if was == idle {
		return func() {}
	}
	k.cancel()
	return func() { <-k.finished }
}

// run starts the goroutine if it is not running. A keeper of a file that runs
// already reads it again at once: who reloads the config wants that.
func (k *keeper) run() {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch k.phase {
	case idle:
		k.phase = running
		ctx, cancel := context.WithCancel(context.Background())
		k.cancel = cancel
		go k.loop(ctx)
	case running:
		if k.cfg.File != "" {
			k.schedule.refreshAt = k.now()
			k.wake()
		}
	case stopped:
	}
}

// wake makes the goroutine look at its schedule anew.
func (k *keeper) wake() {
	select {
	case k.poke <- struct{}{}:
	default:
	}
}

// loop begins the fetches, takes in what they bring and notes what time changes,
// also while a fetch is in flight or the disk writes: an issuer that never answers,
// or a disk that hangs, must not keep trust from ending or new keys from coming.
func (k *keeper) loop(ctx context.Context) {
	defer close(k.finished)
	var flight sync.WaitGroup
	fetched := make(chan outcome, 1) // holds that of the fetch in flight, so that it never waits to hand it over
	disk := newCacheWriter(k.cache)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			k.mu.Lock()
			close(k.done) // nobody waits for a fetch that will never be taken in
			k.mu.Unlock()
			flight.Wait()
			disk.finish(k.noteCache)
			k.log()
			return
		case o := <-fetched:
			if ctx.Err() != nil {
				continue // stopped: what came back says nothing about the issuer
			}
			if k.settle(o); o.err == nil && k.cache != nil {
				disk.write(k.current.Load())
			}
		case err := <-disk.done:
			disk.settle()
			k.noteCache(err)
		case <-disk.late:
			k.noteCache(errDiskHangs)
		case <-timer.C:
		case <-k.poke:
		}
		if o, how, due := k.beginIfDue(); due {
			flight.Go(func() {
				o.answer, o.set, o.err = k.fetch(ctx, how)
				fetched <- o
			})
		}
		k.log()
		timer.Reset(k.untilEvent())
	}
}

// beginIfDue notes what time has changed, and that a fetch begins if one is due
// and none is in flight. Its outcome is to be completed and settled.
func (k *keeper) beginIfDue() (begun outcome, how ask, due bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	k.age(now)
	if k.inFlight || k.schedule.due(now).After(now) {
		return outcome{}, ask{}, false
	}
	how = ask{held: k.held, origin: k.schedule.wanted}
	if len(k.leaving()) > 0 {
		how.held, how.origin = validator{}, true
	}
	charged := k.schedule.begin(now)
	k.begun++
	k.inFlight = true
	return outcome{number: k.begun, began: now, charged: charged}, how, true
}

// fetch gets the key set and reads it; set is nil when the held one stands.
func (k *keeper) fetch(ctx context.Context, ask ask) (got answer, set *keySet, failed *fetchError) {
	defer func() {
		// One issuer's answer must not end the process, whatever it holds.
		if bug := recover(); bug != nil {
			got, set, failed = answer{}, nil, invalid("the answer could not be read: %T", bug)
		}
	}()
	got, err := k.source.fetch(ctx, ask)
	if err == nil && !got.notModified {
		set, err = parseKeySet(got.body, k.identity.Algorithms)
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
func (k *keeper) untilEvent() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	at := k.nextAge(now)
	if !k.inFlight { // else what is due waits for that fetch
		at = earlier(at, k.schedule.due(now))
	}
	return max(at.Sub(now), 0)
}

// untilFetch is how long it is to the next fetch; zero while one is in flight.
func (k *keeper) untilFetch() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.inFlight {
		return 0
	}
	now := k.now()
	return max(k.schedule.due(now).Sub(now), 0)
}

// find looks a key up in the current set. It takes no lock and causes no
// fetch.
func (k *keeper) find(kid, alg string) (*key, error) {
	s := k.current.Load()
	if s == nil {
		return nil, &keyError{kind: ErrKeysUnavailable, kid: kid}
	}
	if age := k.now().Sub(s.fetched); age > k.cfg.MaxStale {
		return nil, &keyError{ErrKeysStale, kid, fmt.Sprintf("they are %s old", age.Round(time.Second))}
	}
	return s.find(kid, alg)
}

// verified counts a token; it takes no lock.
func (k *keeper) verified(kid string) {
	s := k.current.Load()
	if s == nil || len(s.byKID[kid]) == 0 {
		return
	}
	use := s.byKID[kid][0].usage
	use.tokens.Add(1)
	// The time is stored once in a while only: all cores share this word.
	now := int64(k.now().Sub(k.start)) + 1
	if last := use.last.Load(); last == 0 || now-last > int64(usageGrain) {
		use.last.Store(max(now, 1))
	}
}

// sinceUse is how long ago a key of this usage verified a token.
func (k *keeper) sinceUse(use *usage, now time.Time) time.Duration {
	last := use.last.Load()
	if last == 0 {
		return math.MaxInt64
	}
	return now.Sub(k.start) - time.Duration(last-1)
}
