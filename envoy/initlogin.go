package envoy

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// LoginOptions are the options of `jwtgate init --login`, with which envoy.yaml has the form
// of login.yaml.
type LoginOptions struct {
	PublicURL string // the origin under which browsers reach Envoy
	ClientID  string // of Envoy, at the issuer
	Domain    string // of Cognito's managed login; else the endpoints are those of discovery
	IDToken   bool   // jwtgate verifies the ID token, for issuers with opaque access tokens

	// The issuer's endpoints from its discovery document; EndSession may be empty.
	Authorization, Token, EndSession string

	ClientSecret, CookieKey string // the contents of the two files
	Generated               bool   // ClientSecret is not the issuer's yet
	Owner                   string // UID:GID that reads the files in a container; empty: any
}

// imageUser is the user of Envoy's image.
const imageUser = "101:101"

// byRoot reports whether the files belong to root.
func (l LoginOptions) byRoot() bool { return strings.HasPrefix(l.Owner, "0:") }

// The folder of the secrets, next to envoy.yaml, and their names in it, which are also
// their names in login.yaml.
const (
	secretsFolder    = "secrets"
	clientSecretName = "client-secret"
	cookieKeyName    = "cookie-key"
)

// Secrets returns the names of the files with secrets that [Init] renders.
func Secrets() []string {
	return []string{secretsFolder + "/" + clientSecretName, secretsFolder + "/" + cookieKeyName}
}

// PlainHTTP reports whether the issuer is an http URL on loopback.
func (o InitOptions) PlainHTTP() bool {
	u, err := url.Parse(o.Issuer)
	return err == nil && u.Scheme == "http" && thisMachine(u.Hostname())
}

// SessionSource is the cookie from which jwtgate reads the token.
func (l LoginOptions) SessionSource() string {
	if l.IDToken {
		return SessionCookies()["id_token"]
	}
	return SessionCookie
}

// StripCookies returns the cookies that the application must not receive.
func (LoginOptions) StripCookies() []string { return LoginCookies() }

// checkLogin checks the options about sign-in, and the issuer's.
func (o InitOptions) checkLogin() error {
	l := o.Login
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch {
	case (o.Cognito == "") == (o.Issuer == ""):
		add("--login: expected either --issuer URL, or --cognito POOL --domain DOMAIN")
	case o.Cognito != "" && o.checkPool() != nil:
		faults = append(faults, o.checkPool())
	case o.Cognito != "" && !domainName.MatchString(l.Domain):
		add("--domain: got %q; expected the domain of the pool's managed login, such as shop.auth.us-west-1.amazoncognito.com", l.Domain)
	case o.Cognito != "" && l.IDToken:
		add("--forward id-token and --cognito: got both; Cognito's sign-out does not work with it, and its access tokens are JWTs")
	case o.Issuer != "" && l.Domain != "":
		add("--domain: expected it only with --cognito")
	case o.Issuer != "":
		if err := o.checkGeneric(); err != nil {
			faults = append(faults, err)
		}
	}
	if len(o.ClientIDs) != 1 || !plainText(l.ClientID) || l.ClientID == "" {
		add("--client-id: got %q; expected exactly one: the client ID under which Envoy is registered at the issuer",
			strings.Join(o.ClientIDs, ", "))
	}
	switch {
	case o.Audience == "":
	case l.IDToken:
		add("--forward id-token and --audience: got both; the aud of an ID token is the client, --client-id")
	case o.Cognito != "":
		add("--cognito and --audience: got both; Cognito's access tokens have no aud")
	}
	return errors.Join(append(faults, o.checkPublicURL())...)
}

var domainName = regexp.MustCompile(`^[a-z0-9-]+([.][a-z0-9-]+)+$`)

// checkPublicURL checks that browsers keep the cookies of the public URL, and that Envoy
// listens there if it is this machine.
func (o InitOptions) checkPublicURL() error {
	text := o.Login.PublicURL
	if text == "" {
		return errors.New(
			"--public-url is missing; expected the origin that people open, such as http://localhost:8080 or https://app.example",
		)
	}
	if err := checkOrigin(text); err != nil {
		return fmt.Errorf("--public-url: %w", err)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return err
	case u.Scheme == "http" && u.Hostname() != "localhost":
		return fmt.Errorf(
			"--public-url: got %q; expected https, or http://localhost:PORT: browsers keep the session's cookies nowhere else",
			text,
		)
	case u.Scheme == "http" && portOf(u) != o.port():
		return fmt.Errorf("--public-url: got %q, and Envoy listens on port %d; expected --port %d", text, o.port(), portOf(u))
	}
	return nil
}

