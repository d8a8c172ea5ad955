package main

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// follower keeps something that was read from files as those files have it: it
// reads them again whenever they have changed, or when it is told to. What is
// refused changes nothing.
type follower struct {
	what    string // of a sentence: "the configuration"
	label   string // of a metric: "config"
	logger  *slog.Logger
	watcher *filewatch.Watcher // nil when files cannot be watched
	// load reads the files and puts what they hold in force. What it returns
	// tells of it, once all else shows it.
	load func(ctx context.Context) (tell func(), err error)
	// count is told what became of each load: "ok" or "refused".
	count func(result string)
	// refused is why what is on disk is not in force; nil when it is.
	refused atomic.Pointer[string]
}

// newFollower begins to watch files that are about to be read. Files that cannot
// be watched can still be read again by hand.
func newFollower(label, what string, logger *slog.Logger, watch func(files ...string) (*filewatch.Watcher, error), files ...string) *follower {
	watcher, err := watch(files...)
	if err != nil {
		logger.Error(what+" is not watched; have it read again by SIGHUP", "error", err)
	}
	return &follower{what: what, label: label, logger: logger, watcher: watcher}
}

// watch follows these files from here on.
func (f *follower) watch(files ...string) {
	if f.watcher != nil {
		f.watcher.Watch(files...)
	}
}

// run loads on each change and each time that told tells, until ctx ends.
func (f *follower) run(ctx context.Context, told <-chan os.Signal) {
	changed := make(chan struct{}, 1)
	if f.watcher != nil {
		var watching sync.WaitGroup
		defer watching.Wait()
		watching.Go(func() {
			f.watcher.Run(ctx, func() {
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
		case <-told:
		}
		if ctx.Err() == nil {
			f.reload(ctx)
		}
	}
}

// reload loads, or says aloud why not.
func (f *follower) reload(ctx context.Context) {
	tell, err := f.load(ctx)
	if err != nil {
		why := err.Error()
		f.refused.Store(&why)
		f.count("refused")
		f.logger.Error(f.what+" was not reloaded: it is refused and the live one stays", "error", err)
		return
	}
	f.refused.Store(nil)
	f.count("ok")
	tell()
}

// detail is what /readyz says of what was refused, or nothing.
func (f *follower) detail() string {
	if f == nil {
		return ""
	}
	if why := f.refused.Load(); why != nil {
		return f.what + ": " + *why
	}
	return ""
}

// refusedFiles says of which of them what is on disk is not in force.
func refusedFiles(followers []*follower) map[string]bool {
	all := make(map[string]bool, len(followers))
	for _, f := range followers {
		all[f.label] = f.refused.Load() != nil
	}
	return all
}

// followConfig keeps a gate at what a configuration file says. after is called
// with each policy that has gone live.
func (f *follower) followConfig(g *gate.Gate, from source, after func(*gate.Policy)) {
	f.watch(g.Config().Files...)
	from.options.Keys = g
	from.further = nil // the certificates have a follower of their own
	f.load = func(ctx context.Context) (func(), error) {
		cfg, policy, err := from.load()
		if err != nil {
			// What is wrong may stand in any file that it reads, or in one that is
			// not there yet.
			f.watch(slices.Concat(g.Config().Files, readBy(cfg))...)
			return nil, err
		}
		g.Reload(ctx, policy)
		f.watch(cfg.Files...)
		return func() {
			f.logger.Info(f.what+" was reloaded", "file", from.file, "config", cfg.Hash)
			after(policy)
		}, nil
	}
}

// readBy are the files that a config is read from and those that it names, as
// far as it could be read itself.
func readBy(cfg *config.Config) []string {
	if cfg == nil {
		return nil
	}
	named := []string{cfg.RevokedFile}
	for _, i := range cfg.Issuers {
		named = append(named, i.JWKS.File, i.JWKS.CAFile)
	}
	named = slices.DeleteFunc(named, func(name string) bool { return name == "" })
	return slices.Concat(cfg.Files, named)
}

// followRevoked keeps a gate at what its list of what is revoked says.
func (f *follower) followRevoked(g *gate.Gate) {
	f.load = func(context.Context) (func(), error) {
		if err := g.ReloadRevoked(); err != nil {
			return nil, err
		}
		return func() {
			if g.Config().RevokedFile != "" {
				f.logger.Info(f.what+" was read", "lines", g.Revoked())
			}
		}, nil
	}
	f.rewatchRevoked(g)
}

// rewatchRevoked follows the list of a config that has gone live, which was read
// with it: what was refused of another list is no news any more.
func (f *follower) rewatchRevoked(g *gate.Gate) {
	f.refused.Store(nil)
	if file := g.Config().RevokedFile; file != "" {
		f.watch(file)
	} else {
		f.watch()
	}
}
