package config

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxBytes bounds a configuration file, so that a wrong path (a log, a disk
// image) ends in a mistake and not in exhausted memory.
const maxBytes = 1 << 20

// Load reads the configuration file named file, and the files that it includes.
// Variables in its values are
// expanded by getenv, which is os.LookupEnv in a running program; nil knows no
// variable.
//
// Everything that is wrong with the file comes back at once, as [Mistakes] in
// the order of their places. Beside them stands the configuration as far as it
// could be read, so that the caller can look for mistakes that only another
// package sees; it must not be served. It is nil when the file holds no YAML
// mapping at all. A file that cannot be read is another error, and no Mistakes; an
// included one that cannot is a mistake.
func Load(file string, getenv func(string) (string, bool)) (*Config, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	return Parse(file, data, getenv)
}

// readFile reads a file up to a byte more than it may have.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}

// Parse does what [Load] does, with bytes already read. Source is the name that
// mistakes are reported under; relative paths in the file are taken from its
// directory, and so are the files that it includes, which are read from disk.
func Parse(source string, data []byte, getenv func(string) (string, bool)) (*Config, error) {
	d := newDecoder(source, getenv)
	root, ok := d.tree(data)
	if !ok {
		return nil, d.mistakes.Sorted()
	}
	d.sum.Write(data)
	c := &Config{Source: source, Files: []string{source}, positions: d.positions, texts: d.texts}
	d.config(root, c)
	c.issuers, c.roots = d.issuers, d.roots
	c.Hash = hex.EncodeToString(d.sum.Sum(nil))
	c.Warnings = Mistakes(d.warnings).Sorted()
	if len(d.mistakes) > 0 {
		return c, d.mistakes.Sorted()
	}
	return c, nil
}

// beside takes a path in the file as relative to the file's own directory, so
// that a configuration means the same wherever the program was started.
func (d *decoder) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(d.source), path)
}
