package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
)

// reportSecrets prints which secrets init kept, and what is wrong with each: it is another
// than that of --client-secret-file, it has a line feed, or others can read it.
func (k kept) reportSecrets(c console, given string, with comparison) {
	if with.wanted.Login == nil {
		return
	}
	for i, name := range envoy.Secrets() {
		file, exists := k[name]
		if !exists {
			continue
		}
		var wanted string
		if i == 0 && given != "" {
			wanted = with.wanted.Login.ClientSecret
		}
		fmt.Fprintf(c.out, "kept   %s, which exists%s\n", file.path, strings.Join(secretFaults(file.path, given, wanted), ""))
	}
}

// secretFaults returns what is wrong with the file of a secret, each with a command.
// wanted is the secret of the file given; "" if the user gave none.
func secretFaults(path, given, wanted string) []string {
	data, err := os.ReadFile(path)
	if err != nil {
		return []string{"; it cannot be read: " + err.Error()}
	}
	var faults []string
	replace := func(what, from string) {
		next := filepath.Join(filepath.Dir(path), "new")
		faults = append(faults, fmt.Sprintf("; it %s, so replace it: (umask 077 && printf %%s \"$(cat %s)\" > %s) && mv %s %s",
			what, from, next, next, path))
	}
	switch bare := bytes.TrimRight(data, "\r\n"); {
	case wanted != "" && string(bare) != wanted:
		replace("differs from --client-secret-file", given)
	case len(bare) != len(data):
		replace("ends with a line feed, which Envoy takes for a part of the secret", path)
	}
	if info, err := os.Stat(path); err == nil && owner() != "" && info.Mode()&(fs.ModePerm&^0o700) != 0 {
		faults = append(faults, "; other users can read or change it: chmod 600 "+path)
	}
	return faults
}
