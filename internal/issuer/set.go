package issuer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"reflect"
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
	// CacheDir is where last-good keys outlive a restart; empty: nowhere.
	CacheDir string
	// Previous is the set that this one follows, nil for the first. An issuer
	// whose keys come from the same place in the same way is taken over,
	// running; one whose fetching is tuned otherwise begins with its keys.
	Previous *Set
	// Dial makes the connections to issuers, or to their proxies; nil: the
	// network's. It is for tests with a network of their own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Sync has the disk take a file of CacheDir; nil: [os.File.Sync]. It is for
	// tests with a disk that hangs.
	Sync func(*os.File) error
}

// Mistake is one thing wrong with an issuer's config that only this package
// can see. Text is lower case and has no full stop.
type Mistake struct {
	Path string // the config value, such as `issuers.cruddur.jwks.file`
	Text string // what is wrong
}

// Error renders the path and the text.
func (m Mistake) Error() string { return m.Path + ": " + m.Text }

// Mistakes is everything wrong with the issuers of a config.
type Mistakes []Mistake

// Error renders one mistake a line.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, one := range m {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Set is the trusted issuers of one config. All methods may be called from
// any goroutine.
type Set struct {
	issuers []*Issuer
	byISS   map[string]*Issuer // :: exact iss value -> who signs as it
	close   func()

	mu      sync.Mutex // guards changed
	changed chan struct{}
}

// NewSet makes a set. It reads key set and CA files and cached keys, but
// makes no connection and starts no goroutine; that is [Set.Start]'s. Errors
// are [Mistakes]. A set that was made must be closed, started or not.
func NewSet(issuers []config.Issuer, o Options) (*Set, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Sync == nil {
		o.Sync = (*os.File).Sync
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Set{byISS: make(map[string]*Issuer), changed: make(chan struct{})}
	s.close = sync.OnceFunc(s.release)
	var mistakes Mistakes
	for _, cfg := range issuers {
		if found := s.add(cfg, o); len(found) > 0 {
			mistakes = append(mistakes, found...)
		}
	}
	if len(mistakes) > 0 {
		s.Close()
		return nil, mistakes
	}
	return s, nil
}

func (s *Set) add(cfg config.Issuer, o Options) Mistakes {
	mistakes := s.check(cfg)
	if len(mistakes) > 0 {
		return mistakes
	}
	id := identityOf(cfg, o.CacheDir)
	source, mistake := newSource(id, o)
	if mistake != nil {
		mistake.Path = cfg.Path + "." + mistake.Path
		return Mistakes{*mistake}
	}
	keys, mistake := s.refresherFor(id, source, o)
	if mistake != nil {
		mistake.Path = cfg.Path + "." + mistake.Path
		return Mistakes{*mistake}
	}
	i, err := newIssuer(cfg, keys)
	if err != nil {
		keys.release(s)()
		return Mistakes{{Path: cfg.Path + ".algorithms", Text: err.Error()}}
	}
	s.issuers = append(s.issuers, i)
	for _, iss := range cfg.ISS {
		s.byISS[iss] = i
	}
	return nil
}

// check refuses what would open the gate or never end: no part of it trusts
// another package to have looked.
func (s *Set) check(cfg config.Issuer) Mistakes {
	var mistakes Mistakes
	complain := func(path, format string, args ...any) {
		mistakes = append(mistakes, Mistake{Path: strings.TrimSuffix(cfg.Path+"."+path, "."), Text: fmt.Sprintf(format, args...)})
	}
	if len(cfg.ISS) == 0 {
		complain("", "the issuer signs as no iss value")
	}
	for _, iss := range cfg.ISS {
		if iss == "" {
			complain("", "an iss value is empty")
		}
		if other, taken := s.byISS[iss]; taken {
			complain("", "the iss value %q is the issuer %q's already", iss, other.Name())
		}
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
	return mistakes
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

func newSource(id identity, o Options) (source, *Mistake) {
	if id.JWKS.File != "" {
		return file{name: id.JWKS.File}, nil
	}
	if err := checkURL(id.URI, id.AllowHTTP); err != nil {
		path := "jwks.uri"
		if id.JWKS.URI == "" {
			path = "issuer"
		}
		return nil, &Mistake{Path: path, Text: err.Error()}
	}
	client, mistake := newClient(id.JWKS, o.Dial)
	if mistake != nil {
		return nil, mistake
	}
	r := &remote{client: client, timeout: id.JWKS.RequestTimeout, now: o.Now, uri: id.JWKS.URI}
	if r.uri == "" {
		r.discovery = &discovery{uri: id.URI, issuers: id.ISS, allowHTTP: id.AllowHTTP, keep: id.JWKS.MaxStale}
	}
	return r, nil
}

// refresherFor takes the issuer's refresher over from the previous set, or makes a
// new one with what keys there are already.
func (s *Set) refresherFor(id identity, source source, o Options) (*refresher, *Mistake) {
	before := o.Previous.refresherOf(id)
	if before != nil && reflect.DeepEqual(before.identity, id) && before.retain(s) {
		return before, nil
	}
	k := newRefresher(id, source, o)
	if before != nil && before.cache != nil && k.cache != nil && before.cache.name == k.cache.name {
		k.cache = before.cache // which may still be writing
	}
	k.retain(s)
	if id.JWKS.File != "" {
		return k, k.readFile()
	}
	if before != nil {
		if kept := before.current.Load(); kept != nil {
			if keys, err := reparse(marshalKeys(kept), id.Algorithms); err == nil {
				keys.fetched = kept.fetched
				k.restore(keys, "the config before")
				return k, nil
			}
		}
	}
	if k.cache != nil {
		keys, err := k.cache.read(o.Now(), id.JWKS.MaxStale, id.Algorithms)
		if err != nil {
			k.refuseCache(err)
			return k, nil
		}
		k.restore(keys, "cache_dir")
	}
	return k, nil
}

// readFile reads a key set file before anything runs, so that a config with a
// bad one is refused as a whole.
func (r *refresher) readFile() *Mistake {
	began := r.now()
	_, set, err := r.fetch(context.Background(), ask{})
	if err != nil {
		return &Mistake{Path: "jwks.file", Text: fmt.Sprintf("the key set cannot be used: %s", err)}
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

// Lookup returns the issuer that signs as exactly this iss.
func (s *Set) Lookup(iss string) (*Issuer, bool) {
	i, ok := s.byISS[iss]
	return i, ok
}

// All returns the issuers in the order of the config. The slice is the
// caller's.
func (s *Set) All() []*Issuer { return append([]*Issuer(nil), s.issuers...) }
