package token

import (
	"cmp"
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
		i.diagnoseSubject(f, claims)
	}
}

func (v *Verifier) diagnoseAudience(f *denial.Error, i *trusted, claims map[string]any) {
	found, present, _ := audience(claims)
	if len(i.audiences) == 0 { // Cognito: the client requested a resource
		f.Internal = "got aud " + quote.List(found) + "; expected " + quote.OneOf(i.clients) + ", or one of audiences"
		if at := slices.IndexFunc(found, settable); at >= 0 {
			f.Advise(denial.FixAddAudience.With(quote.Text(found[at]), quote.Text(i.name)))
		}
		f.Advise(denial.FixNoResource.With())
		return
	}
	switch {
	case !present:
		f.Internal = "aud is missing"
	case len(found) == 0:
		f.Internal = "aud is empty"
	default:
		f.Internal = "got aud " + quote.List(found)
	}
	f.Internal += "; expected " + quote.OneOf(i.audiences)
	clients := i.namedClients(claims)
	if slices.Contains(i.tokenUse, useAccess) && i.isIDToken(claims, found, clients) {
		f.Near = denial.NearIDToken
		f.Advise(denial.FixAccessForClient.With(quote.List(found)))
		return
	}
	audiences, change := i.unshared(found)
	switch {
	case len(found) == 0:
		i.adviseClientsOnly(f, clients)
		f.Advise(denial.FixWriteAudience.With(quote.OneOf(i.audiences)))
	case len(audiences) == 0 && change != "":
		f.Advise(denial.FixOwnAudience.With(change, quote.OneOf(i.audiences)))
		i.adviseClientsOnly(f, clients)
	default:
		i.adviseClientsOnly(f, clients)
		v.adviseAudience(f, i, audiences)
	}
}

// adviseClientsOnly adds details if what is configured as the audience is the token's
// client. Without audiences, clients alone would accept the token.
func (i *trusted) adviseClientsOnly(f *denial.Error, clients []clientClaim) {
	at := slices.IndexFunc(clients, func(c clientClaim) bool { return slices.Contains(i.audiences, c.value) })
	if at < 0 {
		return
	}
	client := clients[at]
	f.Near = denial.NearAudienceIsClient
	f.Internal += "; " + client.claim + " is " + quote.Text(client.value)
	switch {
	case slices.Contains(i.clients, client.value):
		f.Advise(denial.FixNoAudiences.With(quote.Text(client.value), quote.Text(i.name)))
	case settable(client.value):
		f.Advise(denial.FixClientsOnly.With(quote.Text(client.value), quote.Text(i.name)))
	}
}

// adviseAudience suggests an audience that the token has, and one that the issuer has.
func (v *Verifier) adviseAudience(f *denial.Error, i *trusted, found []string) {
	value, other := i.otherIssuer(found, v.byAudience)
	at := slices.IndexFunc(found, settable)
	switch {
	case other != nil && f.Near == "":
		f.Near = denial.NearOtherIssuersAudience
		f.Advise(denial.FixOtherAudience.With(quote.Text(value), quote.Text(other.name), quote.Text(i.name)))
	case at >= 0 && f.Near == "":
		f.Advise(denial.FixAddAudience.With(quote.Text(found[at]), quote.Text(i.name)))
	}
	f.Advise(denial.FixRequestAudience.With(quote.OneOf(i.audiences)))
}

