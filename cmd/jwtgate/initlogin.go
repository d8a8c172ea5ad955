package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/setup"
)

// loginOptions are the options of init for an Envoy that signs users in.
type loginOptions struct {
	Login     bool   `help:"Let Envoy sign users in, as the client --client-id of the issuer."`
	PublicURL string `name:"public-url" help:"With --login, the origin that people open." placeholder:"URL"`

	ClientSecretFile string `help:"With --login, a file with the client's secret. Default: a new secret." placeholder:"FILE"`

	Forward string `help:"With --login, what jwtgate reads: ${enum}." enum:"access-token,id-token" default:"access-token"`
}

// checkLogin returns an error that names an option that has no effect without --login.
func (o loginOptions) checkLogin() error {
	if o.Login {
		return nil
	}
	for _, one := range []struct {
		flag  string
		given bool
	}{
		{"--public-url", o.PublicURL != ""}, {"--client-secret-file", o.ClientSecretFile != ""},
		{"--forward", o.Forward != "access-token"},
	} {
		if one.given {
			return fmt.Errorf("%s: expected it only with --login", one.flag)
		}
	}
	return nil
}

// checkExistingLogin returns an error that says what --login needs in addition to an
// existing configuration.
func (cmd initCommand) checkExistingLogin() error {
	if !cmd.Login || cmd.Config == "" || cmd.Issuer != "" || cmd.Cognito != "" {
		return nil
	}
	return errors.New("--login and --config: got both; --login also needs --client-id, --public-url, and --issuer URL " +
		"or --cognito POOL, because Envoy signs users in at one issuer")
}

// addLogin adds the options about sign-in: what the user gave, what the issuer's discovery
// document says, and secrets.
func (cmd initCommand) addLogin(ctx context.Context, options *envoy.InitOptions) error {
	if !cmd.Login {
		return nil
	}
	login := &envoy.LoginOptions{
		PublicURL: strings.TrimSuffix(cmd.PublicURL, "/"), ClientID: strings.Join(cmd.ClientID, ","), Domain: cmd.Domain,
		IDToken: cmd.Forward == "id-token", CookieKey: rand.Text() + rand.Text(), Owner: owner(),
	}
	options.Login = login
	if err := options.Check(); err != nil {
		return err
	}
	if err := errors.Join(checkSecretsFolder(cmd.Out), cmd.readClientSecret(login)); err != nil {
		return err
	}
	if cmd.Issuer == "" {
		return nil
	}
	return discover(ctx, discoveredIssuer(cmd.Issuer, options.PlainHTTP()), login)
}

// checkSecretsFolder returns an error if users other than its owner can write into an existing
// folder for the secrets: they could replace them.
func checkSecretsFolder(dir string) error {
	folder := filepath.Join(dir, filepath.Dir(envoy.Secrets()[0]))
	info, err := os.Stat(folder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (owner() == "" || info.Mode().Perm()&0o022 == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: got the mode %04o, with which others can replace the secrets; nothing was written; expected 0700",
		folder, info.Mode().Perm())
}

// owner returns who can read what this process writes, for a container; empty: the system
// does not say.
func owner() string {
	if os.Getuid() < 0 {
		return ""
	}
	return fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
}

// readClientSecret reads the client's secret, or makes one.
func (cmd initCommand) readClientSecret(login *envoy.LoginOptions) error {
	if cmd.ClientSecretFile == "" {
		if login.Domain != "" {
			return errors.New("--client-secret-file is missing; expected a file with the secret that Cognito made for the app client")
		}
		login.ClientSecret, login.Generated = rand.Text()+rand.Text(), true
		return nil
	}
	data, err := os.ReadFile(cmd.ClientSecretFile)
	if err != nil {
		return fmt.Errorf("--client-secret-file: %w", err)
	}
	login.ClientSecret = string(bytes.TrimRight(data, "\r\n"))
	if login.ClientSecret == "" || len(data) > 4096 || strings.ContainsAny(login.ClientSecret, "\r\n") {
		return fmt.Errorf("--client-secret-file: expected one line in %s", cmd.ClientSecretFile)
	}
	return nil
}

// discoveredIssuer returns the issuer whose document [discover] fetches, without a proxy.
func discoveredIssuer(iss string, plain bool) config.Issuer {
	return config.Issuer{ISS: []string{iss}, AllowHTTP: plain, JWKS: config.JWKS{RequestTimeout: 10 * time.Second}}
}

// discover reads the issuer's endpoints from its discovery document, which decides where the
// users' passwords and the client's secret go.
func discover(ctx context.Context, cfg config.Issuer, login *envoy.LoginOptions) error {
	failed := func(err error) error {
		return fmt.Errorf("nothing was written, because the discovery document of %s cannot be used: %w", cfg.ISS[0], err)
	}
	found, err := issuer.Discover(ctx, cfg)
	if err != nil {
		return failed(fmt.Errorf("%w; hint: %s", err, discoveryHint(err)))
	}
	for _, one := range []struct{ name, value string }{
		{"authorization_endpoint", found.Authorization}, {"token_endpoint", found.Token}, {"end_session_endpoint", found.EndSession},
	} {
		if one.value == "" && one.name == "end_session_endpoint" {
			continue
		}
		if err := checkEndpoint(one.value, cfg.AllowHTTP); err != nil {
			return failed(fmt.Errorf("%s: %w", one.name, err))
		}
	}
	login.Authorization, login.Token, login.EndSession = found.Authorization, found.Token, found.EndSession
	return nil
}

// checkEndpoint returns an error unless an endpoint is an https URL, or, for an issuer that
// is itself on plain http, an http URL on loopback. Else an issuer could make Envoy send the
// client's secret to a service of this machine.
func checkEndpoint(value string, plain bool) error {
	u, err := url.Parse(value)
	if err == nil && u.Port() != "" {
		_, err = strconv.ParseUint(u.Port(), 10, 16)
	}
	switch {
	case err != nil: // the error contains the URL, and so a password in it
		return errors.New("got an invalid URL; expected an https URL")
	case u.User != nil || strings.Contains(value, "#"):
		return errors.New("got a URL with a user name or a fragment; expected an https URL without")
	case u.Hostname() != "" && u.Scheme == "https":
		return nil
	case plain && u.Scheme == "http" && config.LoopbackHost(u.Hostname()):
		return nil
	}
	return fmt.Errorf("got %s; expected an https URL", quote.Text(value))
}

// reportLogin prints what the file of --config lacks for sign-in. [kept.report] has printed
// what the jwtgate.yaml of the folder lacks.
func (k kept) reportLogin(c console, file string, with comparison) {
	_, reported := k["jwtgate.yaml"]
	if lines := setup.Login(with.config, with.wanted.Login); len(lines) > 0 && !reported {
		fmt.Fprintf(c.out, "\nto do in %s:\n%s\n", file, strings.Join(lines, "\n"))
	}
}

// existingSecrets finds the files with secrets of a folder, which init keeps.
func existingSecrets(dir string, found kept) {
	for _, name := range envoy.Secrets() {
		for _, name := range []string{name, name + ".yaml", filepath.Dir(name) + "/.gitignore"} {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				found[name] = keptFile{path: filepath.Join(dir, name)}
			}
		}
	}
}
