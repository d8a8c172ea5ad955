package policytest

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jwtgate/jwtgate/internal/config"
)

const (
	// maxBytes bounds a case file, so that a wrong path (a log, a disk image)
	// ends in a mistake and not in exhausted memory.
	maxBytes = 8 << 20
	// MaxCases is how many cases one run takes.
	MaxCases = 10_000
)

// Load reads case files for a config that has no mistakes; it needs the names
// of its issuers, routes and headers. Everything that is wrong with the files
// comes back at once, as [config.Mistakes] in the order of their places. A file
// that cannot be read is another error. The cases are in the order of the files
// and, inside each, in its own.
func Load(files []string, cfg *config.Config) ([]Case, error) {
	var all []Case
	var mistakes config.Mistakes
	for _, file := range files {
		data, err := readFile(file)
		if err != nil {
			return nil, err
		}
		cases, err := Parse(file, data, cfg)
		var found config.Mistakes
		if errors.As(err, &found) {
			mistakes = append(mistakes, found...)
		}
		if len(all) <= MaxCases && len(all)+len(cases) > MaxCases {
			mistakes = append(mistakes, config.Mistake{
				Pos: cases[MaxCases-len(all)].Pos, Text: fmt.Sprintf("there are more than %d cases; split them over several runs", MaxCases),
			})
		}
		all = append(all, cases...)
	}
	if len(mistakes) > 0 {
		return nil, mistakes.Sorted()
	}
	return all, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the cases: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the cases: %w", err)
	}
	return data, nil
}

// Parse does what [Load] does, with the bytes of one file, however many cases it
// holds. File is the name that mistakes and cases are reported under. Beside
// [config.Mistakes] the cases without one come back, for their number and place
// only.
func Parse(file string, data []byte, cfg *config.Config) ([]Case, error) {
	r := newReader(file, cfg)
	var cases []Case
	if root, ok := r.Parse(data); ok {
		cases = r.file(root)
	}
	if r.MistakeCount() > 0 {
		return cases, r.Mistakes()
	}
	return cases, nil
}
