package denial

// NearMiss names a mistake that is nearly right by its kind, so that a client's
// developer can be told what to change without being told anything of the
// token. The zero value is no near miss.
type NearMiss string

// The near misses.
const (
	// NearIDToken: an ID token where an access token is due.
	NearIDToken NearMiss = "id_token"
	// NearAccessToken: an access token where an ID token is due.
	NearAccessToken NearMiss = "access_token"

	// NearNoScheme: a JWT in Authorization without the Bearer scheme.
	NearNoScheme NearMiss = "no_scheme"

	// NearScheme: a token with the Bearer scheme, where it is read without one.
	NearScheme NearMiss = "scheme"

	// NearIssuerSlash: an iss that is a configured one but for its final slash.
	NearIssuerSlash NearMiss = "issuer_slash"
	// NearIssuerScheme: an iss that is a configured one but for http, https, or
	// neither in front.
	NearIssuerScheme NearMiss = "issuer_scheme"
	// NearIssuerHost: an iss that is a configured one but for its host, and has a
	// path; or but for the host's case.
	NearIssuerHost NearMiss = "issuer_host"
	// NearIssuerCognito: an iss that is another form, or another region's, of a
	// Cognito user pool that is configured.
	NearIssuerCognito NearMiss = "issuer_cognito"

	// NearIssuerVersion: an iss that is the other version (v1.0 or v2.0) of the issuer
	// of a tenant of Microsoft Entra that is configured.
	NearIssuerVersion NearMiss = "issuer_version"

	// NearClientInAudience: the client that is due stands in aud, and not in the
	// claims that name the client.
	NearClientInAudience NearMiss = "client_in_audience"
	// NearOtherIssuersClient: the client is one of another configured issuer.
	NearOtherIssuersClient NearMiss = "other_issuers_client"
	// NearOtherIssuersAudience: aud holds an audience of another configured issuer.
	NearOtherIssuersAudience NearMiss = "other_issuers_audience"
	// NearAudienceIsClient: what is configured as an audience is the token's client.
	NearAudienceIsClient NearMiss = "audience_is_client"

	// NearGroupsLeftOut: the token says that it leaves out groups, because the user
	// is in too many.
	NearGroupsLeftOut NearMiss = "groups_left_out"
)
