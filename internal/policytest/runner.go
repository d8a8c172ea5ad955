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

// runner decides cases with a gate for a copy of the user's config in which each issuer
// has a key that is generated for this run and never written anywhere.
type runner struct {
	cfg  *config.Config // the copy
	gate *gate.Gate
	keys map[string]*signer.Key // name of the issuer -> its key
	now  time.Time              // the time at which all tokens are made, in whole seconds like NumericDate
	dir  string                 // of the key sets
}

// newRunner generates the keys and makes the gate. The caller must close the runner.
func newRunner(cfg *config.Config) (*runner, error) {
	r := &runner{keys: map[string]*signer.Key{}, now: time.Now().Truncate(time.Second)}
	var err error
	if r.dir, err = os.MkdirTemp("", "jwtgate-test-*"); err != nil { // mode 0700
		return nil, fmt.Errorf("creating a directory for the key sets: %w", err)
	}
	if r.cfg, err = r.withTestKeys(cfg); err == nil {
		var policy *gate.Policy
		if policy, err = gate.Compile(r.cfg, gate.CompileOptions{Logger: slog.New(slog.DiscardHandler)}); err == nil {
			r.gate = gate.New(policy, gate.Options{Replica: "test", Logger: slog.New(slog.DiscardHandler)})
		}
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// close closes the gate and removes the key sets.
func (r *runner) close() error {
	if r.gate != nil {
		r.gate.Close()
	}
	if err := os.RemoveAll(r.dir); err != nil {
		return fmt.Errorf("removing the key sets: %w", err)
	}
	return nil
}

// withTestKeys returns a copy of cfg in which every issuer has a generated key.
func (r *runner) withTestKeys(cfg *config.Config) (*config.Config, error) {
	own := *cfg
	own.CacheDir = "" // generated keys must never outlive the run
	own.Issuers = slices.Clone(cfg.Issuers)
	for i := range own.Issuers {
		if err := r.replaceKeys(&own.Issuers[i]); err != nil {
			return nil, fmt.Errorf("generating keys for issuer %q: %w", own.Issuers[i].Name, err)
		}
	}
	return &own, nil
}

// replaceKeys generates a key for an issuer and replaces the issuer's key set with a
// file that contains it.
func (r *runner) replaceKeys(issuer *config.Issuer) error {
	key, err := signer.New(issuer.Algorithms[0])
	if err != nil {
		return err
	}
	set, err := signer.KeySet(key)
	if err != nil {
		return err
	}
	file := filepath.Join(r.dir, issuer.Name+".json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		return err
	}
	r.keys[issuer.Name] = key
	issuer.JWKS.URI, issuer.JWKS.File = "", file
	// An unknown kid makes the gate read the file again; a short cooldown is cheap for a
	// file.
	issuer.JWKS.UnknownKIDCooldown = retryEvery
	return nil
}
