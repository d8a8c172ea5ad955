package token

import (
	"errors"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// diagnose adds details to the failure of a token whose claims are rejected: what was found
// and expected, a near miss, and a hint. It is called after the token is rejected and
// cannot change that.
func (v *Verifier) diagnose(f *denial.Error, i *trusted, claims map[string]any, typ string) {
	switch {
	case errors.Is(f.Kind, ErrAudienceMismatch):
		v.diagnoseAudience(f, i, claims)
	case errors.Is(f.Kind, ErrClientMismatch):
		v.diagnoseClient(f, i, claims)
	case errors.Is(f.Kind, ErrTokenUseMismatch):
		i.diagnoseUse(f, claims, typ)
	case errors.Is(f.Kind, ErrSubjectMissing):
		f.Internal, f.Hint = i.explainSubject(claims)
	}
}

func (v *Verifier) diagnoseAudience(f *denial.Error, i *trusted, claims map[string]any) {
	found, present, _ := audience(claims)
	clients := i.namedClients(claims)
	if len(i.audiences) == 0 { // Cognito: the client requested a resource
		f.Internal = "got aud " + quote.List(found) + "; expected " + quote.OneOf(i.clients) + ", or one of audiences"
		f.Hint = "add the resource to audiences of issuer " + quote.Text(i.name) +
			" if it is this application, or request a token without a resource"
		return
	}
	request := "request a token for " + quote.OneOf(i.audiences)
	switch {
	case !present:
		f.Internal = "aud is missing"
	case len(found) == 0:
		f.Internal = "aud is empty"
	default:
		f.Internal = "got aud " + quote.List(found)
	}
	f.Internal += "; expected " + quote.OneOf(i.audiences)
	f.Hint = "configure the issuer to add the audience to aud: " + request

	configured := func(t *trusted) []string { return t.audiences }
	at := slices.IndexFunc(clients, func(c clientClaim) bool { return slices.Contains(i.audiences, c.value) })
	switch {
	case i.isIDToken(claims, found, clients):
		f.Near = denial.NearIDToken
		f.Hint = "send the access token instead of the ID token, which is for the client " + quote.List(found)
	case at >= 0:
		f.Near = denial.NearAudienceIsClient
		f.Internal += "; " + clients[at].claim + " is " + quote.Text(clients[at].value)
		f.Hint = quote.Text(clients[at].value) + " is the token's client: put it in clients of issuer " + quote.Text(i.name) +
			" instead of audiences"
	case len(found) > 0:
		f.Hint = "add " + quote.Text(found[0]) + " to audiences of issuer " + quote.Text(i.name) + ", or " + request
		if value, other := v.otherIssuer(i, found, configured); other != nil {
			f.Near = denial.NearOtherIssuersAudience
			f.Hint = quote.Text(value) + " is an audience of issuer " + quote.Text(other.name) +
				": add it to audiences of issuer " + quote.Text(i.name) + ", or " + request
		}
	}
}

// isIDToken reports whether a token that is not for a configured audience is an ID token,
// whose aud is its client (OpenID Connect Core section 2). A claim that only ID tokens
// should have is not enough, since some issuers put nonce into access tokens.
func (i *trusted) isIDToken(claims map[string]any, audience []string, clients []clientClaim) bool {
	isClient := func(one string) bool {
		return slices.Contains(i.clients, one) || slices.ContainsFunc(clients, func(c clientClaim) bool { return c.value == one })
	}
	switch {
	case i.cognito != nil:
		return claims["token_use"] == useID && slices.ContainsFunc(audience, isClient)
	case idTokenClaim(claims) == "" || len(audience) == 0:
		return false
	case len(i.clients) == 0 && len(clients) == 0:
		return true // the token has no other claim that names its client
	}
	return slices.ContainsFunc(audience, isClient)
}

func (v *Verifier) diagnoseClient(f *denial.Error, i *trusted, claims map[string]any) {
	audience, _, _ := audience(claims)
	clients := i.namedClients(claims)
	request := "request a token as " + quote.OneOf(i.clients)
	idToken := i.cognito != nil && claims["token_use"] == useID
	_, aud := claims["aud"].(string)
	switch {
	case idToken && !aud:
		f.Internal = claimPath{"aud"}.describe(claims) + " in the ID token"
		if len(audience) > 0 {
			f.Internal += " (" + quote.List(audience) + ")"
		}
	case idToken:
		f.Internal = "got an ID token with aud " + quote.List(audience)
	case len(clients) == 0:
		f.Internal = describeAll(i.clientPaths(), claims)
	default:
		found := make([]string, len(clients))
		for n, c := range clients {
			found[n] = c.claim + " " + quote.Text(c.value)
		}
		f.Internal = "got " + strings.Join(found, ", ")
	}
	f.Internal += "; expected " + quote.OneOf(i.clients)
	f.Hint = request

	var wrong []string
	for _, c := range clients {
		if !slices.Contains(i.clients, c.value) {
			wrong = append(wrong, c.value)
		}
	}
	if len(wrong) > 0 {
		f.Hint = "add " + quote.Text(wrong[0]) + " to clients of issuer " + quote.Text(i.name) + ", or " + request
	}
	configured := func(t *trusted) []string { return t.clients }
	at := slices.IndexFunc(audience, func(one string) bool { return slices.Contains(i.clients, one) })
	switch value, other := v.otherIssuer(i, wrong, configured); {
	case idToken && !aud:
		f.Hint = "configure the issuer to set aud to one string, the client"
	case at >= 0 && !idToken:
		f.Near = denial.NearClientInAudience
		f.Internal += "; aud is " + quote.List(audience)
		f.Hint = i.hintClientInAudience(audience[at])
	case other != nil:
		f.Near = denial.NearOtherIssuersClient
		f.Hint = quote.Text(value) + " is a client of issuer " + quote.Text(other.name) +
			": add it to clients of issuer " + quote.Text(i.name) + ", or " + request
	}
}

func (i *trusted) hintClientInAudience(client string) string {
	if i.cognito != nil {
		return "request a token as " + quote.Text(client) +
			": any client can choose the aud of its access token, so aud does not count"
	}
	return "the client is in aud: put " + quote.Text(client) + " in audiences of issuer " + quote.Text(i.name) + " instead of clients"
}

func (i *trusted) diagnoseUse(f *denial.Error, claims map[string]any, typ string) {
	f.Internal = i.describeUse(claims, typ)
	if otherUse(claims, typ) != "" {
		f.Hint = "send the " + i.expectedUse() + " token"
		return
	}
	f.Internal += "; expected " + quote.OneOf(i.tokenUse)
	switch use := i.use(claims, typ); {
	case use == useID:
		f.Near, f.Hint = denial.NearIDToken, "send the access token, or add id to token_use of issuer "+quote.Text(i.name)
	case use == useAccess && i.cognito == nil:
		f.Near = denial.NearAccessToken
		f.Hint = "send the ID token; if this is an ID token, none of its claims shows it, so set token_use: [access, id] for issuer " +
			quote.Text(i.name)
	case use == useAccess:
		f.Near, f.Hint = denial.NearAccessToken, "send the ID token, or add access to token_use of issuer "+quote.Text(i.name)
	}
}

// expectedUse is the use of the token that a client should send.
func (i *trusted) expectedUse() string {
	if slices.Contains(i.tokenUse, useAccess) {
		return "access"
	}
	return "ID"
}

// describeUse describes what a token is for, and which claim shows it.
func (i *trusted) describeUse(claims map[string]any, typ string) string {
	use, isText := claims["token_use"].(string)
	_, present := claims["token_use"]
	switch other := otherUse(claims, typ); {
	case other != "":
		return "got a " + other + " token, which is never accepted"
	case i.cognito == nil && isAccessToken(claims, typ):
		return "got an access token"
	case i.cognito == nil && idTokenClaim(claims) != "":
		return "got an ID token, which has " + idTokenClaim(claims)
	case i.cognito == nil:
		return "got a token without a claim of an ID token"
	case !present:
		return "token_use is missing"
	case !isText:
		return "token_use is " + shape(claims["token_use"])
	}
	return "got token_use " + quote.Text(use)
}

// namedClients returns the claims that name a token's client. In an ID token of Cognito, it
// is aud.
func (i *trusted) namedClients(claims map[string]any) []clientClaim {
	if i.cognito != nil && claims["token_use"] == useID {
		if client, ok := claims["aud"].(string); ok {
			return []clientClaim{{"aud", client}}
		}
		return nil
	}
	found, _ := i.clientsOf(claims)
	return found
}

// otherIssuer returns the first of values that is configured for another issuer than i,
// and that issuer. A token may have thousands of values, so it compares only those that a
// message shows.
func (v *Verifier) otherIssuer(i *trusted, values []string, configured func(*trusted) []string) (string, *trusted) {
	for _, value := range values[:min(len(values), quote.MaxListed)] {
		for _, issuer := range v.issuers {
			if issuer != i && slices.Contains(configured(issuer), value) {
				return value, issuer
			}
		}
	}
	return "", nil
}
