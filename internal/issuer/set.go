package issuer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// Options are the parts of a [Set] that do not come from the config of its
// issuers. The zero value serves.
type Options struct {
	Logger *slog.Logger     // changes of state only, never a request; nil: nothing is logged
	Now    func() time.Time // nil: time.Now. In-process ages survive clock steps if its times are monotonic
	// Previous is the set that this one follows, nil for the first. An issuer
	// whose keys come from the same place in the same way is taken over,
	// running; one whose fetching is tuned otherwise begins with its keys.
	Previous *Set
	// Dial makes the connections to issuers, or to their proxies; nil: the
	// network's. It is for tests with a network of their own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Sync has the disk take a file of cache_dir; nil: [os.File.Sync]. It is for
	// tests with a disk that hangs.
	Sync func(*os.File) error
}

// Set is the trusted issuers of one config. All methods may be called from
// any goroutine.
type Set struct {
	issuers []*Issuer // each with a name of its own
	close   func()

	mu      sync.Mutex // guards changed
	changed chan struct{}
}

// NewSet makes a set of the config's issuers. It reads key set and CA files and
// cached keys, but makes no connection and starts no goroutine; that is
// [Set.Start]'s. Errors are [config.Mistakes]. A set that was made must be
// closed, started or not.
func NewSet(cfg *config.Config, o Options) (*Set, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Sync == nil {
		o.Sync = (*os.File).Sync
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Set{changed: make(chan struct{})}
	s.close = sync.OnceFunc(s.release)
	var mistakes config.Mistakes
	for _, one := range cfg.Issuers {
		for _, wrong := range s.add(one, cfg.CacheDir, o) {
			path := strings.TrimSuffix(one.Path+"."+wrong.path, ".")
			mistakes = append(mistakes, cfg.Mistake(path, "%s", wrong.text))
		}
	}
	if len(mistakes) > 0 {
		s.Close()
		return nil, mistakes
	}
	return s, nil
}

// wrong is one thing wrong with an issuer's config that only this package can
// see. text is lower case and has no full stop.
type wrong struct {
	path string // of the value, below the issuer; empty: the issuer itself
	text string
}

// add makes an issuer and its keys, or says why not.
func (s *Set) add(cfg config.Issuer, cacheDir string, o Options) []wrong {
	if found := s.check(cfg); len(found) > 0 {
		return found
	}
	id := identityOf(cfg, cacheDir)
	source, found := newSource(id, o)
	if found != nil {
		return []wrong{*found}
	}
	keys, found := s.refresherFor(id, source, o)
	if found != nil {
		return []wrong{*found}
	}
	i, err := newIssuer(cfg, keys)
	if err != nil {
		keys.release(s)()
		return []wrong{{"algorithms", err.Error()}}
	}
	s.issuers = append(s.issuers, i)
	return nil
}

// check refuses what would open the gate or never end: no part of it trusts
// another package to have looked.
func (s *Set) check(cfg config.Issuer) []wrong {
	var found []wrong
	complain := func(path, format string, args ...any) {
		found = append(found, wrong{path, fmt.Sprintf(format, args...)})
	}
	if slices.ContainsFunc(s.issuers, func(i *Issuer) bool { return i.Name() == cfg.Name }) {
		complain("", "another issuer has the name %q already", cfg.Name)
	}
	if len(cfg.ISS) == 0 {
		complain("", "the issuer signs as no iss value")
	}
	if slices.Contains(cfg.ISS, "") {
		complain("", "an iss value is empty")
	}
	if len(cfg.Algorithms) == 0 {
		complain("algorithms", "the list is empty, so no token could be verified")
	}
	for _, alg := range cfg.Algorithms {
		if !knownAlg(alg) {
			complain("algorithms", "%q is no signature algorithm that is known here", alg)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"refresh_interval", cfg.JWKS.RefreshInterval}, {"unknown_kid_cooldown", cfg.JWKS.UnknownKIDCooldown},
		{"max_stale", cfg.JWKS.MaxStale}, {"request_timeout", cfg.JWKS.RequestTimeout},
	} {
		if d.value <= 0 {
			complain("jwks."+d.name, "%s is not more than zero", d.value)
		}
	}
	return found
}

func identityOf(cfg config.Issuer, cacheDir string) identity {
	o := origin{Name: cfg.Name, ISS: cfg.ISS, URI: cfg.JWKS.URI}
	switch {
	case cfg.JWKS.File != "":
		o.URI = "file:" + cfg.JWKS.File
		cacheDir = "" // the file is there after a restart anyway
	case o.URI == "":
		o.URI = discoveryURI(cfg.ISS[0])
	}
	return identity{origin: o, Algorithms: cfg.Algorithms, AllowHTTP: cfg.AllowHTTP, JWKS: cfg.JWKS, CacheDir: cacheDir}
}

func newSource(id identity, o Options) (source, *wrong) {
	if id.JWKS.File != "" {
		return file{name: id.JWKS.File}, nil
	}
	if err := checkURL(id.URI, id.AllowHTTP); err != nil {
		path := "jwks.uri"
		if id.JWKS.URI == "" {
			path = "issuer"
		}
		return nil, &wrong{path, err.Error()}
	}
	client, found := newClient(id.JWKS, o.Dial)
	if found != nil {
		return nil, found
	}
	r := &remote{client: client, timeout: id.JWKS.RequestTimeout, now: o.Now, uri: id.JWKS.URI}
	if r.uri == "" {
		r.discovery = &discovery{uri: id.URI, issuers: id.ISS, allowHTTP: id.AllowHTTP, keep: id.JWKS.MaxStale}
	}
	return r, nil
}

// refresherFor takes the issuer's refresher over from the previous set, or makes a
// new one with what keys there are already.
func (s *Set) refresherFor(id identity, source source, o Options) (*refresher, *wrong) {
	before := o.Previous.refresherOf(id)
	if before != nil && reflect.DeepEqual(before.identity, id) && before.retain(s) {
		return before, nil
	}
	r := newRefresher(id, source, o)
	if before != nil && before.cache != nil && r.cache != nil && before.cache.name == r.cache.name {
		r.cache = before.cache // which may still be writing
	}
	r.retain(s)
	if id.JWKS.File != "" {
		return r, r.readFile()
	}
	if before != nil {
		if kept := before.current.Load(); kept != nil {
			if keys, err := reparse(marshalKeys(kept), id.Algorithms); err == nil {
				keys.fetched = kept.fetched
				r.restore(keys, "the config before")
				return r, nil
			}
		}
	}
	if r.cache != nil {
		keys, err := r.cache.read(o.Now(), id.JWKS.MaxStale, id.Algorithms)
		if err != nil {
			r.refuseCache(err)
			return r, nil
		}
		r.restore(keys, "cache_dir")
	}
	return r, nil
}

// readFile reads a key set file before anything runs, so that a config with a
// bad one is refused as a whole.
func (r *refresher) readFile() *wrong {
	began := r.now()
	_, set, err := r.fetch(context.Background(), ask{})
	if err != nil {
		return &wrong{"jwks.file", fmt.Sprintf("the key set cannot be used: %s", err)}
	}
	set.fetched = began
	defer r.log()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.publish(set, began)
	return nil
}

// refresherOf returns the refresher of the issuer with the same origin, nil without
// one. Keys that may have come over plain http are not handed on to an issuer
// that forbids it.
func (s *Set) refresherOf(id identity) *refresher {
	if s == nil {
		return nil
	}
	for _, i := range s.issuers {
		if before := i.keys.identity; reflect.DeepEqual(before.origin, id.origin) && (id.AllowHTTP || !before.AllowHTTP) {
			return i.keys
		}
	}
	return nil
}

// Start begins to fetch, in the background and all issuers at once, for those
// issuers that do not run yet. It returns at once.
func (s *Set) Start() {
	for _, i := range s.issuers {
		i.keys.run()
	}
}

// Close ends the issuers that no other set holds, and waits for their
// goroutines. It may be called more than once.
func (s *Set) Close() { s.close() }

func (s *Set) release() {
	waits := make([]func(), 0, len(s.issuers))
	for _, i := range s.issuers {
		waits = append(waits, i.keys.release(s))
	}
	for _, wait := range waits {
		wait()
	}
}

// All returns the issuers in the order of the config. The slice is the
// caller's.
func (s *Set) All() []*Issuer { return append([]*Issuer(nil), s.issuers...) }
