package identity

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
)

// ErrTooLarge means that an encoded header value is longer than max_value_bytes, or
// that all headers together are longer than max_total_bytes.
var ErrTooLarge = errors.New("identity too large")

// Mapper is the compiled identity section of one config. It never changes and
// is safe for concurrent use.
type Mapper struct {
	headers  []config.IdentityHeader
	maxBytes int // maximum size of one encoded value
	maxTotal int // maximum size of all names and encoded values together

	// always is the names to remove from every request, in lower case.
	always []string
	// folded maps every name that clients may not send, as returned by [Fold], to the
	// relaxation that allows it.
	folded            map[string]config.Relaxation
	shortest, longest int // of folded, in bytes
	// userID is the header x-user-id, unless it is made from sub, which every valid token
	// has.
	userID *config.IdentityHeader
	// begins is the first bytes of the names in folded. They exclude most headers of a
	// request quickly.
	begins string
}

// New compiles the identity section of a config.
func New(cfg config.Identity) *Mapper {
	m := &Mapper{
		headers: cfg.Headers, maxBytes: cfg.MaxValueBytes, maxTotal: cfg.MaxTotalBytes,
		folded: make(map[string]config.Relaxation),
	}
	for i := range cfg.Headers {
		h := &cfg.Headers[i]
		m.guard(h.Name, identityName)
		if h.Name == config.HeaderUserID && !slices.Contains(h.Claims, "sub") {
			m.userID = h
		}
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

// guard adds a name that clients may not send unless the relaxation why applies. If a
// name is added twice, the first relaxation is used.
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

// Map returns the headers that the application receives for a verified token, in the
// order of the config. A claim that is absent, null or empty sets no header. The error
// is [ErrTooLarge], with the name of the header or of the largest headers, or the error
// of a value that cannot be encoded as JSON.
func (m *Mapper) Map(t *token.Token, relaxed config.Relaxed) ([]request.Header, error) {
	set := make([]request.Header, 0, len(m.headers))
	total := 0
	for _, h := range m.headers {
		value, err := m.value(t, &h, relaxed)
		if err != nil {
			return nil, fmt.Errorf("header %q: %w", h.Name, err)
		}
		if value != "" {
			one := request.Header{Name: h.Name, Value: value}
			set = append(set, one)
			total += size(one)
		}
	}
	if total > m.maxTotal {
		return nil, m.tooLarge(t, set, total)
	}
	return set, nil
}

// value formats the first claim of a header that the token has.
func (m *Mapper) value(t *token.Token, h *config.IdentityHeader, relaxed config.Relaxed) (string, error) {
	find := lookup
	if config.NamesUser(h.Name) {
		find = lookupName
	}
	for _, name := range h.Claims {
		text, err := encode(find(t, name, relaxed))
		switch {
		case err != nil:
			return "", err
		case len(text) > m.maxBytes:
			return "", m.valueTooLarge(h.Name, len(text))
		case text != "":
			return text, nil
		}
	}
	return "", nil
}

// lookup returns a claim or a derived value.
func lookup(t *token.Token, name string, relaxed config.Relaxed) any {
	if value, made := gateValue(t, name); made {
		return value
	}
	value, _ := t.IdentityClaim(name)
	if isEmail(name) && !mayTell(t, relaxed) {
		return nil
	}
	return value
}

// lookupName is lookup for a header that identifies the user.
func lookupName(t *token.Token, name string, relaxed config.Relaxed) any {
	switch value, made := gateValue(t, name); {
	case made && name == "$groups":
		return value
	case made:
		if text, isText := value.(string); isText && text != "" {
			return t.Name(text)
		}
		return nil
	}
	if isEmail(name) && !mayTell(t, relaxed) {
		return nil
	}
	value, _ := t.NamingClaim(name)
	return value
}

// gateValue returns the derived value of a $-name.
func gateValue(t *token.Token, name string) (value any, made bool) {
	switch name {
	case "$groups":
		return t.Groups(), true
	case "$scopes":
		return t.Scopes(), true
	case "$client":
		return t.Client, true
	case "$kind":
		return string(t.Kind), true
	case "$tenant":
		return t.Tenant, true
	case "$issuer":
		return t.Issuer, true
	}
	return nil, false
}

func isEmail(claim string) bool { return claim == "email" || claim == "/email" }

// mayTell reports whether the email address of the token may be sent to the
// application: it is verified, or the token says that it is not and the relaxation
// applies. An address without email_verified is not sent, because in some directories
// users set it themselves.
func mayTell(t *token.Token, relaxed config.Relaxed) bool {
	verified, stated := t.EmailVerified()
	return verified || stated && relaxed.UnverifiedEmail
}

// RequireUserID rejects a token from which no x-user-id can be made if the
// configuration has that header, because the application would treat the user as
// anonymous. The error is a [denial.Error] of [token.ErrSubjectMissing], or
// [ErrTooLarge].
func (m *Mapper) RequireUserID(t *token.Token, relaxed config.Relaxed) error {
	if m.userID == nil {
		return nil
	}
	value, err := m.value(t, m.userID, relaxed)
	if err != nil || value != "" {
		return err
	}
	failure := &denial.Error{Kind: token.ErrSubjectMissing, KeyID: t.KeyID, Issuer: t.Issuer, Subject: t.Subject}
	sub := denial.FixUserIDSub.With()
	address, there := t.IdentityClaim("email")
	if _, stated := t.EmailVerified(); there && address != "" && slices.ContainsFunc(m.userID.Claims, isEmail) {
		failure.Internal = "x-user-id is made of email, and the token does not say email_verified: true"
		failure.Advise(denial.FixVerifyEmail.With())
		if !stated {
			failure.Advise(denial.FixAssumeEmail.With(quote.Text(t.Issuer)))
		}
		return failure.Advise(sub)
	}
	failure.Internal = "it has no " + strings.Join(m.userID.Claims, " and no ") + ", of which x-user-id is made"
	derived := func(name string) bool { return strings.HasPrefix(name, "$") }
	if claims := slices.DeleteFunc(slices.Clone(m.userID.Claims), derived); len(claims) > 0 {
		failure.Advise(denial.FixSubject.With(strings.Join(claims, " or ")))
	}
	return failure.Advise(sub)
}
