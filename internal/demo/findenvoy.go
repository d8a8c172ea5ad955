package demo

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoEnvoy says that there is no Envoy to run, and how to get one.
var ErrNoEnvoy = errors.New("no Envoy here: `make demo` in a checkout sets one up; or name one by --envoy FILE, or have `envoy` on PATH")

// FindEnvoy returns the path of an Envoy binary: the one that `make` puts under
// one of dirs (.tools/envoy/bin/envoy), else the first `envoy` on PATH, which
// getenv names. It does not run it. Without one the error is [ErrNoEnvoy],
// wrapped, and says where it looked.
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
		// An empty or relative entry of PATH means the working directory, which is
		// no place to take programs from.
		if !filepath.IsAbs(place) {
			continue
		}
		if found, err := exec.LookPath(filepath.Join(place, "envoy")); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%w (looked at %s and along PATH)", ErrNoEnvoy, strings.Join(looked, ", "))
}
