package demo

import (
	"errors"
	"os/exec"
	"path/filepath"
)

// ErrNoEnvoy says that there is no Envoy to run, and how to get one.
var ErrNoEnvoy = errors.New("no Envoy here: `make demo` in a checkout sets one up, or install Envoy and have `envoy` on PATH")

// FindEnvoy returns the path of an Envoy binary: the one that `make` puts under
// dir (.tools/envoy/bin/envoy), else the first `envoy` on PATH, which getenv
// names. It does not run it. Without one the error is [ErrNoEnvoy].
func FindEnvoy(dir string, getenv func(string) (string, bool)) (string, error) {
	places := []string{filepath.Join(dir, ".tools", "envoy", "bin")}
	if path, ok := getenv("PATH"); ok {
		places = append(places, filepath.SplitList(path)...)
	}
	for _, place := range places {
		// An empty or relative entry of PATH means the working directory, which is
		// no place to take programs from.
		if !filepath.IsAbs(place) {
			continue
		}
		if found, err := exec.LookPath(filepath.Join(place, "envoy")); err == nil {
			return found, nil
		}
	}
	return "", ErrNoEnvoy
}
