package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/envoylint"
	"github.com/jwtgate/jwtgate/internal/setup"
)

// keptFile is a file of the project that init keeps as it is.
type keptFile struct {
	path string
	data []byte
}

// kept are such files by the name under which init would write them.
type kept map[string]keptFile

// existingFiles reads the files of a folder that init would otherwise write. A file that
// cannot be read is an error, because init cannot say what it lacks.
func (c console) existingFiles(dir string) (kept, error) {
	found := kept{}
	for _, one := range []struct{ name, is string }{ // is: the name under which init would write it
		{"jwtgate.yaml", "jwtgate.yaml"}, {"envoy.yaml", "envoy.yaml"},
		// The names that docker compose reads, in its order.
		{"compose.yaml", "compose.yaml"}, {"compose.yml", "compose.yaml"},
		{"docker-compose.yaml", "compose.yaml"}, {"docker-compose.yml", "compose.yaml"},
	} {
		path := filepath.Join(dir, one.name)
		switch _, err := os.Lstat(path); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		}
		if _, taken := found[one.is]; taken {
			continue
		}
		data, err := c.read(path, envoylint.MaxBytes)
		if err != nil {
			return nil, fmt.Errorf("%s exists and cannot be read; nothing was written: %w", path, err)
		}
		found[one.is] = keptFile{path, data}
	}
	existingSecrets(dir, found)
	return found, nil
}

// comparison is what the kept files are compared with.
type comparison struct {
	wanted  envoy.InitOptions // as the user gave them
	config  *config.Config    // nil: init writes it
	needs   envoy.Needs
	compose []byte // as init would write it
}

// report prints what each kept file lacks.
func (k kept) report(c console, with comparison) {
	for _, one := range []struct {
		name    string
		lacking func(keptFile, comparison) []string
	}{
		{"jwtgate.yaml", missingInConfig}, {"envoy.yaml", missingInEnvoy}, {"compose.yaml", missingInCompose},
	} {
		file, exists := k[one.name]
		if !exists || one.name == "compose.yaml" && with.compose == nil { // --no-compose
			continue
		}
		lines := one.lacking(file, with)
		if len(lines) == 0 {
			fmt.Fprintf(c.out, "kept   %s, which exists and lacks nothing\n", file.path)
			continue
		}
		fmt.Fprintf(c.out, "kept   %s, which exists. To do in it:\n%s\n", file.path, strings.Join(lines, "\n"))
	}
}

func missingInConfig(_ keptFile, with comparison) []string {
	return setup.Configuration(with.config, with.wanted)
}

// missingInEnvoy returns the findings of lint-envoy, and the user's options that the file
// does not have.
func missingInEnvoy(file keptFile, with comparison) []string {
	read, err := envoylint.Read(file.path, file.data)
	if err != nil {
		return []string{err.Error()}
	}
	report, err := read.Lint(with.needs, envoylint.Plain, envoylint.Version{})
	if err != nil {
		return []string{err.Error()}
	}
	var lines []string
	if report.Failed() {
		var text strings.Builder
		_ = report.WriteText(&text, envoylint.Layout{}) // a Builder returns no error
		lines = append(lines, strings.TrimRight(text.String(), "\n"),
			"jwtgate init --fragment prints the pieces that an Envoy file needs, each with its place (docs/existing-envoy.md)")
	}
	use := envoylint.Use{Login: with.wanted.LoginFields()}
	if port := with.wanted.Port; port != envoy.DefaultPort { // else any port is right
		use.Port = port
	}
	use.AppHost, use.AppPort, _ = net.SplitHostPort(with.wanted.App)
	for _, origin := range with.wanted.Origins {
		if with.config == nil || !slices.Contains(with.config.CORS.Origins, origin) { // else jwtgate answers its pages
			use.Origins = append(use.Origins, origin)
		}
	}
	return append(lines, read.Missing(use)...)
}

func missingInCompose(file keptFile, with comparison) []string {
	app, _, _ := net.SplitHostPort(with.wanted.App)
	missing, err := setup.Compose(file.data, with.compose, app)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", file.path, err)}
	}
	lines := missing.Lines
	if missing.Services != "" {
		lines = append(lines, fmt.Sprintf("%s: add to `services`:\n\n%s", file.path, missing.Services))
	}
	return lines
}

// useExistingFile makes the jwtgate.yaml of the folder the configuration, as --config
// does. The user's issuer is then not an option but compared with that file.
func (cmd *initCommand) useExistingFile(options *envoy.InitOptions, files kept) error {
	file, exists := files["jwtgate.yaml"]
	if cmd.Config != "" {
		delete(files, "jwtgate.yaml") // another file than the one that init would write, or already named
		return nil
	}
	if !exists {
		return nil
	}
	if options.NamesIssuer() { // the mistakes that a new jwtgate.yaml would have
		if _, err := envoy.Init(*options); err != nil {
			return err
		}
	}
	cmd.Config = file.path
	options.Provider, options.Cognito, options.ClientIDs, options.Issuer, options.Audience = nil, "", nil, "", ""
	return nil
}

// useCompose names an existing compose file in the next steps, which then do not ask for a
// service that it has.
func (k kept) useCompose(options *envoy.InitOptions) {
	file := k["compose.yaml"]
	app, _, _ := net.SplitHostPort(options.App)
	options.Compose, options.AppIsThere = file.path, setup.HasService(file.data, app)
}

// write writes the files that do not exist, and returns compose.yaml whether it exists or
// not.
func (k kept) write(c console, dir string, files []envoy.File) (compose []byte, err error) {
	for _, file := range files {
		if file.Name == "compose.yaml" {
			compose = file.Data
		}
		if _, exists := k[file.Name]; exists {
			continue
		}
		name, folder, mode := filepath.Join(dir, file.Name), fs.FileMode(0o755), fs.FileMode(0o644)
		if file.Secret {
			folder, mode = 0o700, 0o600
		}
		if err := os.MkdirAll(filepath.Dir(name), folder); err != nil {
			return nil, err
		}
		if err := writeNew(name, file.Data, mode); err != nil {
			return nil, err
		}
		fmt.Fprintf(c.out, "wrote  %s\n", name)
	}
	return compose, nil
}