// loginEdit returns the changes of login.yaml; nil without sign-in.
func (o InitOptions) loginEdit() *Login {
	if o.Login == nil {
		return nil
	}
	l := *o.Login
	edit := &Login{
		PublicURL: l.PublicURL, ClientID: l.ClientID, Secrets: "./" + secretsFolder,
		Authorization: l.Authorization, Token: l.Token, EndSession: l.EndSession, NoEndSession: l.EndSession == "",
	}
	if l.Domain != "" {
		at := "https://" + l.Domain
		edit.Authorization, edit.Token, edit.NoHint, edit.NoEndSession = at+"/oauth2/authorize", at+"/oauth2/token", true, false
		// Envoy adds ?id_token_hint=...: after the #, it stays in the browser.
		edit.EndSession = at + "/logout?client_id=" + url.QueryEscape(l.ClientID) + "&logout_uri=" + url.QueryEscape(l.signedOut()) + "#"
	}
	return edit
}

// LoginFields returns the fields of the oauth2 filter that differ between sign-ins, as paths
// below its config; nil without sign-in.
func (o InitOptions) LoginFields() []Setting {
	edit := o.loginEdit()
	if edit == nil {
		return nil
	}
	return []Setting{
		{Key: "redirect_uri", Value: o.Login.callback()}, {Key: "credentials.client_id", Value: edit.ClientID},
		{Key: "authorization_endpoint", Value: edit.Authorization}, {Key: "token_endpoint.uri", Value: edit.Token},
	}
}

func (l LoginOptions) callback() string  { return l.PublicURL + "/oauth2/callback" }
func (l LoginOptions) signedOut() string { return l.PublicURL + "/oauth2/signed-out" }

// secrets returns the files of the secrets.
func (o InitOptions) secrets() []File {
	if o.Login == nil {
		return nil
	}
	files := append(SecretFiles("./"+secretsFolder, o.Login.ClientSecret, o.Login.CookieKey), File{Name: ".gitignore", Data: []byte("*\n")})
	for i := range files {
		files[i].Name = secretsFolder + "/" + files[i].Name
	}
	return files
}

// SecretFiles returns the files of the folder that [Login.Secrets] names: two secrets, and
// for each the SDS file that tells Envoy where it is. No secret ends with a line feed, which
// would be a part of it.
func SecretFiles(folder, clientSecret, cookieKey string) []File {
	var files []File
	for _, one := range []struct{ name, value string }{{clientSecretName, clientSecret}, {cookieKeyName, cookieKey}} {
		files = append(files, File{Name: one.name, Data: []byte(one.value), Secret: true}, File{Name: one.name + ".yaml", Data: []byte(
			"# Envoy reads the secret from here, and again when the file is replaced (mv, not an editor).\n" +
				"resources:\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n" +
				"  name: " + one.name + "\n  generic_secret: { secret: { filename: " + folder + "/" + one.name + " } }\n")})
	}
	return files
}

// LoginFlags returns the further arguments of Envoy with login.yaml: at its default level,
// the oauth2 filter logs tokens that it cannot decrypt, and token answers without expires_in.
func LoginFlags() []string { return []string{"--component-log-level", "oauth2:off"} }

// envoyCommand returns the command that runs Envoy with a file.
func (o InitOptions) envoyCommand(file string) string {
	command := "envoy -c " + file
	if o.Login != nil {
		command += " " + strings.Join(LoginFlags(), " ")
	}
	return command
}

// runEnvoy returns the command that runs Envoy with envoy.yaml. The paths of the secrets are
// relative to its folder.
func (o InitOptions) runEnvoy() string {
	if o.Login != nil && filepath.Clean(cmp.Or(o.Dir, ".")) != "." {
		return "cd " + o.Dir + " && " + o.envoyCommand("envoy.yaml")
	}
	return o.envoyCommand(filepath.Join(o.Dir, "envoy.yaml"))
}

// nextOpen returns the step that opens the public URL.
func (o InitOptions) nextOpen() []string {
	if o.Login == nil {
		return nil
	}
	return []string{"open " + o.Login.PublicURL}
}

// nextLogin returns what to register at the issuer.
func (o InitOptions) nextLogin() []string {
	if o.Login == nil {
		return nil
	}
	l := o.Login
	steps := []string{
		"at the issuer, the client " + l.ClientID +
			" needs a secret, the authorization code flow with PKCE (S256), and no refresh token rotation",
		"register its redirect URL " + l.callback() + " and its URL after sign-out " + l.signedOut(),
	}
	if o.Audience != "" {
		steps = append(steps, "its access tokens need the audience "+o.Audience+" (in Keycloak, by an audience mapper)")
	}
	if l.Generated {
		steps = append(steps, "give the client the secret in "+filepath.Join(o.Dir, Secrets()[0])+
			", or write the one that the issuer made into that file, without a line feed")
	}
	if l.byRoot() && !o.NoCompose {
		steps = append(steps, "for containers, let the user of Envoy's image read root's secrets: chown -R "+imageUser+" "+
			filepath.Join(o.Dir, secretsFolder))
	}
	if l.EndSession == "" && l.Domain == "" {
		steps = append(steps, "the issuer has no end_session_endpoint, so that /logout ends the session here, and not at the issuer")
	}
	if strings.HasPrefix(l.PublicURL, "https:") {
		steps = append(steps, "Envoy has no TLS yet: put a certificate on its listener, or a proxy that has one in front, for "+l.PublicURL)
	}
	return slices.Clip(steps)
}
