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

// maxBytes is the maximum size of a configuration file, so that a wrong path (a log, a
// disk image) is reported as a mistake and does not exhaust memory.
const maxBytes = 1 << 20

// maxReads is how often files are read again if they change while they are read.
const maxReads = 5

// Load reads a configuration file and the files that it includes. All of them are read
// as they were at one moment, so that replacing them during Load does not produce a
// mix of the old and the new version. Variables in values are expanded by getenv,
// which is os.LookupEnv in a running program; nil means that no variable is set.
//
// All mistakes are returned at once, as [Mistakes] ordered by position. In that case
// Load also returns the valid part of the configuration, so that other packages can
// check it for further mistakes; it must not be served. It is nil if the file is not
// a YAML mapping. If the file cannot be read, the error is not of type Mistakes; an
// included file that cannot be read is a mistake.
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
	return nil, errors.New("reading the config: its files kept changing while they were read; " +
		"replace all of them in one step, and reload")
}

// unchanged reads all files a second time and reports whether they are the same. If so,
// all of them had their content at the moment between the two rounds. A main file that
// is not a regular file, such as a pipe, cannot be read again and counts as unchanged.
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

// reads maps the names of files to digests of what was read.
type reads map[string]string

// read reads a regular file and records the result.
func (r reads) read(name string) ([]byte, error) {
	data, err := readRegular(name)
	r[name] = fmt.Sprintf("%x %v", sha256.Sum256(data), err)
	return data, err
}

// readRegular is readFile for a file that must be a regular file.
func readRegular(name string) ([]byte, error) {
	file, _, err := filewatch.Open(name)
	return readLimited(file, err)
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	other, otherErr := os.Stat(b)
	return err == nil && otherErr == nil && os.SameFile(one, other)
}

// readFile reads at most maxBytes+1 bytes of a file of any kind.
func readFile(name string) ([]byte, error) { return readLimited(os.Open(name)) }

func readLimited(f *os.File, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}

// Parse is like [Load] with the content of the file. Source is the name of the file in
// mistakes. Relative paths start at its directory, and included files are read from
// there.
func Parse(source string, data []byte, getenv func(string) (string, bool)) (*Config, error) {
	return newLoader(source, getenv).parse(data)
}

// loader reads one configuration file and the files that it includes.
type loader struct {
	*yamlform.Decoder
	source string
	sum    hash.Hash // of every file read
	reads  reads     // the included files
}

func newLoader(source string, getenv func(string) (string, bool)) *loader {
	d := yamlform.NewDecoder(yamlform.File{
		Name: source, Kind: "the config", TopKeys: "issuers and routes", MaxBytes: maxBytes, Getenv: orEmpty(getenv), Reference: Keys,
	})
	return &loader{Decoder: d, source: source, sum: sha256.New(), reads: reads{}}
}

// orEmpty returns getenv, or a function for an empty environment if it is nil.
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
	rootObject(c).Read(l.Decoder, root)
	c.Issuers, c.issuers.read = c.issuers.read, nil
	l.check(c)
	c.Hash = hex.EncodeToString(l.sum.Sum(nil))
	c.Warnings = l.Warnings()
	if l.MistakeCount() > 0 {
		return c, l.Mistakes()
	}
	return c, nil
}
