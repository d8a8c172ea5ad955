package engine

import (
	"errors"
	"log/slog"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// Source is where a configuration comes from, and how it is compiled.
type Source struct {
	File    string // empty: the environment, which can name a Cognito user pool
	Getenv  func(string) (string, bool)
	Options gate.CompileOptions
	// Compile compiles the configuration; nil: gate.Compile.
	Compile func(*config.Config, gate.CompileOptions) (*gate.Policy, error)
	// Validate returns the mistakes that only the front end can find, such as those in
	// its certificates; nil: it finds none. A reload does not call it.
	Validate func(*config.Config) config.Mistakes
}

// Load reads the configuration and compiles it, once. When the configuration is wrong,
// the error is a [config.Mistakes] with the mistakes of all parts, in the order of the
// file. The configuration is returned as far as it could be read, also with an error.
func (s Source) Load() (*config.Config, *gate.Policy, error) {
	cfg, err := s.read()
	if _, wrong := errors.AsType[config.Mistakes](err); err != nil && !wrong || cfg == nil {
		return cfg, nil, err
	}
	compile := s.Compile
	if compile == nil {
		compile = gate.Compile
	}
	policy, compileErr := compile(cfg, s.Options)
	all := []error{err, compileErr}
	if s.Validate != nil {
		all = append(all, s.Validate(cfg))
	}
	if err = config.Together(all...); err == nil {
		return cfg, policy, nil
	}
	if policy != nil {
		policy.Close()
	}
	return cfg, nil, err
}

func (s Source) read() (*config.Config, error) {
	if s.File == "" {
		return config.FromEnvironment(s.Getenv)
	}
	return config.Load(s.File, s.Getenv)
}

// Loaded is a configuration that was loaded to be served: its file is watched from
// before it was read.
type Loaded struct {
	Policy  *gate.Policy
	source  Source
	watcher *filewatch.Watcher // nil: the environment, or nothing can be watched
}

// Open watches the configuration's file and loads it. The error is that of
// [Source.Load]. Its Policy has to be closed unless an engine is made from it.
func Open(source Source, logger *slog.Logger) (*Loaded, error) {
	return open(source, "configuration", logger)
}

func open(source Source, name string, logger *slog.Logger) (*Loaded, error) {
	l := &Loaded{source: source}
	if source.File != "" {
		l.watcher = Watch(logger, name, source.File)
	}
	var err error
	if _, l.Policy, err = source.Load(); err != nil {
		return nil, err
	}
	return l, nil
}
