package config

import (
	"fmt"
	"strings"
)

// Resolved reads a configuration file and returns it with everything that its issuers have
// from their providers and by default written out, each with a comment that says where it
// comes from. Parameters of providers become comments. The result means the same as the file. Variables are not expanded, except
// where a provider uses a parameter, and passwords in URLs are replaced.
//
// The error is that of [Load]; included files are not read.
func Resolved(file string, getenv func(string) (string, bool)) ([]byte, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	l := newLoader(file, getenv)
	root, ok := l.Parse(data)
	if !ok {
		return nil, l.Mistakes()
	}
	var c Config
	rootObject(&c).Read(l.Decoder, root) // fills in what follows from the providers
	if issuers, ok := root.Get("issuers"); ok {
		object := issuerObject(new(issuerInput))
		for i, place := range issuers.Values() {
			object.Resolve(place)
			for _, one := range parameters() { // would have no effect beside the values that follow from it
				if text := place.Remove(one.name); text != "" {
					place.Remark(one.name + ": " + text)
				}
			}
			if i < len(c.issuers.read) && c.issuers.read[i].Path == place.Path {
				place.Remark("iss: " + strings.Join(c.issuers.read[i].ISS, ", "))
			}
		}
	}
	return root.Text()
}
