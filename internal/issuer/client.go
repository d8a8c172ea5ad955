package issuer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/quote"
)

const (
	maxRedirects      = 3
	maxHeaderBytes    = 64 << 10
	userAgent         = "jwtgate"
	proxyNone         = "none"
	proxyEnvironment  = "environment"
	schemeHTTP        = "http"
	schemeHTTPS       = "https"
	wellKnownDocument = "/.well-known/openid-configuration"
)

// dialFunc makes a connection, as net.Dialer.DialContext does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// client is the HTTP client for one issuer. It sends no cookies, follows no redirect to another host, and uses no proxy except the
// configured one. Only one goroutine may use it at a time.
type client struct {
	http   *http.Client
	build  func(roots *x509.CertPool) *http.Transport
	caFile string
	caPEM  []byte // the content of caFile that the transport uses
}

func newClient(cfg config.JWKS, dial dialFunc) (*client, *mistake) {
	proxy, err := proxyOf(cfg.Proxy)
	if err != nil {
		return nil, &mistake{"jwks.proxy", err.Error()}
	}
	if dial == nil {
		dial = (&net.Dialer{Timeout: cfg.RequestTimeout}).DialContext
	}
	c := &client{caFile: cfg.CAFile, http: &http.Client{CheckRedirect: checkRedirect}}
	c.build = func(roots *x509.CertPool) *http.Transport {
		return &http.Transport{
			Proxy:       proxy,
			DialContext: dial,
			// Fetches are rare, and a connection that was idle for minutes is often
			// dead, so each fetch uses a new one.
			DisableKeepAlives: true,
			// The transport would decode a body without a limit.
			DisableCompression:     true,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout:    cfg.RequestTimeout,
			ResponseHeaderTimeout:  cfg.RequestTimeout,
			MaxResponseHeaderBytes: maxHeaderBytes,
		}
	}
	if c.caFile == "" {
		c.http.Transport = c.build(nil)
		return c, nil
	}
	switch err := c.loadCA(); {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(c.caFile, config.PodSecrets):
		// Kubernetes mounts it in a pod; a configuration is checked on other machines too.
		// Until the file is there, no certificate is trusted, and fetches fail.
		c.http.Transport = c.build(x509.NewCertPool())
	default:
		return nil, &mistake{"jwks.ca_file", err.Error()}
	}
	return c, nil
}

// loadCA reads the CA file and trusts its certificates.
func (c *client) loadCA() error {
	opened, err := filewatch.OpenRegular(c.caFile)
	if err != nil {
		return fmt.Errorf("the CA file cannot be read: %w", err)
	}
	defer func() { _ = opened.Close() }()
	pem, err := io.ReadAll(opened)
	if err != nil {
		return fmt.Errorf("the CA file cannot be read: %w", err)
	}
	if c.caPEM != nil && bytes.Equal(pem, c.caPEM) {
		return nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("the CA file %q has no PEM certificate", c.caFile)
	}
	c.caPEM, c.http.Transport = pem, c.build(roots)
	return nil
}

// do sends one request. It reloads a CA file that has changed; if the file cannot
// be read, the previous certificates stay trusted.
func (c *client) do(request *http.Request) (*http.Response, error) {
	var caErr error
	if c.caFile != "" {
		if caErr = c.loadCA(); caErr != nil && c.caPEM == nil {
			return nil, caErr
		}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, errors.Join(err, caErr)
	}
	return response, nil
}

func proxyOf(setting string) (func(*http.Request) (*url.URL, error), error) {
	switch setting {
	case "", proxyNone:
		return nil, nil
	case proxyEnvironment:
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(setting)
	if err != nil || u.Host == "" {
		return nil, errors.New(`the proxy is invalid; expected none, environment, or a URL such as http://proxy.example:3128`)
	}
	return http.ProxyURL(u), nil
}

// errRedirect marks a redirect that is not followed.
var errRedirect = errors.New("redirect refused")

// checkRedirect allows redirects on the same host only, none from https to http, and three in
// a row. Otherwise an attacker who controls a redirect could supply the keys.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("%w: more than %d in a row", errRedirect, maxRedirects)
	case !strings.EqualFold(next.URL.Host, first.Host):
		return fmt.Errorf("%w: it leads to another host, %s", errRedirect, quote.Text(next.URL.Host))
	case first.Scheme == schemeHTTPS && next.URL.Scheme != schemeHTTPS:
		return fmt.Errorf("%w: it leads from https to %s", errRedirect, quote.Text(next.URL.Scheme))
	}
	return nil
}

// checkURL returns an error unless the URL of a key set or discovery document is
// an https URL, or an http URL and allowHTTP is set.
func checkURL(raw string, allowHTTP bool) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("the URL is invalid")
	case u.Scheme == schemeHTTP && !allowHTTP:
		return fmt.Errorf("%s is plain http, so an attacker on the network path could replace the keys; use https or set dangerously_allow_http",
			quote.Text(redact(raw)))
	case u.Scheme != schemeHTTPS && u.Scheme != schemeHTTP, u.Host == "", u.Opaque != "":
		return fmt.Errorf("%s is not an absolute https URL", quote.Text(redact(raw)))
	case u.User != nil:
		return fmt.Errorf("%s contains credentials, which are not supported", quote.Text(redact(raw)))
	}
	return nil
}

// redact returns a URL without the parts that may be secret: user information,
// query and fragment.
func redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "an invalid URL"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, Opaque: u.Opaque}).String()
}

// freshness returns how long a response stays fresh (RFC 9111 section 4.2.1), and
// false if its header does not say. no-store and no-cache count as zero.
func freshness(header http.Header) (time.Duration, bool) {
	age, said := time.Duration(0), false
	for _, line := range header.Values("Cache-Control") {
		for directive := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
			switch name {
			case "no-store", "no-cache":
				return 0, true
			case "max-age":
				if seconds, ok := deltaSeconds(strings.Trim(value, `"`)); ok && (!said || seconds < age) {
					age, said = seconds, true
				}
			}
		}
	}
	if passed, ok := deltaSeconds(header.Get("Age")); ok {
		age = max(age-passed, 0)
	}
	return age, said
}

// retryAfter returns the wait that the issuer asks for (RFC 9110 section 10.2.3),
// or zero.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if wait, ok := deltaSeconds(value); ok {
		return wait
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// deltaSeconds parses delta-seconds (RFC 9111 section 1.2.2). Values above a year
// count as a year.
func deltaSeconds(s string) (time.Duration, bool) {
	const year = 365 * 24 * 60 * 60
	if s == "" {
		return 0, false
	}
	seconds := int64(0)
	for _, digit := range []byte(s) {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		seconds = min(seconds*10+int64(digit-'0'), year)
	}
	return time.Duration(seconds) * time.Second, true
}
