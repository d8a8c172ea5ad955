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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/MicahParks/jwkset"
)

// errNoCache: nothing was ever written for this issuer.
var errNoCache = errors.New("there is no cache file")

// cacheFile keeps one issuer's keys across restarts. Refreshers that follow one
// another share it.
type cacheFile struct {
	name   string
	origin origin
	sync   func(*os.File) error

	turn   chan struct{} // holds one while the file is written
	latest time.Time     // when the keys were fetched that were written last; of whose turn it is
}

// cached is what stands in a cache file.
type cached struct {
	Version int `json:"version"`
	origin
	Fetched time.Time          `json:"fetched"`
	Keys    jwkset.JWKSMarshal `json:"key_set"`
}

const cacheVersion = 1

// newCacheFile returns nil without a directory.
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
	return &cacheFile{name: filepath.Join(dir, name), origin: o, sync: sync, turn: make(chan struct{}, 1)}
}

// marshalKeys renders the public members of the keys that stay.
func marshalKeys(s *keySet) jwkset.JWKSMarshal {
	var keys jwkset.JWKSMarshal
	for _, k := range s.keys {
		if _, leaving := s.leaving[k.kid]; !leaving {
			keys.Keys = append(keys.Keys, k.jwk.Marshal())
		}
	}
	return keys
}

// write replaces the file in one step: a reader, or a crash, meets the old
// content or the new one. A key that the issuer no longer names is not kept, and
// keys that were fetched before those that are there replace nothing.
func (c *cacheFile) write(s *keySet) error {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if s.fetched.Before(c.latest) {
		return nil
	}
	text, err := json.Marshal(cached{Version: cacheVersion, origin: c.origin, Fetched: s.fetched.UTC(), Keys: marshalKeys(s)})
	if err != nil {
		return fmt.Errorf("encode the keys: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(c.name), 0o700); err != nil {
		return err
	}
	// CreateTemp makes the file 0600.
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

// read returns the keys as they were kept, if nobody else can have written
// them, and they are this issuer's and within maxStale by the wall clock: no
// other clock outlives a restart.
func (c *cacheFile) read(now time.Time, maxStale time.Duration, algorithms []string) (*keySet, error) {
	text, err := c.readOwn()
	if err != nil {
		return nil, err
	}
	var kept cached
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", c.name, plainJSONError(err))
	}
	if kept.Version != cacheVersion || kept.Name != c.origin.Name || kept.URI != c.origin.URI || !slices.Equal(kept.ISS, c.origin.ISS) {
		return nil, fmt.Errorf("%s holds the keys of another issuer, or of another version", c.name)
	}
	age := now.Round(0).Sub(kept.Fetched)
	if age > maxStale || age < -maxStale {
		return nil, fmt.Errorf("%s is %s old by the clock, max_stale is %s", c.name, age.Round(time.Second), maxStale)
	}
	s, err := reparse(kept.Keys, algorithms)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	s.fetched = now.Add(-max(age, 0))
	return s, nil
}

// reparse holds keys that were kept to the same checks as fetched ones.
func reparse(keys jwkset.JWKSMarshal, algorithms []string) (*keySet, error) {
	text, err := json.Marshal(keys)
	if err != nil {
		return nil, fmt.Errorf("encode the keys: %w", err)
	}
	return parseKeySet(text, algorithms)
}

// readOwn reads the file if it is a regular file of ours that only we can
// write. The checks are made on the opened file, not on its name.
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
		return nil, fmt.Errorf("%s is no regular file", c.name)
	case !ok || int(owner.Uid) != os.Geteuid():
		return nil, fmt.Errorf("%s belongs to another user", c.name)
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("%s can be written by others (mode %04o)", c.name, info.Mode().Perm())
	}
	text, err := readBounded(opened)
	if errors.Is(err, errTooLong) {
		return nil, fmt.Errorf("%s has more than %d bytes", c.name, maxBody)
	}
	return text, err
}
