package issuer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// Options configures a [Set] beyond the config of its issuers. The zero value is
// ready to use.
type Options struct {
	Logger *slog.Logger     // changes of state only, never a request; nil: nothing is logged
	Now    func() time.Time // nil: time.Now. With monotonic times, ages of keys are not affected by clock steps
	// Previous is the set that this one replaces, nil for the first. The new set
	// shares the running refresher of an issuer whose source and settings are the
	// same. If only the settings differ, it starts with that issuer's keys.
	Previous *Set
	// Dial connects to issuers or to their proxies; nil: net.Dialer. It is for
	// tests with an in-memory network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Sync flushes a file of cache_dir to the disk; nil: [os.File.Sync]. It is for
	// tests with a disk that hangs.
	Sync func(*os.File) error
}

// Set is the trusted issuers of one config. It is safe for concurrent use.
type Set struct {
	issuers []*Issuer // with distinct names
	close   func()

	mu      sync.Mutex // guards changed
	changed chan struct{}
}

// NewSet returns a set of the config's issuers. It reads key set files, CA files
// and cached keys, but opens no connection and starts no goroutine; [Set.Start]
// does. Its errors are [config.Mistakes]. The set must be closed, started or not.
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
		for _, m := range s.add(one, cfg.CacheDir, o) {
			path := strings.TrimSuffix(one.Path+"."+m.path, ".")
			mistakes = append(mistakes, cfg.Mistake(path, "%s", m.text))
		}
	}
	if len(mistakes) > 0 {
		s.Close()
		return nil, mistakes
	}
	return s, nil
}

// mistake is a mistake in an issuer's config that only this package can detect.
// text is lower case and has no full stop.
type mistake struct {
	path string // of the value, below the issuer; empty: the issuer itself
	text string
}

// add creates an issuer and its keys, or returns what is wrong with its config.
func (s *Set) add(cfg config.Issuer, cacheDir string, o Options) []mistake {
	if found := s.validate(cfg); len(found) > 0 {
		return found
	}
	id := identityOf(cfg, cacheDir)
	source, found := newSource(id, o)
	if found != nil {
		return []mistake{*found}
	}
	keys, found := s.refresherFor(id, source, o)
	if found != nil {
		return []mistake{*found}
	}
	i, err := newIssuer(cfg, keys)
	if err != nil {
		keys.release(s)()
		return []mistake{{"algorithms", err.Error()}}
	}
	s.issuers = append(s.issuers, i)
	return nil
}

// validate rejects a config that would accept tokens it must not, or loop
// without pause. It does not rely on the checks of package config.
func (s *Set) validate(cfg config.Issuer) []mistake {
	var found []mistake
	report := func(path, format string, args ...any) {
		found = append(found, mistake{path, fmt.Sprintf(format, args...)})
	}
	if slices.ContainsFunc(s.issuers, func(i *Issuer) bool { return i.Name() == cfg.Name }) {
		report("", "another issuer already has the name %q", cfg.Name)
	}
	if len(cfg.ISS) == 0 {
		report("", "the issuer has no iss value")
	}
	if slices.Contains(cfg.ISS, "") {
		report("", "an iss value is empty")
	}
	if len(cfg.Algorithms) == 0 {
		report("algorithms", "the list is empty, so no token could be verified")
	}
	for _, alg := range cfg.Algorithms {
		if !slices.Contains(config.Algorithms(), alg) {
			report("algorithms", "%q is not a supported signature algorithm", alg)
		}
	}
	if cfg.JWKS.MaxKeys <= 0 {
		report("jwks.max_keys", "%d is not greater than zero", cfg.JWKS.MaxKeys)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"refresh_interval", cfg.JWKS.RefreshInterval}, {"unknown_kid_cooldown", cfg.JWKS.UnknownKIDCooldown},
		{"max_stale", cfg.JWKS.MaxStale}, {"request_timeout", cfg.JWKS.RequestTimeout},
	} {
		if d.value <= 0 {
			report("jwks."+d.name, "%s is not greater than zero", d.value)
		}
	}
	return found
}

