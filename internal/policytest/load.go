package policytest

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jwtgate/jwtgate/internal/config"
)

const (
	// maxBytes is the maximum size of a case file, so that a wrong path (a log, a disk
	// image) is reported as a mistake and does not exhaust memory.
	maxBytes = 8 << 20
	// MaxCases is the maximum number of cases in one run.
	MaxCases = 10_000
)

// Load reads case files for a valid config, which defines the names of issuers, routes
// and headers. The cases are in the order of the files. All mistakes in the files are
// returned at once, as [config.Mistakes] ordered by position; the error is of another
// type if a file cannot be read.
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
				Pos: cases[MaxCases-len(all)].Pos, Text: fmt.Sprintf("there are more than %d cases; split them into several runs", MaxCases),
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

// Parse is like [Load] with the content of one file, without a maximum number of cases.
// File is the name of the file in mistakes and reports. If the error is of type
// [config.Mistakes], the returned cases are only for their number and position.
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
