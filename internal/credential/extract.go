package credential

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Why a request has no usable credential. Each is matched with errors.Is.
var (
	ErrMissing   = errors.New("no credential")
	ErrAmbiguous = errors.New("more than one credential")
	ErrCrossSite = errors.New("a cookie from another site")
)

// Credential is the credential of a request. The zero value means that there is none.
type Credential struct {
	// Raw is the token as sent. Nothing in it has been checked.
	Raw   string
	Found bool
	// Source is the place where it was found.
	Source config.TokenSource
}

// Extract returns the one credential of a request, from the places in from. Two, or one
// that could be two, are [ErrAmbiguous] (RFC 6750 section 2 permits one method in a
// request). A cookie in a request that another site can cause is [ErrCrossSite]. A JWT in
// Authorization that no place reads in that form is [ErrMissing], because the application
// might read it.
func Extract(r *request.Parsed, from []config.TokenSource) (Credential, error) {
	var credential Credential
	for _, place := range from {
		found, err := extract(r, place, from)
		switch {
		case err != nil:
			return Credential{}, err
		case found.Found && credential.Found:
			return Credential{}, ambiguous("tokens in two places", denial.FixOneToken.With())
		case found.Found:
			credential = found
			credential.Source = place
		}
	}
	if credential.Found && credential.Source.Kind == config.SourceCookie && !sameSite(r, credential.Source.Origins) {
		return Credential{}, crossSite(r, credential.Source)
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

func ambiguous(what string, fix denial.Advice) error {
	return denial.New(ErrAmbiguous, what).Advise(fix)
}

// crossSite returns the error for a cookie in a request that another site can cause.
func crossSite(r *request.Parsed, cookie config.TokenSource) error {
	failure := denial.New(ErrCrossSite, "a cookie on a request that another site can cause").Advise(denial.FixSameSite.With())
	if origin := r.Values("origin"); len(origin) == 1 && config.IsOrigin(origin[0]) && len(origin[0]) <= quote.Max {
		failure.Advise(denial.FixCookieOrigin.With(quote.Text(origin[0]), cookie.Name))
	}
	return failure
}

// only returns the one value that was found. An empty value is not a credential.
func only(values []string, two string) (Credential, error) {
	if len(values) > 1 {
		return Credential{}, ambiguous(two, denial.FixOneToken.With())
	}
	if len(values) == 0 || values[0] == "" {
		return Credential{}, nil
	}
	return Credential{Raw: values[0], Found: true}, nil
}

// authorization reads the Authorization field (RFC 6750 section 2.1, RFC 9110 section 11.4)
// for a place that is bearer, or the field by its name, with the token and no scheme. Envoy
// joins two fields with a comma, so a comma is as ambiguous as two fields, with any scheme.
func authorization(r *request.Parsed, place config.TokenSource, from []config.TokenSource) (Credential, error) {
	value, seen := "", false
	for _, h := range r.Headers {
		if !strings.EqualFold(h.Name, config.FieldAuthorization) {
			continue
		}
		if seen || strings.Contains(h.Value, ",") {
			return Credential{}, ambiguous("two Authorization fields, or a comma in one", denial.FixOneAuthorization.With())
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
			return Credential{}, denial.New(token.ErrMalformed, "the Bearer scheme without a token").Advise(denial.FixBearer.With())
		}
		return Credential{Raw: raw, Found: true}, nil
	case place.Kind == config.SourceHeader && alone && !isBearer:
		return Credential{Raw: value, Found: value != ""}, nil
	case isBearer && !reads(config.SourceBearer):
		failure := denial.New(ErrMissing, "Authorization has the Bearer scheme; expected the token without a scheme")
		failure.Near = denial.NearScheme
		return Credential{}, failure.Advise(denial.FixNoBearer.With(), denial.FixReadBearer.With())
	case !isBearer && containsJWT(value) && !(alone && reads(config.SourceHeader)):
		failure := denial.New(ErrMissing, "Authorization has a JWT without the Bearer scheme")
		failure.Near = denial.NearNoScheme
		if reads(config.SourceBearer) {
			failure.Advise(denial.FixBearer.With())
		} else {
			failure.Advise(denial.FixOnlyToken.With())
		}
		if alone {
			failure.Advise(denial.FixReadAuthorization.With())
		}
		return Credential{}, failure
	}
	return Credential{}, nil
}

// cutBearer returns what follows the Bearer scheme, if that is the scheme.
func cutBearer(value string) (rest string, isBearer bool) {
	const scheme = "bearer"
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	rest = value[len(scheme):]
	return rest, rest == "" || !httpguts.IsTokenRune(rune(rest[0])) // a token rune is part of a longer scheme
}

// containsJWT reports whether an Authorization field contains something that a tolerant
// reader might accept as a JWT: a JSON object in some base64, next to a dot. Such a reader
// may decode only the second part, split the field at any byte, or skip a byte order mark.
func containsJWT(value string) bool {
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
		if endsWithObject(value[begin:at]) || endsWithObject(value[at+1:end]) {
			return true
		}
	}
	return false
}

func base64Byte(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_+/", c) >= 0
}

// maxPrefixes is how many words that are joined to a token by a dash or an underscore, as in
// Bearer_TOKEN, are skipped.
const maxPrefixes = 4

// endsWithObject reports whether text, or what follows one of its first dashes or
// underscores, is the base64 of a JSON object.
func endsWithObject(text string) bool {
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
	decoded, _ := base64.RawURLEncoding.DecodeString(text) // the part before an invalid byte is enough
	object, found := strings.CutPrefix(strings.TrimLeft(strings.TrimPrefix(string(decoded), "\ufeff"), space), "{")
	object = strings.TrimLeft(object, space)
	return found && (object == "" || object[0] == '"' || object[0] == '}')
}

// field reads a header field that contains only a token.
func field(r *request.Parsed, name string) (Credential, error) {
	values := r.Values(name)
	if slices.ContainsFunc(values, func(value string) bool { return strings.Contains(value, ",") }) {
		return Credential{}, ambiguous("a comma in the token's header field", denial.FixNoComma.With(name))
	}
	return only(values, "two header fields of that name")
}