func identityOf(cfg config.Issuer, cacheDir string) identity {
	o := origin{Name: cfg.Name, ISS: cfg.ISS, URI: cfg.JWKS.URI}
	switch {
	case cfg.JWKS.File != "":
		o.URI = "file:" + cfg.JWKS.File
		cacheDir = "" // a restart reads the file again
	case o.URI == "":
		o.URI = discoveryURI(cfg.ISS[0])
	}
	return identity{
		origin: o, Algorithms: cfg.Algorithms, KeyIssuers: keyIssuers(cfg), AllowHTTP: cfg.AllowHTTP, JWKS: cfg.JWKS, CacheDir: cacheDir,
	}
}

// keyIssuers returns the issuers of keys that may verify tokens of the issuer. A key of
// Microsoft Entra says whose it is: of all tenants, or of one, such as the tenant of all
// personal accounts. The key of one tenant must not verify tokens of another.
func keyIssuers(cfg config.Issuer) []string {
	if cfg.AnyTenant {
		return []string{}
	}
	switch tenants := slices.Compact(slices.Sorted(maps.Values(cfg.Tenants))); len(tenants) {
	case 0:
		return nil
	case 1:
		return cfg.ISS
	}
	return []string{}
}

func newSource(id identity, o Options) (source, *mistake) {
	if id.JWKS.File != "" {
		return file{name: id.JWKS.File}, nil
	}
	if err := checkURL(id.URI, id.AllowHTTP); err != nil {
		path := "jwks.uri"
		if id.JWKS.URI == "" {
			path = "issuer"
		}
		return nil, &mistake{path, err.Error()}
	}
	for _, uri := range id.JWKS.Fallbacks {
		if err := checkURL(uri, id.AllowHTTP); err != nil {
			return nil, &mistake{"jwks", fmt.Sprintf("fallback %s: %s", redact(uri), err)}
		}
	}
	client, found := newClient(id.JWKS, o.Dial)
	if found != nil {
		return nil, found
	}
	r := &remote{client: client, bearer: newBearer(id.JWKS, id.URI), timeout: id.JWKS.RequestTimeout, now: o.Now, uri: id.JWKS.URI,
		fallbacks: id.JWKS.Fallbacks}
	if r.uri == "" {
		r.discovery = &discovery{uri: id.URI, issuers: id.ISS, allowHTTP: id.AllowHTTP, keep: id.JWKS.MaxStale}
	}
	return r, nil
}

// refresherFor shares the refresher of the previous set, or creates one and gives
// it the keys of the previous set or of cache_dir.
func (s *Set) refresherFor(id identity, source source, o Options) (*refresher, *mistake) {
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
			if keys, err := id.parser().again(marshalKeys(kept), kept.rest != nil || kept.partial, kept.algorithms); err == nil {
				keys.fetched, keys.fallback = kept.fetched, kept.fallback
				r.restore(keys, "the config before")
				return r, nil
			}
		}
	}
	if r.cache != nil {
		keys, err := r.cache.read(o.Now(), id.JWKS.MaxStale, id.parser())
		switch {
		case err == nil:
			r.restore(keys, "cache_dir")
		case !errors.Is(err, errNoCache):
			r.logger.Warn("the keys in cache_dir were not used", "error", err)
		}
	}
	return r, nil
}

// readFile reads a key set file when the set is built, so that NewSet rejects a
// config with an invalid one.
func (r *refresher) readFile() *mistake {
	began := r.now()
	_, set, err := r.fetch(context.Background(), ask{})
	if err != nil {
		return &mistake{"jwks.file", fmt.Sprintf("the key set cannot be used: %s", err)}
	}
	set.fetched = began
	defer r.log()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.publish(set, began, began)
	return nil
}

// refresherOf returns the refresher of the issuer with the same origin, or nil.
// Keys that may have come over plain http are not passed to an issuer that
// forbids plain http.
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

// Start starts the background fetches of all issuers that do not run yet. It does
// not wait for them.
func (s *Set) Start() {
	for _, i := range s.issuers {
		i.keys.run()
	}
}

// Close stops the issuers that no other set shares, and waits for their
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

// All returns the issuers in the order of the config. The caller may modify the
// slice.
func (s *Set) All() []*Issuer { return slices.Clone(s.issuers) }