// unshared returns those of the audiences that are of one application. The others are no
// audiences to suggest: with one of them, tokens for other purposes would be accepted. change
// is what to change at the provider instead.
func (i *trusted) unshared(all []string) (audiences []string, change string) {
	for _, one := range all[:min(len(all), quote.MaxListed)] {
		known, shared := i.shared.Of(one)
		if change = cmp.Or(change, known); !shared {
			audiences = append(audiences, one)
		}
	}
	return audiences, change
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
	if i.cognito != nil && claims["token_use"] == useID {
		if _, aud := claims["aud"].(string); !aud {
			f.Internal = claimPath{"aud"}.describe(claims) + " in the ID token"
			if len(audience) > 0 {
				f.Internal += " (" + quote.List(audience) + ")"
			}
			f.Internal += "; expected " + quote.OneOf(i.clients)
			f.Advise(denial.FixAudienceClient.With())
			return
		}
		f.Internal = "got an ID token with aud " + quote.List(audience) + "; expected " + quote.OneOf(i.clients)
		v.adviseClient(f, i, clients)
		return
	}
	f.Internal = describeAll(i.clientPaths(), claims)
	if len(clients) > 0 {
		found := make([]string, len(clients))
		for n, c := range clients {
			found[n] = c.claim + " " + quote.Text(c.value)
		}
		f.Internal = "got " + strings.Join(found, ", ")
	}
	f.Internal += "; expected " + quote.OneOf(i.clients)
	at := slices.IndexFunc(audience, func(one string) bool { return slices.Contains(i.clients, one) })
	if at < 0 || len(i.audiences) > 0 {
		v.adviseClient(f, i, clients)
		return
	}
	f.Near = denial.NearClientInAudience
	f.Internal += "; aud is " + quote.List(audience)
	if i.cognito != nil {
		f.Advise(denial.FixChosenAudience.With(quote.Text(audience[at])))
	} else {
		f.Advise(denial.FixAudiencesOnly.With(quote.Text(audience[at]), quote.Text(i.name)))
	}
}

// adviseClient suggests the client that the token has, and one that the issuer has.
func (v *Verifier) adviseClient(f *denial.Error, i *trusted, clients []clientClaim) {
	var wrong, shown []string
	for _, c := range clients {
		if !slices.Contains(i.clients, c.value) && !slices.Contains(wrong, c.value) {
			wrong, shown = append(wrong, c.value), append(shown, quote.Text(c.value))
		}
	}
	value, other := i.otherIssuer(wrong, v.byClient)
	possible := len(wrong) > 0 && !slices.ContainsFunc(wrong, func(one string) bool { return !settable(one) })
	switch name := quote.Text(i.name); {
	case other != nil && len(wrong) == 1:
		f.Near = denial.NearOtherIssuersClient
		f.Advise(denial.FixOtherClient.With(quote.Text(value), quote.Text(other.name), name))
	case possible:
		f.Advise(denial.FixAddClient.With(strings.Join(shown, " and "), name))
	case len(clients) == 0 && i.cognito == nil:
		f.Advise(denial.FixClientClaim.With(name))
	}
	f.Advise(denial.FixRequestClient.With(quote.OneOf(i.clients)))
}

func (i *trusted) diagnoseUse(f *denial.Error, claims map[string]any, typ string) {
	f.Internal = i.describeUse(claims, typ)
	if otherUse(claims, typ) != "" {
		f.Advise(i.sendExpected())
		return
	}
	f.Internal += "; expected " + quote.OneOf(i.tokenUse)
	switch use := i.use(claims, typ); {
	case use == useID:
		f.Near = denial.NearIDToken
		f.Advise(denial.FixSendAccess.With(), denial.FixAddUse.With(useID, quote.Text(i.name)))
	case use == useAccess && i.cognito == nil:
		f.Near = denial.NearAccessToken
		f.Advise(denial.FixSendID.With(), denial.FixBothUses.With(quote.Text(i.name)))
	case use == useAccess:
		f.Near = denial.NearAccessToken
		f.Advise(denial.FixSendID.With(), denial.FixAddUse.With(useAccess, quote.Text(i.name)))
	default:
		f.Advise(i.sendExpected())
	}
}

// describeUse describes what a token is for, and which claim shows it.
func (i *trusted) describeUse(claims map[string]any, typ string) string {
	use, isText := claims["token_use"].(string)
	_, present := claims["token_use"]
	switch other := otherUse(claims, typ); {
	case other == useRefresh:
		return "got a refresh token, as " + refreshClaim(claims) + " says, which is never accepted"
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

// addOwner adds an issuer to the owners of its values. [trusted.otherIssuer] needs no more than two
// of each value.
func addOwner(owners map[string][]*trusted, i *trusted, values []string) {
	for _, value := range values {
		if len(owners[value]) < 2 {
			owners[value] = append(owners[value], i)
		}
	}
}

// otherIssuer returns the first of values that is configured for another issuer than i,
// and that issuer. A token may have thousands of values, so it looks only at those that a
// message shows.
func (i *trusted) otherIssuer(values []string, owners map[string][]*trusted) (string, *trusted) {
	for _, value := range values[:min(len(values), quote.MaxListed)] {
		for _, owner := range owners[value] {
			if owner != i {
				return value, owner
			}
		}
	}
	return "", nil
}
