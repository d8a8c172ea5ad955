package config_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
)

// pool is a Cognito issuer on one line, for files in which the issuer does not matter.
const pool = "issuers: {pool: {cognito: us-west-1_6BpkgoczU, clients: [web]}}\n"

// env returns a getenv for NAME=VALUE pairs.
func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, pair := range pairs {
			if key, value, _ := strings.Cut(pair, "="); key == name {
				return value, true
			}
		}
		return "", false
	}
}

// parse parses a file that must have no mistakes.
func parse(t *testing.T, yaml string, pairs ...string) *config.Config {
	t.Helper()
	c, err := config.Parse("gate.yaml", []byte(yaml), env(pairs...))
	if err != nil {
		t.Fatalf("unexpected mistakes:\n%v", err)
	}
	return c
}

// mistakes parses a file and returns its mistakes as LINE:COL: TEXT.
func mistakes(t *testing.T, yaml string, pairs ...string) []string {
	t.Helper()
	_, err := config.Parse("gate.yaml", []byte(yaml), env(pairs...))
	if err == nil {
		return nil
	}
	var all config.Mistakes
	if !errors.As(err, &all) {
		t.Fatalf("error is %T, want Mistakes: %v", err, err)
	}
	return lines(all)
}

func lines(all []config.Mistake) []string {
	var texts []string
	for _, one := range all {
		texts = append(texts, strings.TrimPrefix(one.Error(), "gate.yaml:"))
	}
	return texts
}

// same compares two lists of texts and reports the texts that only one of them has.
func same(t *testing.T, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for _, one := range got {
		if !slices.Contains(want, one) {
			t.Errorf("unexpected: %s", one)
		}
	}
	for _, one := range want {
		if !slices.Contains(got, one) {
			t.Errorf("missing:    %s", one)
		}
	}
	if !t.Failed() {
		t.Errorf("the order or number differs: got\n%s", strings.Join(got, "\n"))
	}
}

// file is a YAML text and the expected mistakes.
type file struct {
	name string
	yaml string
	want []string
}

func check(t *testing.T, files []file) {
	t.Helper()
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) { same(t, mistakes(t, f.yaml), f.want) })
	}
}

func quoted(text string) string { return strconv.Quote(text) }

// marked removes the mark ▸ from a text of one line and returns its position as
// "LINE:COL: ", or "" if there is no mark.
func marked(text string) (clean, at string) {
	before, after, found := strings.Cut(text, "▸")
	if !found {
		return text, ""
	}
	return before + after, fmt.Sprintf("1:%d: ", utf8.RuneCountInString(before)+1)
}
