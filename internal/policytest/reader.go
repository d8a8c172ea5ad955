package policytest

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// reader reads one case file.
type reader struct {
	*yamlform.Decoder
	cfg      *config.Config
	meanings []gate.ReasonInfo // the table of reasons
	named    map[string]*token // the file's shared tokens
}

func newReader(file string, cfg *config.Config) *reader {
	return &reader{
		Decoder: yamlform.NewDecoder(yamlform.File{
			Name: file, Kind: "a file of cases", TopKeys: "cases", MaxBytes: maxBytes, Sharing: "share a token under tokens",
		}),
		cfg: cfg, meanings: gate.Reasons(), named: map[string]*token{},
	}
}

// key declares a key. Read reads its value and stores it.
func key(name string, read func(at yamlform.Place)) yamlform.Row {
	return yamlform.Row{
		Key:  yamlform.Key{Path: name},
		Read: func(_ *yamlform.Decoder, at yamlform.Place) { read(at) },
	}
}

// required declares a required key.
func required(name, expected string, read func(at yamlform.Place)) yamlform.Row {
	k := key(name, read)
	k.Expected = expected
	return k.MustBeSet()
}

// text reads a scalar of any kind as its text.
func (r *reader) text(p yamlform.Place, expected string) (string, bool) {
	text, _, ok := r.Scalar(p, expected)
	if ok && text == "" {
		r.Report(p, "is empty; expected %s", expected)
		return "", false
	}
	return text, ok
}

// printable reads a text without control characters, for reports and request lines.
func (r *reader) printable(p yamlform.Place, expected string) (string, bool) {
	text, ok := r.text(p, expected)
	if ok && strings.ContainsFunc(text, isControl) {
		r.Report(p, "has a control character: got %s; expected %s", yamlform.Quote(text), expected)
		return "", false
	}
	return text, ok
}

// enum reads one of the known words.
func (r *reader) enum(p yamlform.Place, what string, known []string) (string, bool) {
	text, ok := r.text(p, what+" such as "+known[0])
	if !ok || slices.Contains(known, text) {
		return text, ok
	}
	r.Report(p, "is not %s: got %s; %s", what, yamlform.Quote(text),
		yamlform.DidYouMean(text, known, "expected one of "+strings.Join(known, ", ")))
	return "", false
}
