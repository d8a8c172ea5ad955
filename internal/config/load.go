package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"syscall"
)

// maxBytes bounds a configuration file, so that a wrong path (a log, a disk
// image) ends in a mistake and not in exhausted memory.
const maxBytes = 1 << 20

// mostReads is how often files that change while they are read are read again.
const mostReads = 5

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
	for range mostReads {
		data, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the config: %w", err)
		}
		d := newDecoder(file, getenv)
		c, err := d.parse(data)
		if c == nil || len(c.include) == 0 || d.unchanged(c.include, data) {
			return c, err
		}
	}
	return nil, errors.New("reading the config: its files change all the time while they are read; put them in place together, and have them read again")
}

// unchanged reports whether the files are still those that were read, and so
// were there together: each is read a second time after all were read once, and
// at the moment between the two rounds every one of them was what it was read as.
// A main file that is no regular one, such as a pipe, cannot be read again and is
// taken for the same.
func (d *decoder) unchanged(included []include, main []byte) bool {
	again := reads{}
	for _, one := range included {
		names, _ := filepath.Glob(one.pattern)
		for _, name := range names {
			if !sameFile(name, d.source) {
				_, _ = again.read(name)
			}
		}
	}
	if !maps.Equal(again, d.reads) {
		return false
	}
	data, err := readRegular(d.source)
	return errors.Is(err, errIrregular) || err == nil && bytes.Equal(data, main)
}

// reads is what files held when they were read, by their names.
type reads map[string]string

// read is readRegular, and notes what came of it.
func (r reads) read(name string) ([]byte, error) {
	data, err := readRegular(name)
	r[name] = fmt.Sprintf("%x %v", sha256.Sum256(data), err)
	return data, err
}

// errIrregular is of a file that is read only once, if it ever ends: a pipe, say.
var errIrregular = errors.New("is no regular file")

// OpenRegular opens a file that is read again and again while the program runs,
// or a link to one. What is no regular file is an error and is not waited for: a
// pipe that nobody writes to would hold its reader up for ever.
func OpenRegular(name string) (*os.File, error) {
	file, _, err := openRegular(name)
	if errors.Is(err, errIrregular) {
		return nil, fmt.Errorf("%q %w, and must be one or a link to one, since it is read again and again", name, err)
	}
	return file, err
}

// openRegular is OpenRegular, and says what there is under the name, if the error
// is errIrregular too.
func openRegular(name string) (*os.File, fs.FileInfo, error) {
	// To be opened is something that a pipe's writer, or a device, can notice.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, info, errIrregular
	}
	// What is in its place by now does not hold us up either, and is not read.
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errIrregular
	}
	if err != nil {
		_ = file.Close()
		return nil, info, err
	}
	return file, info, nil
}

// readRegular is readFile for a file that may be read as often as one likes.
func readRegular(name string) ([]byte, error) {
	file, _, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readMost(file)
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
	return readMost(f)
}

func readMost(f *os.File) ([]byte, error) { return io.ReadAll(io.LimitReader(f, maxBytes+1)) }

// Parse does what [Load] does, with bytes already read. Source is the name that
// mistakes are reported under; relative paths in the file are taken from its
// directory, and so are the files that it includes, which are read from disk.
func Parse(source string, data []byte, getenv func(string) (string, bool)) (*Config, error) {
	return newDecoder(source, getenv).parse(data)
}

func (d *decoder) parse(data []byte) (*Config, error) {
	root, ok := d.tree(data)
	if !ok {
		return nil, d.mistakes.Sorted()
	}
	d.sum.Write(data)
	c := &Config{Source: d.source, Files: []string{d.source}, positions: d.positions, texts: d.texts}
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
