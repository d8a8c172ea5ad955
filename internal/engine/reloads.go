package engine

import (
	"context"
	"slices"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// configReloader reloads the configuration of a gate. report is called with each policy
// that has become active.
func (e *Engine) configReloader(reload Reload, g *gate.Gate, from *Loaded, report func(*gate.Policy)) *reloader {
	source := from.source
	source.Options.Keys = g
	source.Validate = nil // the front end reloads its own files
	reload.Watcher = from.watcher
	reload.Load = func(ctx context.Context) error {
		cfg, policy, err := source.Load()
		if err != nil {
			// The mistake can be in any of the files, or in one that is missing.
			rewatch(from.watcher, slices.Concat(watchedFiles(g.Config()), filesOf(cfg)))
			return err
		}
		g.Reload(ctx, policy)
		rewatch(from.watcher, watchedFiles(cfg))
		return nil
	}
	reload.Report = func() {
		e.logger.Info(reload.Name+" reloaded", "file", source.File, "config", g.Config().Hash)
		report(g.Policy())
	}
	rewatch(from.watcher, watchedFiles(g.Config()))
	return newReloader(e.logger, reload)
}

// watchedFiles returns the files whose change reloads a configuration: those that it was
// read from, and the key of the hashes in its audit lines.
func watchedFiles(cfg *config.Config) []string {
	if cfg.Audit.Redact.KeyFile == "" {
		return cfg.Files
	}
	return slices.Concat(cfg.Files, []string{cfg.Audit.Redact.KeyFile})
}

// filesOf returns the files that a configuration was read from, and those that it
// names; cfg is nil if it could not be read.
func filesOf(cfg *config.Config) []string {
	if cfg == nil {
		return nil
	}
	named := []string{cfg.RevokedFile, cfg.Audit.Redact.KeyFile}
	for _, i := range cfg.Issuers {
		named = append(named, i.JWKS.File, i.JWKS.CAFile)
	}
	named = slices.DeleteFunc(named, func(name string) bool { return name == "" })
	return slices.Concat(cfg.Files, named)
}

// revokedReloader reloads the revocation list of a gate.
func (e *Engine) revokedReloader(reload Reload, g *gate.Gate) *reloader {
	reload.Watcher = watch(e.logger, reload.Name, filewatch.NewPrompt)
	reload.Load = func(context.Context) error { return g.ReloadRevoked() }
	reload.Report = func() {
		if g.Config().RevokedFile != "" {
			e.logger.Info(reload.Name+" reloaded", "lines", g.Revoked())
		}
	}
	r := newReloader(e.logger, reload)
	r.watchRevoked(g)
	return r
}

// watchRevoked watches the list that the gate's configuration names. That list was read
// together with the configuration, so an earlier failure to read a list is over.
func (r *reloader) watchRevoked(g *gate.Gate) {
	r.failure.Store(nil)
	var files []string
	if file := g.Config().RevokedFile; file != "" {
		files = []string{file}
	}
	rewatch(r.Watcher, files)
}
