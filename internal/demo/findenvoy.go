package demo

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoEnvoy means that no Envoy was found.
var ErrNoEnvoy = errors.New("no Envoy found; use --envoy FILE, put `envoy` on PATH, or run `make demo` in a checkout, which installs one")

// FindEnvoy returns the path of an Envoy binary: the one that `make` installs under
// one of dirs (.tools/envoy/bin/envoy), or the first `envoy` on the PATH of getenv. It
// does not run it. If there is none, the error wraps [ErrNoEnvoy] and lists the places.
func FindEnvoy(dirs []string, getenv func(string) (string, bool)) (string, error) {
	var places, looked []string
	for _, dir := range dirs {
		place := filepath.Join(dir, ".tools", "envoy", "bin")
		places = append(places, place)
		looked = append(looked, filepath.Join(place, "envoy"))
	}
	if path, ok := getenv("PATH"); ok {
		places = append(places, filepath.SplitList(path)...)
	}
	for _, place := range places {
		// Ignore empty and relative entries of PATH: a program in the working directory
		// must not be run by accident.
		if !filepath.IsAbs(place) {
			continue
		}
		if found, err := exec.LookPath(filepath.Join(place, "envoy")); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%w (searched %s and PATH)", ErrNoEnvoy, strings.Join(looked, ", "))
}
