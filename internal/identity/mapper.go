package identity

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token"
)

// ErrTooLarge is why an identity cannot be told to the application: an encoded
// header value is longer than max_value_bytes.
var ErrTooLarge = errors.New("identity value too large")

// Mapper is the compiled identity section of one config. It never changes and
// is safe for concurrent use.
type Mapper struct {
	headers  []config.IdentityHeader
	maxBytes int

	// always are the names to remove whether they were received or not, in lower
	// case.
	always []string
	// folded holds every name that clients may not send, as [Fold] has it, and the
	// relaxation that lets it through.
	folded            map[string]config.Relaxation
	shortest, longest int // of folded, in bytes
	// begins are the bytes that names of folded begin with, each once: what most
	// headers of a request are told from them by.
	begins string
}

// New compiles the identity section of a config.
func New(cfg config.Identity) *Mapper {
	m := &Mapper{
		headers: cfg.Headers, maxBytes: cfg.MaxValueBytes,
		folded: make(map[string]config.Relaxation),
	}
	for _, h := range cfg.Headers {
		m.guard(h.Name, identityName)
	}
	for _, name := range slices.Concat(cfg.Removed, cfg.Strip) {
		m.guard(name, identityName)
	}
	for why, names := range config.OverrideHeaders() {
		for _, name := range names {
			m.guard(name, why)
		}
	}
	return m
}

// guard adds a name that clients may not send unless why lets it through. Of a name
// that is given twice the first counts.
func (m *Mapper) guard(name string, why config.Relaxation) {
	name = strings.ToLower(name)
	dashed := Fold(name)
	if _, known := m.folded[dashed]; known {
		return
	}
	m.folded[dashed] = why
	if why == identityName {
		m.always = append(m.always, dashed)
		for _, spelling := range []string{strings.Map(foldRune('_'), name), name} {
			if spelling != dashed && spelling != m.always[len(m.always)-1] {
				m.always = append(m.always, spelling)
			}
		}
	}
	if m.shortest == 0 || len(dashed) < m.shortest {
		m.shortest = len(dashed)
	}
	m.longest = max(m.longest, len(dashed))
	if !strings.Contains(m.begins, dashed[:1]) {
		m.begins += dashed[:1]
	}
}

// Map returns the headers that the application gets for a verified token, in
// the order of the config. A claim that is absent, null or empty sets nothing.
// The error is [ErrTooLarge], naming the header, or a value that is no JSON.
func (m *Mapper) Map(t *token.Token, relaxed config.Relaxed) ([]token.Header, error) {
	set := make([]token.Header, 0, len(m.headers))
	for _, h := range m.headers {
		value, err := m.value(t, h.Claims, relaxed)
		if err != nil {
			return nil, fmt.Errorf("header %q: %w", h.Name, err)
		}
		if value != "" {
			set = append(set, token.Header{Name: h.Name, Value: value})
		}
	}
	return set, nil
}

// value renders the first of the claims that is there.
func (m *Mapper) value(t *token.Token, claims []string, relaxed config.Relaxed) (string, error) {
	for _, name := range claims {
		text, err := encode(lookup(t, name, relaxed))
		switch {
		case err != nil:
			return "", err
		case len(text) > m.maxBytes:
			return "", fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(text), m.maxBytes)
		case text != "":
			return text, nil
		}
	}
	return "", nil
}

// lookup returns a claim, or what the gate made of the token under a $-name.
func lookup(t *token.Token, name string, relaxed config.Relaxed) any {
	switch name {
	case "$groups":
		return t.Groups()
	case "$scopes":
		return t.Scopes()
	case "$client":
		return t.Client
	case "$kind":
		return string(t.Kind)
	case "$issuer":
		return t.Issuer
	}
	value, _ := t.IdentityClaim(name)
	if (name == "email" || name == "/email") && !relaxed.UnverifiedEmail && !emailVerified(t) {
		return nil
	}
	return value
}

// emailVerified reports whether an issuer says nothing against the email
// address (OpenID Connect Core section 5.1). Some issuers write the boolean as
// a string.
func emailVerified(t *token.Token) bool {
	value, there := t.IdentityClaim("email_verified")
	return !there || value == true || value == "true"
}
