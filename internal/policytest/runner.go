package policytest

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/signer"
)

// runner is a gate over a copy of the user's config in which each issuer has a key
// that was made for this run and is never written anywhere.
type runner struct {
	cfg  *config.Config // the copy
	gate *gate.Gate
	keys map[string]*signer.Key // :: name of the issuer -> its key
	now  time.Time              // when all tokens are made; whole seconds, as NumericDate counts
	dir  string                 // holds the key sets
}

// newRunner makes the keys and the gate. The runner must be closed.
func newRunner(cfg *config.Config) (*runner, error) {
	w := &runner{keys: map[string]*signer.Key{}, now: time.Now().Truncate(time.Second)}
	var err error
	if w.dir, err = os.MkdirTemp("", "jwtgate-test-*"); err != nil { // mode 0700
		return nil, fmt.Errorf("make a directory for the key sets: %w", err)
	}
	if w.cfg, err = w.withTestKeys(cfg); err == nil {
		var policy *gate.Policy
		if policy, err = gate.Compile(w.cfg, gate.CompileOptions{Logger: slog.New(slog.DiscardHandler)}); err == nil {
			w.gate = gate.New(policy, gate.Options{Replica: "test", Logger: slog.New(slog.DiscardHandler)})
		}
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// close ends the gate and takes the key sets away.
func (w *runner) close() error {
	if w.gate != nil {
		w.gate.Close()
	}
	if err := os.RemoveAll(w.dir); err != nil {
		return fmt.Errorf("remove the key sets: %w", err)
	}
	return nil
}

// withTestKeys returns a copy of cfg whose issuers' keys are in files of ours.
func (w *runner) withTestKeys(cfg *config.Config) (*config.Config, error) {
	own := *cfg
	own.CacheDir = "" // keys of ours must never outlive the run
	own.Issuers = slices.Clone(cfg.Issuers)
	for i := range own.Issuers {
		if err := w.replaceKeys(&own.Issuers[i]); err != nil {
			return nil, fmt.Errorf("make keys for issuer %q: %w", own.Issuers[i].Name, err)
		}
	}
	return &own, nil
}

// replaceKeys makes a key for an issuer, and the issuer's key set a file with it.
func (w *runner) replaceKeys(issuer *config.Issuer) error {
	key, err := signer.New(issuer.Algorithms[0])
	if err != nil {
		return err
	}
	set, err := signer.KeySet(key)
	if err != nil {
		return err
	}
	file := filepath.Join(w.dir, issuer.Name+".json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		return err
	}
	w.keys[issuer.Name] = key
	issuer.JWKS.URI, issuer.JWKS.File = "", file
	// Each kid that is not there is looked for again at once: a file can bear that.
	issuer.JWKS.UnknownKIDCooldown = retryEvery
	return nil
}
