package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// maxBytes bounds a configuration file, so that a wrong path (a log, a disk
// image) ends in a mistake and not in exhausted memory.
const maxBytes = 1 << 20

// mostReads is how often files that change while they are read are read again.
const maxReads = 5

// Load reads the configuration file named file, and the files that it includes,
// all as they were at one moment: a swap in the middle must not make a
// configuration out of an old and a new half, which nobody wrote. Variables in its
// values are expanded by getenv, which is os.LookupEnv in a running program; nil
// knows no variable.
//
// Everything that is wrong with the file comes back at once, as [Mistakes] in
// the order of their places. Beside them stands the configuration as far as it
// could be read, so that the caller can look for mistakes that only another
// package sees; it must not be served. It is nil when the file holds no YAML
// mapping at all. A file that cannot be read is another error, and no Mistakes; an
// included one that cannot is a mistake.
func Load(file string, getenv func(string) (string, bool)) (*Config, error) {
	for range maxReads {
		data, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the config: %w", err)
		}
		l := newLoader(file, getenv)
		c, err := l.parse(data)
		if c == nil || len(c.include) == 0 || l.unchanged(c.include, data) {
			return c, err
		}
	}
	return nil, errors.New("reading the config: its files change all the time while they are read; " +
		"put them in place together, and have them read again")
}

// unchanged reports whether the files are still those that were read, and so
// were there together: each is read a second time after all were read once, and
// at the moment between the two rounds every one of them was what it was read as.
// A main file that is no regular one, such as a pipe, cannot be read again and is
// taken for the same.
func (l *loader) unchanged(included []include, main []byte) bool {
	again := reads{}
	for _, one := range included {
		names, _ := filepath.Glob(one.pattern)
		for _, name := range names {
			if !sameFile(name, l.source) {
				_, _ = again.read(name)
			}
		}
	}
	if !maps.Equal(again, l.reads) {
		return false
	}
	data, err := readRegular(l.source)
	return errors.Is(err, filewatch.ErrIrregular) || err == nil && bytes.Equal(data, main)
}

// reads is what files held when they were read, by their names.
type reads map[string]string

// read is readRegular, and notes what came of it.
func (r reads) read(name string) ([]byte, error) {
	data, err := readRegular(name)
	r[name] = fmt.Sprintf("%x %v", sha256.Sum256(data), err)
	return data, err
}

// readRegular is readFile for a file that may be read as often as one likes.
func readRegular(name string) ([]byte, error) {
	file, _, err := filewatch.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readLimited(file)
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	other, otherErr := os.Stat(b)
	return err == nil && otherErr == nil && os.SameFile(one, other)
}

// readFile reads a file up to a byte more than it may have.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return readLimited(f)
}

func readLimited(f *os.File) ([]byte, error) { return io.ReadAll(io.LimitReader(f, maxBytes+1)) }

// Parse does what [Load] does, with bytes already read. Source is the name that
// mistakes are reported under; relative paths in the file are taken from its
// directory, and so are the files that it includes, which are read from disk.
func Parse(source string, data []byte, getenv func(string) (string, bool)) (*Config, error) {
	return newLoader(source, getenv).parse(data)
}

// loader reads one configuration file and those that it includes.
type loader struct {
	*yamlform.Decoder
	source string
	sum    hash.Hash // over every file read
	reads  reads     // the included files
}

func newLoader(source string, getenv func(string) (string, bool)) *loader {
	d := yamlform.NewDecoder(yamlform.File{
		Name: source, Kind: "the config", TopKeys: "issuers and routes", MaxBytes: maxBytes, Getenv: orEmpty(getenv), Reference: Keys,
	})
	return &loader{Decoder: d, source: source, sum: sha256.New(), reads: reads{}}
}

// orNone lets a nil getenv know no variable.
func orEmpty(getenv func(string) (string, bool)) func(string) (string, bool) {
	if getenv == nil {
		return func(string) (string, bool) { return "", false }
	}
	return getenv
}

func (l *loader) parse(data []byte) (*Config, error) {
	root, ok := l.Parse(data)
	if !ok {
		return nil, l.Mistakes()
	}
	l.sum.Write(data)
	c := &Config{Source: l.source, Files: []string{l.source}, places: l.Places()}
	rootObject().Read(l.Decoder, root, c)
	c.Issuers, c.issuers.read = c.issuers.read, nil
	l.check(c)
	c.Hash = hex.EncodeToString(l.sum.Sum(nil))
	c.Warnings = l.Warnings()
	if l.MistakeCount() > 0 {
		return c, l.Mistakes()
	}
	return c, nil
}
