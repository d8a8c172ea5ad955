package filewatch

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxWatched is the number of bytes of a file that are compared.
const maxWatched = 64 << 20

// snapshot is the states of files at one moment, by name.
type snapshot map[string]fileState

// fileState is the state of one file at one moment.
type fileState struct {
	entry   string      // the watched name or pattern
	content string      // identifies the content
	gone    bool        // the file did not exist
	info    fs.FileInfo // nil if the file could not be opened
}

// snapshot reads all files except those that seem unchanged since before.
func (w *Watcher) snapshot(before snapshot) snapshot {
	now := snapshot{}
	for _, entry := range w.files {
		for _, name := range expand(entry) {
			was := before[name]
			if info, err := os.Stat(name); err != nil || was.info == nil || !sameStat(was.info, info) {
				was = read(name)
			}
			if was.gone && name != entry {
				continue // it was removed after Glob returned it
			}
			was.entry = entry
			now[name] = was
		}
	}
	return now
}

// expand returns the files of an entry. An entry that is not a pattern, or that is the
// name of an existing file, is the only file, whether it exists or not.
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

// read returns the state of one file. It does not read anything other than a regular
// file, such as a pipe, because that could block forever.
func read(name string) fileState {
	// The time is read before the content, so a write in between is found next time.
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

// sameStat reports whether a file is the same one, with the same size and time.
func sameStat(was, is fs.FileInfo) bool {
	return os.SameFile(was, is) && was.Size() == is.Size() && was.ModTime().Equal(is.ModTime())
}

// equal reports whether two snapshots have the same files with the same content.
func (l snapshot) equal(other snapshot) bool {
	return maps.EqualFunc(l, other, func(one, other fileState) bool { return one.content == other.content })
}

// replaced reports whether each changed file was replaced by another file or removed,
// and none was written to or may still be growing.
func (l snapshot) replaced(before snapshot) bool {
	for name, is := range l {
		was, ok := before[name]
		switch {
		case is.info == nil:
		case !ok || was.info == nil:
			return false
		// Size and time are read before the content. If only the content differs, the file
		// is being written to.
		case os.SameFile(is.info, was.info) && (!sameStat(was.info, is.info) || is.content != was.content):
			return false
		}
	}
	return true
}

// only returns the states of the files of these entries.
func (l snapshot) only(entries []string) snapshot {
	kept := maps.Clone(l)
	maps.DeleteFunc(kept, func(_ string, one fileState) bool { return !slices.Contains(entries, one.entry) })
	return kept
}

// directories returns the directories of files and patterns, and those to which their
// links lead. For a pattern of directories, it returns those that exist, and the one in
// which more of them can appear.
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
