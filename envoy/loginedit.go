package envoy

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Login is who signs in, and where. Empty fields change nothing.
type Login struct {
	PublicURL string // the origin under which browsers reach Envoy, such as https://app.example
	ClientID  string // of Envoy, at the issuer
	// The issuer's endpoints: http or https URLs, with or without a query. Envoy itself
	// connects to the host of Token only.
	Authorization, Token, EndSession string
	// NoEndSession is set if the issuer has no EndSession: then /logout ends the session
	// here only. NoHint is set if EndSession is complete without the parameters of OpenID
	// Connect (id_token_hint, post_logout_redirect_uri), as at Cognito.
	NoEndSession, NoHint bool
	Scopes               []string
	Secrets              string // the folder of the two SDS files; relative to Envoy's working directory
}

// login returns the changes of the lines about sign-in.
func (e Edit) login() ([]change, error) {
	if e.Login == nil {
		return nil, nil
	}
	l := *e.Login
	var changes []change
	var faults []error
	for _, further := range []func() ([]change, error){l.public, l.endpoints, l.client} {
		more, err := further()
		changes, faults = append(changes, more...), append(faults, err)
	}
	return changes, errors.Join(faults...)
}

var (
	quotedValue  = regexp.MustCompile(`"[^"]*"`)
	anyOrigin    = regexp.MustCompile(`https?://[a-z0-9._-]+(:[0-9]+)?`)
	anyRedirect  = regexp.MustCompile(`scheme_redirect: [a-z]+, host_redirect: [^ ,]+, port_redirect: [0-9]+`)
	anyList      = regexp.MustCompile(`\[.*\]`)
	anySecrets   = regexp.MustCompile(`path: "[^"]*/`)
	anyTransport = regexp.MustCompile(`# no TLS: this issuer is on loopback|transport_socket: \{.*\}`)
)

// public returns the changes of the origin.
func (l Login) public() ([]change, error) {
	if l.PublicURL == "" {
		return nil, nil
	}
	if err := checkOrigin(l.PublicURL); err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	u, err := url.Parse(l.PublicURL)
	if err != nil {
		return nil, err
	}
	port := portOf(u)
	return []change{
		{mark: "public-url", times: 5, find: anyOrigin, with: always(l.PublicURL)},
		{mark: "public-host", times: 1, find: anyRedirect, with: always(
			fmt.Sprintf("scheme_redirect: %s, host_redirect: %s, port_redirect: %d", u.Scheme, u.Hostname(), port))},
		{mark: "public-domain", times: 1, find: quotedValue, with: always(strconv.Quote(u.Hostname()))},
	}, nil
}

// portOf returns the port of an http or https URL.
func portOf(u *url.URL) int {
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return int(port)
	}
	if u.Scheme == "https" {
		return 443
	}
	return 80
}

// endpoints returns the changes of the issuer's endpoints.
func (l Login) endpoints() ([]change, error) {
	var changes []change
	var faults []error
	for _, one := range []struct{ mark, value string }{
		{"authorization-endpoint", l.Authorization}, {"token-endpoint", l.Token}, {"end-session-endpoint", l.EndSession},
	} {
		if one.value == "" {
			continue
		}
		u, err := url.Parse(one.value)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !hostName.MatchString(u.Hostname()) || !plainURL(one.value) {
			faults = append(faults, fmt.Errorf("%s: got %q; expected an http or https URL", one.mark, one.value))
			continue
		}
		changes = append(changes, change{mark: one.mark, times: 1, find: quotedValue, with: always(`"` + one.value + `"`)})
		if one.mark == "token-endpoint" {
			changes = append(changes, tokenCluster(u)...)
		}
	}
	if l.NoEndSession {
		changes = append(changes, change{mark: "end-session-endpoint", times: 1,
			find: regexp.MustCompile(`end_session_endpoint: "[^"]*"`), with: always("# this issuer has no end_session_endpoint")})
	}
	if l.NoHint {
		// Envoy would add the ID token to the fragment, with which the landing page gets it.
		changes = append(
			changes,
			change{mark: "post-logout", times: 1, find: regexp.MustCompile(`post_logout_redirect_uri: \{ uri: "[^"]*" \}`),
				with: always("post_logout_redirect_uri: { disabled: true }\n                disable_id_token_set_cookie: true")},
		)
	}
	return changes, errors.Join(faults...)
}

// tokenCluster returns the changes of the cluster of the token endpoint.
func tokenCluster(u *url.URL) []change {
	host := u.Hostname()
	transport := "# no TLS: this issuer is on loopback"
	if u.Scheme == "https" {
		transport = fmt.Sprintf(`transport_socket: { name: envoy.transport_sockets.tls, typed_config: { `+
			`"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: %q, `+
			`common_tls_context: { validation_context: { trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }, `+
			`match_typed_subject_alt_names: [ { san_type: DNS, matcher: { exact: %q } } ] } } } }`, host, host)
	}
	return []change{
		{mark: "issuer", times: 1, find: socketAddress,
			with: always(fmt.Sprintf("socket_address: { address: %s, port_value: %d }", host, portOf(u)))},
		{mark: "issuer-tls", times: 1, find: anyTransport, with: always(transport)},
	}
}

// client returns the changes of the client's own values.
func (l Login) client() ([]change, error) {
	var changes []change
	var faults []error
	if l.ClientID != "" {
		if !plainText(l.ClientID) {
			faults = append(faults, fmt.Errorf("client ID: got %q; expected printable ASCII without quotes and backslashes", l.ClientID))
		}
		changes = append(changes, change{mark: "client-id", times: 1, find: quotedValue, with: always(`"` + l.ClientID + `"`)})
	}
	if len(l.Scopes) > 0 {
		for _, scope := range l.Scopes {
			if !plainText(scope) {
				faults = append(faults, fmt.Errorf("scope: got %q; expected printable ASCII without spaces, quotes and backslashes", scope))
			}
		}
		if !slices.Contains(l.Scopes, "openid") {
			faults = append(faults, errors.New("scopes: expected openid among them, without which the issuer cannot sign out"))
		}
		list := `[ "` + strings.Join(l.Scopes, `", "`) + `" ]`
		changes = append(changes, change{mark: "scopes", times: 1, find: anyList, with: always(list)})
	}
	if l.Secrets != "" {
		if !secretsPath.MatchString(l.Secrets) {
			faults = append(faults, fmt.Errorf("got the folder %q; expected letters, digits, dots, dashes and underscores", l.Secrets))
		}
		changes = append(changes, change{mark: "secrets", times: 2, find: anySecrets, with: always(`path: "` + l.Secrets + `/`)})
	}
	return changes, errors.Join(faults...)
}

var secretsPath = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)

// plainText reports whether text is visible ASCII that stands in double quotes in YAML
// as it is, without percent signs, which Envoy may expand.
func plainText(text string) bool { return printable(text) && !strings.ContainsAny(text, `"\%`) }

// plainURL is plainText for a URL, in which %XX may occur.
func plainURL(text string) bool { return printable(text) && !strings.ContainsAny(text, `"\`) }
