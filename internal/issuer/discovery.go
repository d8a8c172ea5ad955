package issuer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// discovery finds the key set's URI in the issuer's OpenID Connect discovery
// document. It reads the document for every fetch, since the URI can change.
type discovery struct {
	uri       string
	issuers   []string // the values that the document's issuer may have
	allowHTTP bool
	keep      time.Duration // how long the last URI is used while the document is unavailable

	last   string // the key set URI in the last good document
	lastAt time.Time
}

// discoveryURI returns the URI of an issuer's document: the path is appended to
// the issuer, without a final slash (OpenID Connect Discovery 1.0 section 4).
func discoveryURI(iss string) string {
	return strings.TrimSuffix(iss, "/") + wellKnownDocument
}

// keySetURI returns the key set's URI. While the document is unavailable, it
// returns the last known URI, and note is the error. An invalid document is an
// error, so that no keys are fetched.
func (d *discovery) keySetURI(ctx context.Context, r *remote) (uri string, note, err error) {
	got, err := r.get(ctx, d.uri, ask{})
	if err != nil {
		failed, ok := errors.AsType[*fetchError](err)
		if ok && failed.result != FetchInvalid && d.last != "" && r.now().Sub(d.lastAt) <= d.keep {
			return d.last, err, nil
		}
		return "", nil, err
	}
	if _, uri, err = d.parse(got.body); err != nil {
		return "", nil, err
	}
	d.last, d.lastAt = uri, r.now()
	return uri, nil, nil
}

// parse returns the document's members and its jwks_uri. The document's issuer must be
// exactly the configured one; otherwise the document of another issuer could supply the keys
// (OpenID Connect Discovery 1.0 section 4.3).
func (d *discovery) parse(body []byte) (m members, keys string, err error) {
	m, err = strictjson.Document(string(body))
	if err != nil {
		return nil, "", invalid("the discovery document is not a valid JSON object: %w", err)
	}
	switch iss := m.text("issuer"); {
	case slices.Contains(d.issuers, iss):
	case strings.Contains(iss, "{tenantid}"):
		return nil, "", invalid("the discovery document's issuer is %s, a template for all tenants of Microsoft Entra; "+
			"set issuer to the URL with the ID of your tenant, which is the iss of its tokens", quote.Text(iss))
	default:
		return nil, "", invalid("the discovery document's issuer is %s; expected %q", quote.Text(iss), d.issuers[0])
	}
	if keys = m.text("jwks_uri"); keys == "" {
		return nil, "", invalid("the discovery document has no jwks_uri")
	}
	if err := checkURL(keys, d.allowHTTP); err != nil {
		return nil, "", invalid("the discovery document's jwks_uri: %w", err)
	}
	return m, keys, nil
}

// Endpoints are the URLs of an issuer's discovery document that a sign-in uses, as the
// document has them. An absent one is empty.
type Endpoints struct{ Authorization, Token, EndSession string }

// Discover fetches the discovery document of an issuer once and returns its endpoints. It
// reads the document as a [Set] does for the keys, and needs no cfg.JWKS except the settings
// of the fetch: a document in which the set would find no jwks_uri is an error.
//
// It does not say that an endpoint is a URL, or whose it is. Its errors have a method
// Result, which returns one of the Fetch constants, and contain external text only quoted
// and truncated.
func Discover(ctx context.Context, cfg config.Issuer) (Endpoints, error) {
	d := &discovery{uri: discoveryURI(cfg.ISS[0]), issuers: cfg.ISS, allowHTTP: cfg.AllowHTTP}
	if err := checkURL(d.uri, d.allowHTTP); err != nil {
		return Endpoints{}, invalid("issuer: %w", err)
	}
	client, found := newClient(cfg.JWKS, nil)
	if found != nil {
		return Endpoints{}, invalid("%s: %s", found.path, found.text)
	}
	r := &remote{client: client, timeout: cfg.JWKS.RequestTimeout, now: time.Now}
	got, err := r.get(ctx, d.uri, ask{})
	if err != nil {
		return Endpoints{}, err
	}
	m, _, err := d.parse(got.body)
	if err != nil {
		return Endpoints{}, err
	}
	var e Endpoints
	for _, one := range []struct {
		name string
		url  *string
	}{
		{"authorization_endpoint", &e.Authorization}, {"token_endpoint", &e.Token}, {"end_session_endpoint", &e.EndSession},
	} {
		if m.has(one.name) && !m.isText(one.name) {
			return Endpoints{}, invalid("the discovery document's %s is not a string", one.name)
		}
		*one.url = m.text(one.name)
	}
	return e, nil
}
