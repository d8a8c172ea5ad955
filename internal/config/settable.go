package config

import (
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// The largest values of some keys.
const (
	MaxTokenBytes = 65536               // of tokens.max_bytes
	MaxValueBytes = 65536               // of identity.max_value_bytes
	MaxTotalBytes = 1 << 20             // of identity.max_total_bytes
	MaxStale      = 30 * 24 * time.Hour // of jwks.max_stale
	MaxLifetime   = 10 * 365 * 24 * time.Hour
)

// The functions below say whether a configuration may have a value, so that a hint
// suggests only values that it may have.

// IsIdentifier reports whether a text can be an audience, a client or a value of require.
func IsIdentifier(text string) bool { return yamlform.BadIdentifier(text) == "" }

// IsISS reports whether a text can be the iss of an issuer. If its keys are discovered, it
// must be a URL, with plain http only if the issuer allows it.
func IsISS(text string, discovered, allowHTTP bool) bool {
	if badISS(text) != "" || otherDocument(text) != "" || hasPassword(text) || strings.Contains(text, tenantMark) {
		return false
	}
	return !discovered || badURL(text, false) == "" && (allowHTTP || !plainHTTP(text))
}

// IsTokenType reports whether a text, in lower case and without application/, can be one
// of token_types.
func IsTokenType(text string) bool {
	bad := func(r rune) bool { return r >= 0x7f || r <= ' ' || strings.ContainsRune(`()<>@,;:\"/[]?=`, r) }
	return text != "" && len(text) <= 128 && !strings.ContainsFunc(text, bad)
}

// IsRegion reports whether a text can be one of replica_regions.
func IsRegion(text string) bool { return isRegion(text) }

// IsOrigin reports whether a text can be one of cors.origins and of the origins of a cookie.
func IsOrigin(text string) bool { return badOrigin(text) == "" }

// IsRouteName reports whether a text can be the name of a route.
func IsRouteName(text string) bool { return badLabel(text) == "" }
