package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
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
	return discover(ctx, discoveryClient(nil), cmd.Issuer, login)
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

// discoveryClient returns the client for the discovery document, which decides where the
// user's passwords and the client's secret go: it follows no redirect to another host or to
// plain http, and uses no proxy. Without roots, it trusts the system's.
func discoveryClient(roots *x509.CertPool) *http.Client {
	return &http.Client{CheckRedirect: issuer.CheckRedirect, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		MaxResponseHeaderBytes: 64 << 10,
	}}
}

// discover reads the issuer's endpoints from its discovery document (OpenID Connect
// Discovery 1.0 section 4).
func discover(ctx context.Context, client *http.Client, iss string, login *envoy.LoginOptions) error {
	at := strings.TrimSuffix(iss, "/") + "/.well-known/openid-configuration"
	failed := func(err error) error {
		return fmt.Errorf("nothing was written, because the issuer's endpoints are not known: %s: %w", at, err)
	}
	data, err := fetchDocument(ctx, client, at)
	if err != nil {
		return failed(err)
	}
	var document struct {
		Issuer        string `json:"issuer"`
		Authorization string `json:"authorization_endpoint"`
		Token         string `json:"token_endpoint"`
		EndSession    string `json:"end_session_endpoint"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return failed(fmt.Errorf("got no JSON object: %w", err))
	}
	if document.Issuer != iss {
		return failed(fmt.Errorf("got the issuer %q; expected %q, as in --issuer", document.Issuer, iss))
	}
	login.Authorization, login.Token, login.EndSession = document.Authorization, document.Token, document.EndSession
	plain := strings.HasPrefix(iss, "http:") // the options are checked: on loopback
	for _, one := range []struct{ name, value string }{
		{"authorization_endpoint", login.Authorization}, {"token_endpoint", login.Token}, {"end_session_endpoint", login.EndSession},
	} {
		if one.value == "" && one.name == "end_session_endpoint" {
			continue
		}
		if err := checkEndpoint(one.value, plain); err != nil {
			return failed(fmt.Errorf("%s: %w", one.name, err))
		}
	}
	return nil
}

// fetchDocument fetches a document of at most 1 MB within ten seconds.
func fetchDocument(ctx context.Context, client *http.Client, at string) ([]byte, error) {
	const limit = 1 << 20
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, unreachable(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("got status %s; expected 200%s", response.Status, statusHint(response.StatusCode))
	}
	return io.ReadAll(io.LimitReader(response.Body, limit))
}

// checkEndpoint returns an error unless an endpoint is an https URL, or, for an issuer that
// is itself on plain http, an http URL on loopback. Else an issuer could make Envoy send the
// client's secret to a service of this machine.
func checkEndpoint(value string, plain bool) error {
	u, err := url.Parse(value)
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
	return fmt.Errorf("got %q; expected an https URL", value)
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
