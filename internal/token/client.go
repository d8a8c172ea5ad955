package token

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/denial"
)

// checkClient finds the client that the token was issued to, and checks it against the
// configured clients.
func (i *trusted) checkClient(t *Token, use string) *denial.Error {
	if i.cognito != nil && use == useID {
		t.Client, _ = t.Claims()["aud"].(string)
		if !slices.Contains(i.clients, t.Client) {
			return fail(ErrClientMismatch, "")
		}
		return nil
	}
	found, failure := i.clientsOf(t.Claims())
	if failure != nil {
		return failure
	}
	other := func(c clientClaim) bool { return !slices.Contains(i.clients, c.value) }
	if len(i.clients) > 0 && (len(found) == 0 || slices.ContainsFunc(found, other)) {
		return fail(ErrClientMismatch, "")
	}
	if len(found) > 0 {
		t.Client = found[0].value
	}
	return nil
}

// clientClaim is a claim that names the client of a token.
type clientClaim struct{ claim, value string }

// clientsOf returns the claims that name the client. Each of client_id (RFC 9068 section
// 2.2) and azp (OpenID Connect Core section 2) that the token has must be a client, and the
// first one names it. Without them, it is the first other claim that is a non-empty string:
// no standard says what another value of such a claim means. azp may be null, which some
// issuers write when a token has no authorized party.
func (i *trusted) clientsOf(claims map[string]any) ([]clientClaim, *denial.Error) {
	var found []clientClaim
	for _, name := range i.standardClients {
		value, present := claims[name]
		if !present || value == nil && name == claimAzp {
			continue
		}
		client, ok := value.(string)
		if !ok {
			return found, wrongForm(name, shape(value), "a string")
		}
		found = append(found, clientClaim{name, client})
	}
	if len(found) > 0 {
		return found, nil
	}
	for _, path := range i.otherClients {
		value, _ := path.find(claims)
		if client, _ := value.(string); client != "" {
			return []clientClaim{{path.name(), client}}, nil
		}
	}
	return nil, nil
}

const claimAzp = "azp"

// setClientClaims splits the claims that name the client into those that must agree and
// the others.
func (i *trusted) setClientClaims(names []string) {
	for _, path := range parseClaimPaths(names) {
		switch {
		case path.is("client_id"), path.is(claimAzp):
			i.standardClients = append(i.standardClients, path[0])
		default:
			i.otherClients = append(i.otherClients, path)
		}
	}
}

// clientPaths returns the claims that may name the client.
func (i *trusted) clientPaths() []claimPath {
	return slices.Concat(parseClaimPaths(i.standardClients), i.otherClients)
}
