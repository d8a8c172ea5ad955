package issuer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

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
	uri, err = d.parse(got.body)
	if err != nil {
		return "", nil, err
	}
	d.last, d.lastAt = uri, r.now()
	return uri, nil, nil
}

// parse returns the document's jwks_uri. The document's issuer must be exactly the
// configured one; otherwise the document of another issuer could supply the keys
// (OpenID Connect Discovery 1.0 section 4.3).
func (d *discovery) parse(body []byte) (string, error) {
	document, err := strictjson.Document(string(body))
	if err != nil {
		return "", invalid("the discovery document is not a valid JSON object: %w", err)
	}
	m := members(document)
	switch iss := m.text("issuer"); {
	case slices.Contains(d.issuers, iss):
	case strings.Contains(iss, "{tenantid}"):
		return "", invalid("the discovery document's issuer is %s, a template for all tenants of Microsoft Entra; "+
			"set issuer to the URL with the ID of your tenant, which is the iss of its tokens", quote.Text(iss))
	default:
		return "", invalid("the discovery document's issuer is %s; expected %q", quote.Text(iss), d.issuers[0])
	}
	uri := m.text("jwks_uri")
	if uri == "" {
		return "", invalid("the discovery document has no jwks_uri")
	}
	if err := checkURL(uri, d.allowHTTP); err != nil {
		return "", invalid("the discovery document's jwks_uri: %w", err)
	}
	return uri, nil
}
