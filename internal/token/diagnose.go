package token

import (
	"errors"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// diagnose completes the failure of a token that its issuer's rules refuse: what
// was found against what was due, what it nearly was, and what can be changed.
// It decides nothing; it is asked only once the token is refused.
func (v *Verifier) diagnose(f *denial.Error, i *trusted, claims map[string]any, typ string) {
	switch {
	case errors.Is(f.Kind, ErrAudienceMismatch):
		v.diagnoseAudience(f, i, claims)
	case errors.Is(f.Kind, ErrClientMismatch):
		v.diagnoseClient(f, i, claims)
	case errors.Is(f.Kind, ErrTokenUseMismatch):
		i.diagnoseUse(f, claims, typ)
	}
}

func (v *Verifier) diagnoseAudience(f *denial.Error, i *trusted, claims map[string]any) {
	found, there, _ := audience(claims)
	clients := i.clientsOf(claims)
	if len(i.audiences) == 0 { // Cognito's, whose aud is there since a resource was asked for
		f.Internal = "aud is " + listed(found) + "; expected " + oneOf(i.clients) + ", or one of audiences"
		f.Hint = "add the resource to audiences of issuer " + quoted(i.name) + " if it is this one, or ask for a token without a resource"
		return
	}
	askFor := "ask for a token for " + oneOf(i.audiences)
	switch {
	case !there:
		f.Internal = "there is no aud"
	case len(found) == 0:
		f.Internal = "aud is empty"
	default:
		f.Internal = "aud is " + listed(found)
	}
	f.Internal += "; expected " + oneOf(i.audiences)
	f.Hint = "let the issuer put the audience into aud: " + askFor

	configured := func(t *trusted) []string { return t.audiences }
	as := slices.IndexFunc(clients, func(c named) bool { return slices.Contains(i.audiences, c.value) })
	switch {
	case i.isIDToken(claims, found, clients):
		f.Near = denial.NearIDToken
		f.Hint = "send the access token, not the ID token: that one is for the client " + listed(found)
	case as >= 0:
		f.Near = denial.NearAudienceIsClient
		f.Internal += "; " + clients[as].claim + " is " + quoted(clients[as].value)
		f.Hint = quoted(clients[as].value) + " is the token's client: write it in clients of issuer " + quoted(i.name) + ", not in audiences"
	case len(found) > 0:
		f.Hint = "add " + quoted(found[0]) + " to audiences of issuer " + quoted(i.name) + ", or " + askFor
		if value, other := v.others(i, found, configured); other != nil {
			f.Near = denial.NearOtherIssuersAudience
			f.Hint = quoted(value) + " is an audience of issuer " + quoted(other.name) + ": add it to audiences of issuer " + quoted(i.name) + ", or " + askFor
		}
	}
}

// isIDToken reports whether a token that is not for a configured audience is an
// ID token, whose aud is its client (OpenID Connect Core section 2). What marks
// one is not enough: some issuers put nonce into access tokens, too.
func (i *trusted) isIDToken(claims map[string]any, audience []string, clients []named) bool {
	isClient := func(one string) bool {
		return slices.Contains(i.clients, one) || slices.ContainsFunc(clients, func(c named) bool { return c.value == one })
	}
	switch {
	case i.cognito != nil:
		return claims["token_use"] == useID && slices.ContainsFunc(audience, isClient)
	case markOfIDToken(claims) == "" || len(audience) == 0:
		return false
	case len(i.clients) == 0 && len(clients) == 0:
		return true // nothing else says who its client is
	}
	return slices.ContainsFunc(audience, isClient)
}

func (v *Verifier) diagnoseClient(f *denial.Error, i *trusted, claims map[string]any) {
	audience, _, _ := audience(claims)
	clients := i.clientsOf(claims)
	askFor := "ask for a token as " + oneOf(i.clients)
	idToken := i.cognito != nil && claims["token_use"] == useID
	_, aud := claims["aud"].(string)
	switch {
	case idToken && !aud:
		f.Internal = "aud of this ID token is not one string"
		if len(audience) > 0 {
			f.Internal += ", but " + listed(audience)
		}
	case idToken:
		f.Internal = "aud of this ID token is " + listed(audience)
	case len(clients) == 0:
		f.Internal = "there is neither client_id nor azp"
	default:
		said := make([]string, len(clients))
		for n, c := range clients {
			said[n] = c.claim + " is " + quoted(c.value)
		}
		f.Internal = strings.Join(said, ", ")
	}
	f.Internal += "; expected " + oneOf(i.clients)
	f.Hint = askFor

	var wrong []string
	for _, c := range clients {
		if !slices.Contains(i.clients, c.value) {
			wrong = append(wrong, c.value)
		}
	}
	if len(wrong) > 0 {
		f.Hint = "add " + quoted(wrong[0]) + " to clients of issuer " + quoted(i.name) + ", or " + askFor
	}
	configured := func(t *trusted) []string { return t.clients }
	at := slices.IndexFunc(audience, func(one string) bool { return slices.Contains(i.clients, one) })
	switch value, other := v.others(i, wrong, configured); {
	case idToken && !aud:
		f.Hint = "let the issuer write one string, the client, into aud"
	case at >= 0 && !idToken:
		f.Near = denial.NearClientInAudience
		f.Internal += "; aud is " + listed(audience)
		f.Hint = i.hintClientInAudience(audience[at])
	case other != nil:
		f.Near = denial.NearOtherIssuersClient
		f.Hint = quoted(value) + " is a client of issuer " + quoted(other.name) + ": add it to clients of issuer " + quoted(i.name) + ", or " + askFor
	}
}

func (i *trusted) hintClientInAudience(client string) string {
	if i.cognito != nil {
		return "ask for a token as " + quoted(client) + ": aud of an access token is chosen by whoever asked for it, and does not count"
	}
	return "the client stands in aud; configure it as an audience: write " + quoted(client) + " in audiences of issuer " + quoted(i.name) + ", not in clients"
}

func (i *trusted) diagnoseUse(f *denial.Error, claims map[string]any, typ string) {
	f.Internal = i.saysUse(claims, typ)
	if otherUse(claims, typ) != "" {
		f.Hint = "send the " + i.sent() + " token"
		return
	}
	f.Internal += "; expected " + oneOf(i.tokenUse)
	switch use := i.use(claims, typ); {
	case use == useID:
		f.Near, f.Hint = denial.NearIDToken, "send the access token, or add id to token_use of issuer "+quoted(i.name)
	case use == useAccess && i.cognito == nil:
		f.Near, f.Hint = denial.NearAccessToken, "send the ID token; if this is one, nothing in it shows that, so write token_use: [access, id] for issuer "+quoted(i.name)
	case use == useAccess:
		f.Near, f.Hint = denial.NearAccessToken, "send the ID token, or add access to token_use of issuer "+quoted(i.name)
	}
}

// sent is the kind of token that a client should send.
func (i *trusted) sent() string {
	if slices.Contains(i.tokenUse, useAccess) {
		return "access"
	}
	return "ID"
}

// saysUse says what a token is for, and by which claim.
func (i *trusted) saysUse(claims map[string]any, typ string) string {
	use, isText := claims["token_use"].(string)
	_, there := claims["token_use"]
	switch other := otherUse(claims, typ); {
	case other != "":
		return "it is a " + other + " token, which is always refused"
	case i.cognito == nil && saysAccess(claims, typ):
		return "the token says that it is an access token"
	case i.cognito == nil && markOfIDToken(claims) != "":
		return markOfIDToken(claims) + " shows an ID token"
	case i.cognito == nil:
		return "nothing shows an ID token"
	case !there:
		return "there is no token_use"
	case !isText:
		return "token_use is no string"
	}
	return "token_use is " + quoted(use)
}

// named is a client that a token names, and the claim that names it.
type named struct{ claim, value string }

// clientsOf returns the clients that a token names: aud of a Cognito ID token,
// when it is one string, and else client_id and azp.
func (i *trusted) clientsOf(claims map[string]any) []named {
	use, _ := claims["token_use"].(string)
	var found []named
	for _, claim := range i.clientClaims(use) {
		if value, ok := claims[claim].(string); ok {
			found = append(found, named{claim, value})
		}
	}
	return found
}

// others returns the first of values that is configured for another issuer than
// i, and that issuer. A token may hold thousands of values: no more of them are
// looked at than stand in a detail.
func (v *Verifier) others(i *trusted, values []string, configured func(*trusted) []string) (string, *trusted) {
	for _, value := range values[:min(len(values), quote.MaxListed)] {
		for _, issuer := range v.issuers {
			if issuer != i && slices.Contains(configured(issuer), value) {
				return value, issuer
			}
		}
	}
	return "", nil
}
