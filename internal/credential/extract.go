package credential

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Why a request has no credential that counts. Each is matched with errors.Is.
var (
	ErrMissing   = errors.New("no credential")
	ErrAmbiguous = errors.New("more than one credential")
	ErrCrossSite = errors.New("a cookie from another site")
)

// Credential is what a request carries in the places that a route reads. The
// zero value is no credential.
type Credential struct {
	// Raw is the token as it was sent; nothing of it has been looked at.
	Raw   string
	Found bool
	// Source is the place that it was read from.
	Source config.TokenSource
}

// Extract takes the one credential out of a request, from the places in from.
// Two, or one that could be two, is [ErrAmbiguous] (RFC 6750 section 2 allows
// one method in a request). A cookie that another site may have had the browser
// send is [ErrCrossSite]. A JWT that stands in Authorization in a form that no place
// reads is [ErrMissing]: the application might read it.
func Extract(r *request.Parsed, from []config.TokenSource) (Credential, error) {
	var credential Credential
	for _, place := range from {
		found, err := extract(r, place, from)
		switch {
		case err != nil:
			return Credential{}, err
		case found.Found && credential.Found:
			return Credential{}, denial.New(ErrAmbiguous, "tokens in two places")
		case found.Found:
			credential = found
			credential.Source = place
		}
	}
	if credential.Found && credential.Source.Kind == config.SourceCookie && !sameSite(r, credential.Source.Origins) {
		return Credential{}, denial.New(ErrCrossSite, "a cookie on a request that another site can cause")
	}
	return credential, nil
}

func extract(r *request.Parsed, place config.TokenSource, from []config.TokenSource) (Credential, error) {
	if place.Field() == config.FieldAuthorization {
		return authorization(r, place, from)
	}
	switch place.Kind {
	case config.SourceHeader:
		return field(r, place.Name)
	case config.SourceCookie:
		return only(cookies(r, place.Name), "two cookies of that name")
	case config.SourceWebSocketProtocol:
		return protocol(r, place.Name)
	case config.SourceQuery:
		return parameter(r, place.Name)
	}
	return Credential{}, nil
}

// only takes the one value that was found; an empty one is no credential.
func only(values []string, two string) (Credential, error) {
	if len(values) > 1 {
		return Credential{}, denial.New(ErrAmbiguous, two)
	}
	if len(values) == 0 || values[0] == "" {
		return Credential{}, nil
	}
	return Credential{Raw: values[0], Found: true}, nil
}

// authorization reads the Authorization field (RFC 6750 section 2.1, RFC 9110 section
// 11.4) for a place that is bearer, or the field by its name, where the token stands
// alone. Envoy joins two fields with a comma, so a comma is as ambiguous as two
// fields, whatever the scheme.
func authorization(r *request.Parsed, place config.TokenSource, from []config.TokenSource) (Credential, error) {
	value, seen := "", false
	for _, h := range r.Headers {
		if !strings.EqualFold(h.Name, config.FieldAuthorization) {
			continue
		}
		if seen || strings.Contains(h.Value, ",") {
			return Credential{}, denial.New(ErrAmbiguous, "two Authorization fields, or a comma in one")
		}
		value, seen = h.Value, true
	}
	reads := func(kind config.SourceKind) bool {
		return slices.ContainsFunc(from, func(one config.TokenSource) bool {
			return one.Kind == kind && one.Field() == config.FieldAuthorization
		})
	}
	alone := !strings.ContainsAny(value, " \t")
	rest, isBearer := cutBearer(value)
	switch {
	case place.Kind == config.SourceBearer && isBearer:
		raw := strings.TrimLeft(rest, " ")
		if raw == "" || len(raw) == len(rest) {
			return Credential{}, denial.New(token.ErrMalformed, "the Bearer scheme without a token")
		}
		return Credential{Raw: raw, Found: true}, nil
	case place.Kind == config.SourceHeader && alone && !isBearer:
		return Credential{Raw: value, Found: value != ""}, nil
	case isBearer && !reads(config.SourceBearer):
		return Credential{}, (&denial.Error{Kind: ErrMissing, Near: denial.NearScheme, Internal: "Authorization has the Bearer scheme, and the token without a scheme is expected"}).
			WithHint("send the token without Bearer, or add bearer to the places that are read")
	case !isBearer && holdsJWT(value) && !(alone && reads(config.SourceHeader)):
		return Credential{}, (&denial.Error{Kind: ErrMissing, Near: denial.NearNoScheme, Internal: "Authorization holds a JWT without the Bearer scheme"}).
			WithHint("send Authorization: Bearer TOKEN; where clients send the token alone, write {header: authorization} in the places that are read")
	}
	return Credential{}, nil
}

// cutBearer returns what stands behind the Bearer scheme, if that is the scheme.
func cutBearer(value string) (rest string, isBearer bool) {
	const scheme = "bearer"
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	rest = value[len(scheme):]
	return rest, rest == "" || !httpguts.IsTokenRune(rune(rest[0])) // or another scheme, with a longer name
}

// holdsJWT reports whether an Authorization field holds what some lax reader might take
// for a JWT, whole or in parts: beside a dot stands a JSON object in some base64. Such
// a reader may decode the second part and look at no other, split at any byte, or skip
// a byte order mark.
func holdsJWT(value string) bool {
	for at := range len(value) {
		if value[at] != '.' {
			continue
		}
		end := at + 1
		for end < len(value) && base64Byte(value[end]) {
			end++
		}
		begin := at
		for begin > 0 && base64Byte(value[begin-1]) {
			begin--
		}
		if holdsObject(value[begin:at]) || holdsObject(value[at+1:end]) {
			return true
		}
	}
	return false
}

func base64Byte(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_+/", c) >= 0
}

// maxPrefixes is how many words before a JSON object, joined to it by a dash or an
// underscore as in Bearer_TOKEN, are taken off.
const maxPrefixes = 4

// holdsObject reports whether text is the base64 of a JSON object, or what follows one
// of its first dashes or underscores is.
func holdsObject(text string) bool {
	for range maxPrefixes {
		if encodesObject(text) {
			return true
		}
		at := strings.IndexAny(text, "-_")
		if at < 0 {
			return false
		}
		text = text[at+1:]
	}
	return false
}

func encodesObject(text string) bool {
	const space = " \t\r\n"
	text = strings.NewReplacer("+", "-", "/", "_").Replace(text)
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	decoded, _ := base64.RawURLEncoding.DecodeString(text) // as far as it goes
	object, found := strings.CutPrefix(strings.TrimLeft(strings.TrimPrefix(string(decoded), "\ufeff"), space), "{")
	object = strings.TrimLeft(object, space)
	return found && (object == "" || object[0] == '"' || object[0] == '}')
}

// field reads a header field that holds a token and nothing else.
func field(r *request.Parsed, name string) (Credential, error) {
	values := r.Values(name)
	if slices.ContainsFunc(values, func(value string) bool { return strings.Contains(value, ",") }) {
		return Credential{}, denial.New(ErrAmbiguous, "a comma in the token's header field")
	}
	return only(values, "two header fields of that name")
}
