package filewatch

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxWatched is how much of a file, in bytes, is looked at for changes.
const maxWatched = 64 << 20

// look is files as they were at one moment, by their names.
type snapshot map[string]fileState

// state is one file at one moment.
type fileState struct {
	entry   string      // the name or pattern that it is watched by
	content string      // tells what it held from anything else
	gone    bool        // there was none
	info    fs.FileInfo // nil when it could not be opened
}

// look reads the files, but for those that seem to be as they were before.
func (w *Watcher) snapshot(before snapshot) snapshot {
	now := snapshot{}
	for _, entry := range w.files {
		for _, name := range expand(entry) {
			was := before[name]
			if info, err := os.Stat(name); err != nil || was.info == nil || !sameStat(was.info, info) {
				was = read(name)
			}
			if was.gone && name != entry {
				continue // it went after its pattern was looked for
			}
			was.entry = entry
			now[name] = was
		}
	}
	return now
}

// files are those that an entry stands for. One that is no pattern, or a file's
// own name, stands for itself whether it is there or not.
func expand(entry string) []string {
	if !strings.ContainsAny(entry, Meta) {
		return []string{entry}
	}
	if _, err := os.Lstat(entry); err == nil {
		return []string{entry}
	}
	names, err := filepath.Glob(entry)
	if err != nil {
		return []string{entry}
	}
	return names
}

// read looks at one file. What is no regular file, a pipe say, is not read:
// that could wait for ever.
func read(name string) fileState {
	// The file's time comes before its content: what is written in between is
	// seen the next time.
	file, info, err := Open(name)
	if errors.Is(err, ErrIrregular) {
		return fileState{content: info.Mode().String(), info: info}
	}
	if err != nil {
		return fileState{content: err.Error(), gone: errors.Is(err, fs.ErrNotExist)}
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	size, err := io.Copy(sum, io.LimitReader(file, maxWatched))
	return fileState{content: fmt.Sprintf("%x %d %v", sum.Sum(nil), size, err), info: info}
}

// untouched tells whether a file is the same one as it was, and was not written
// to as far as its size and time tell.
func sameStat(was, is fs.FileInfo) bool {
	return os.SameFile(was, is) && was.Size() == is.Size() && was.ModTime().Equal(is.ModTime())
}

// same tells whether two looks saw the same files with the same content.
func (l snapshot) equal(other snapshot) bool {
	if len(l) != len(other) {
		return false
	}
	for name, is := range l {
		if was, ok := other[name]; !ok || was.content != is.content {
			return false
		}
	}
	return true
}

// replaced reports whether each file that differs is another one in its place,
// or gone, rather than the same one written to, or one that may be growing.
func (l snapshot) replaced(before snapshot) bool {
	for name, is := range l {
		was, ok := before[name]
		switch {
		case is.info == nil:
		case !ok || was.info == nil:
			return false
		// A file's size and time are looked at before it is read, so that it may hold
		// something else and seem untouched: then it is being written to.
		case os.SameFile(is.info, was.info) && (!sameStat(was.info, is.info) || is.content != was.content):
			return false
		}
	}
	return true
}

// of is what was seen of the files that are watched by these entries.
func (l snapshot) only(entries []string) snapshot {
	kept := snapshot{}
	for name, one := range l {
		if slices.Contains(entries, one.entry) {
			kept[name] = one
		}
	}
	return kept
}

// directories are where the names of files and patterns stand, and where the
// links in them lead to. Of a pattern of directories it is those that there are,
// and the one where more of them can appear.
func directories(entries []string) []string {
	var dirs []string
	for _, entry := range entries {
		dir := filepath.Dir(entry)
		for ; strings.ContainsAny(dir, Meta) && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			dirs = append(dirs, expand(dir)...)
		}
		dirs = append(dirs, dir)
		for _, name := range expand(entry) {
			if real, err := filepath.EvalSymlinks(name); err == nil {
				dirs = append(dirs, filepath.Dir(real))
			}
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
