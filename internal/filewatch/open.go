package filewatch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Meta holds the characters that make a path a pattern of [filepath.Match].
const Meta = `*?[\`

// ErrIrregular means that a name belongs to something other than a regular
// file, such as a pipe or a device.
var ErrIrregular = errors.New("is not a regular file")

// OpenRegular opens a regular file, or a link to one, that the program reads whenever it
// changes. Anything else is an error, and OpenRegular does not block on it: a pipe
// without a writer would block its reader forever.
func OpenRegular(name string) (*os.File, error) {
	file, _, err := Open(name)
	if errors.Is(err, ErrIrregular) {
		return nil, fmt.Errorf("%q %w; expected a regular file or a link to one, because it is read again when it changes", name, err)
	}
	return file, err
}

// Open is OpenRegular with shorter errors. It also returns information about the file,
// even if the error is [ErrIrregular].
func Open(name string) (*os.File, fs.FileInfo, error) {
	// Opening a pipe or a device can have side effects, so check the kind first.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, info, ErrIrregular
	}
	// Something else can have replaced the file by now: O_NONBLOCK keeps that from
	// blocking, and the second check keeps it from being read.
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrIrregular
	}
	if err != nil {
		_ = file.Close()
		return nil, info, err
	}
	return file, info, nil
}
