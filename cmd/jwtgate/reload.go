package main

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/jwtgate/jwtgate/internal/config"
)

// reloader puts the config on disk in the place of the live one whenever it has
// changed, or when it is told to. A config that is refused changes nothing.
type reloader struct {
	server  *server
	file    string
	watcher *config.Watcher // nil when files cannot be watched
	getenv  func(string) (string, bool)
	// refused is why the config on disk is not the live one; nil when it is.
	refused atomic.Pointer[string]
}

// newReloader begins to watch a config file that is about to be read; without a
// file, in the environment mode, there is nothing to reload. Files that cannot
// be watched can still be reloaded by hand.
func newReloader(file string, getenv func(string) (string, bool), logger *slog.Logger) *reloader {
	if file == "" {
		return nil
	}
	watcher, err := config.NewWatcher(file)
	if err != nil {
		logger.Error("the configuration is not watched; reload it with SIGHUP", "error", err)
	}
	return &reloader{file: file, getenv: getenv, watcher: watcher}
}

// run reloads on each change and on each hangup, until ctx ends.
func (r *reloader) run(ctx context.Context, hangup <-chan os.Signal) {
	changed := make(chan struct{}, 1)
	if r.watcher != nil {
		var watching sync.WaitGroup
		defer watching.Wait()
		watching.Go(func() {
			r.watcher.Run(ctx, func() {
				select {
				case changed <- struct{}{}:
				default: // one is waiting already
				}
			})
		})
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-hangup:
		}
		if ctx.Err() == nil {
			r.reload(ctx)
		}
	}
}

// reload reads the file and makes it live, or says aloud why not.
func (r *reloader) reload(ctx context.Context) {
	s := r.server
	cfg, err := loadConfig(r.file, r.getenv)
	if err == nil {
		err = s.gate.Reload(ctx, cfg)
	}
	if err != nil {
		why := err.Error()
		r.refused.Store(&why)
		s.metrics.Reloaded("refused")
		s.logger.Error("the configuration was not reloaded: it is refused and the live one stays", "file", r.file, "live", s.gate.Config().Hash, "error", err)
		return
	}
	r.refused.Store(nil)
	s.metrics.Reloaded("ok")
	s.logger.Info("the configuration was reloaded", "file", r.file, "config", cfg.Hash)
	if s.written != (listens{cfg.Server, cfg.Admin}) {
		s.logger.Warn("server and admin have changed, and take effect at the next start only")
	}
	announce(s.logger, cfg)
}

// detail is what /readyz says of a config that was refused, or nothing.
func (r *reloader) detail() string {
	if why := r.refused.Load(); why != nil {
		return *why
	}
	return ""
}
