package engine

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/jwtgate/jwtgate/internal/filewatch"
)

// Reload is how something that was read from files is read again.
type Reload struct {
	Name  string // in log lines and at /readyz, such as "configuration"
	Label string // in metrics, such as "config"
	// Watcher watches the files; nil: they are read again on request only.
	Watcher *filewatch.Watcher
	// Load reads the files and makes their contents active, all or nothing.
	Load func(context.Context) error
	// Report logs what is active, after each Load that succeeds.
	Report func()
	// Count counts the result of each Load: "ok" or "refused".
	Count func(result string)
}

// Watch starts to watch files, which the caller reads afterwards, so that no change is
// missed. If nothing can be watched it logs an error and returns nil.
func Watch(logger *slog.Logger, name string, files ...string) *filewatch.Watcher {
	return watch(logger, name, filewatch.New, files...)
}

func watch(
	logger *slog.Logger, name string, start func(...string) (*filewatch.Watcher, error), files ...string,
) *filewatch.Watcher {
	watcher, err := start(files...)
	if err != nil {
		logger.Error(name+" is not watched for changes; send SIGHUP to reload it", "error", err)
		return nil
	}
	return watcher
}

// rewatch makes these the watched files, in place of those before.
func rewatch(watcher *filewatch.Watcher, files []string) {
	if watcher != nil {
		watcher.Watch(files...)
	}
}

// reloader loads files again when they change, and when it is asked to. A failed load
// changes nothing.
type reloader struct {
	Reload
	logger    *slog.Logger
	requested chan struct{}          // holds one request
	failure   atomic.Pointer[string] // of the last load; nil: it succeeded
}

func newReloader(logger *slog.Logger, reload Reload) *reloader {
	return &reloader{Reload: reload, logger: logger, requested: make(chan struct{}, 1)}
}

// request asks for a load. It does not wait.
func (r *reloader) request() {
	select {
	case r.requested <- struct{}{}:
	default: // a load that was requested has not begun yet
	}
}

// run loads on each change and on each request, until ctx ends.
func (r *reloader) run(ctx context.Context) {
	if r.Watcher != nil {
		var watching sync.WaitGroup
		defer watching.Wait()
		watching.Go(func() { r.Watcher.Run(ctx, r.request) })
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.requested:
		}
		if ctx.Err() == nil {
			r.reload(ctx)
		}
	}
}

// reload loads once. Metrics and /readyz show the result before it is logged.
func (r *reloader) reload(ctx context.Context) {
	if err := r.Load(ctx); err != nil {
		why := err.Error()
		r.failure.Store(&why)
		r.Count("refused")
		r.logger.Error(r.Name+" reload failed; keeping the previous version", "error", err)
		return
	}
	r.failure.Store(nil)
	r.Count("ok")
	r.Report()
}

// problem returns the failure of the last load for /readyz; empty if it succeeded.
func (r *reloader) problem() string {
	if why := r.failure.Load(); why != nil {
		return r.Name + ": " + *why
	}
	return ""
}
