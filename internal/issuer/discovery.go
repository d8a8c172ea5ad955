package issuer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// discovery finds the key set's URI in the issuer's OpenID Connect discovery
// document. The document is read for every fetch, since the URI can move.
type discovery struct {
	uri       string
	issuers   []string // what the document may call its issuer, exactly
	allowHTTP bool
	keep      time.Duration // how long a URI is used while the document cannot be had

	last   string // the key set URI that the document named last
	lastAt time.Time
}

// discoveryURI is where an issuer's document is, OpenID Connect Discovery 1.0
// section 4: behind the issuer, without its final slash.
func discoveryURI(iss string) string {
	return strings.TrimSuffix(iss, "/") + wellKnownDocument
}

// keySetURI returns the key set's URI. While the document cannot be had, the
// URI that it named last still serves, and note says why; a document that is
// there but wrong is an error, and nothing is fetched.
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

// parse holds the document to its issuer. That the issuer in it is exactly the
// configured one is what keeps a document of someone else's from supplying the
// keys (OpenID Connect Discovery 1.0 section 4.3).
func (d *discovery) parse(body []byte) (string, error) {
	document, err := strictjson.Document(string(body))
	if err != nil {
		return "", invalid("the discovery document is not a valid JSON object: %w", err)
	}
	m := members(document)
	if iss := m.text("issuer"); !slices.Contains(d.issuers, iss) {
		return "", invalid("the discovery document's issuer is %q, not %q", clip(iss), d.issuers[0])
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
