package issuer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/MicahParks/jwkset"
)

// errNoCache means that no keys of this issuer were ever written.
var errNoCache = errors.New("the cache file does not exist")

// cacheFile stores one issuer's keys across restarts. Successive refreshers share
// it.
type cacheFile struct {
	name   string
	origin origin
	sync   func(*os.File) error

	lock   chan struct{} // capacity 1; full while the file is being written
	latest time.Time     // when the keys that were written last were fetched; guarded by lock
}

// cached is the content of a cache file.
type cached struct {
	Version int `json:"version"`
	origin
	Fetched time.Time `json:"fetched"`
	// Algorithms are the issuer's. With others, keys that are not in the file might fit.
	Algorithms []string           `json:"algorithms"`
	Partial    bool               `json:"partial,omitempty"`  // the document had more keys
	Fallback   bool               `json:"fallback,omitempty"` // all keys are from a fallback
	Keys       jwkset.JWKSMarshal `json:"key_set"`
}

const cacheVersion = 1

// newCacheFile returns nil if dir is empty.
func newCacheFile(dir string, o origin, sync func(*os.File) error) *cacheFile {
	if dir == "" {
		return nil
	}
	readable := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, o.Name)
	hash := sha256.Sum256([]byte(strings.Join(append([]string{o.Name, o.URI}, o.ISS...), "\n")))
	name := fmt.Sprintf("keys-%.40s-%s.json", readable, hex.EncodeToString(hash[:8]))
	return &cacheFile{name: filepath.Join(dir, name), origin: o, sync: sync, lock: make(chan struct{}, 1)}
}

// marshalKeys returns the public members of the keys that are neither leaving nor borrowed.
func marshalKeys(s *keySet) jwkset.JWKSMarshal {
	var keys jwkset.JWKSMarshal
	for _, k := range s.keys {
		if _, leaving := s.leaving[k.kid]; !leaving && !s.borrowed[k.kid] {
			keys.Keys = append(keys.Keys, k.jwk.Marshal())
		}
	}
	return keys
}

// write replaces the file atomically. It leaves out keys that the issuer no longer
// publishes, and does nothing if the file already has keys that were fetched later.
func (c *cacheFile) write(s *keySet) error {
	c.lock <- struct{}{}
	defer func() { <-c.lock }()
	if s.fetched.Before(c.latest) {
		return nil
	}
	text, err := json.Marshal(cached{
		Version: cacheVersion, origin: c.origin, Fetched: s.fetched.UTC(),
		Algorithms: s.algorithms, Partial: s.rest != nil || s.partial, Fallback: s.fallback, Keys: marshalKeys(s),
	})
	if err != nil {
		return fmt.Errorf("encode the keys: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(c.name), 0o700); err != nil {
		return err
	}
	// CreateTemp creates the file with mode 0600.
	temporary, err := os.CreateTemp(filepath.Dir(c.name), ".keys-*.tmp")
	if err != nil {
		return err
	}
	_, err = temporary.Write(text)
	if err == nil {
		err = c.sync(temporary)
	}
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temporary.Name(), c.name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	c.latest = s.fetched
	return nil
}

// read returns the stored keys, if no other user can have written them, they
// belong to this issuer, and they are within maxStale. It uses the wall clock,
// since a monotonic clock does not survive a restart.
func (c *cacheFile) read(now time.Time, maxStale time.Duration, parse parser) (*keySet, error) {
	text, err := c.readOwn()
	if err != nil {
		return nil, err
	}
	var stored cached
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", c.name, plainJSONError(err))
	}
	if stored.Version != cacheVersion || !reflect.DeepEqual(stored.origin, c.origin) {
		return nil, fmt.Errorf("%s is from another issuer, or has another version", c.name)
	}
	age := now.Round(0).Sub(stored.Fetched)
	if age > maxStale || age < -maxStale {
		return nil, fmt.Errorf("%s is %s old by the clock; max_stale is %s", c.name, age.Round(time.Second), maxStale)
	}
	s, err := parse.again(stored.Keys, stored.Partial, stored.Algorithms)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	s.fetched, s.fallback = now.Add(-max(age, 0)), stored.Fallback
	return s, nil
}

// again applies the checks of fetched keys to stored keys. partial and algorithms are those
// of the set that they were in: with other algorithms, keys that it did not have might fit.
func (p parser) again(keys jwkset.JWKSMarshal, partial bool, algorithms []string) (*keySet, error) {
	text, err := json.Marshal(keys)
	if err != nil {
		return nil, fmt.Errorf("encode the keys: %w", err)
	}
	s, err := p.parse(text)
	if err != nil {
		return nil, err
	}
	s.partial = partial || !slices.Equal(algorithms, p.algorithms)
	return s, nil
}

// readOwn reads the file if it is a regular file that this user owns and no other
// user can write. It checks the opened file, not its name.
func (c *cacheFile) readOwn() ([]byte, error) {
	opened, err := os.OpenFile(c.name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoCache
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }()
	info, err := opened.Stat()
	if err != nil {
		return nil, err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", c.name)
	case !ok || int(owner.Uid) != os.Geteuid():
		return nil, fmt.Errorf("%s belongs to another user", c.name)
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("%s is writable by other users (mode %04o)", c.name, info.Mode().Perm())
	}
	text, err := readBounded(opened)
	if errors.Is(err, errTooLong) {
		return nil, fmt.Errorf("%s has more than %d bytes", c.name, maxBody)
	}
	return text, err
}
