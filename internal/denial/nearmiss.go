package denial

// NearMiss is a common mistake in a token that is otherwise right. Its text says what to
// change, and contains nothing of the token. The zero value means none of them.
type NearMiss string

// The near misses.
const (
	// NearIDToken: an ID token; an access token is expected.
	NearIDToken NearMiss = "id_token"
	// NearAccessToken: an access token; an ID token is expected.
	NearAccessToken NearMiss = "access_token"

	// NearNoScheme: a JWT in Authorization without the Bearer scheme.
	NearNoScheme NearMiss = "no_scheme"

	// NearScheme: a token with the Bearer scheme, where it is read without one.
	NearScheme NearMiss = "scheme"

	// NearNoToken: a word such as null, which the client sends because it has no token.
	NearNoToken NearMiss = "no_token"
	// NearQuoted: a token in quotes.
	NearQuoted NearMiss = "quoted"
	// NearEncoding: a token in standard base64 or with padding.
	NearEncoding NearMiss = "encoding"
	// NearOpaque: a credential that has not the form of a JWT.
	NearOpaque NearMiss = "opaque"
	// NearEncrypted: an encrypted token (JWE).
	NearEncrypted NearMiss = "encrypted"
	// NearRefreshToken: a refresh token of Cognito.
	NearRefreshToken NearMiss = "refresh_token"

	// NearAlgorithmPublished: the issuer publishes a key for the algorithm, which is not
	// one of its configured algorithms.
	NearAlgorithmPublished NearMiss = "algorithm_published"
	// NearGraphToken: a token of Microsoft Entra with nonce in its header, which only
	// Microsoft Graph can verify.
	NearGraphToken NearMiss = "graph_token"

	// NearIssuerSlash: iss differs from a configured one only by the final slash.
	NearIssuerSlash NearMiss = "issuer_slash"
	// NearIssuerScheme: iss differs from a configured one only by http:// or https://
	// at the beginning.
	NearIssuerScheme NearMiss = "issuer_scheme"
	// NearIssuerHost: iss has a path and differs from a configured one only by the
	// host, or it differs only by the case of the host.
	NearIssuerHost NearMiss = "issuer_host"
	// NearIssuerCognito: an iss that is another form, or another region's, of a
	// Cognito user pool that is configured.
	NearIssuerCognito NearMiss = "issuer_cognito"

	// NearIssuerVersion: an iss that is the other version (v1.0 or v2.0) of the issuer
	// of a tenant of Microsoft Entra that is configured.
	NearIssuerVersion NearMiss = "issuer_version"

	// NearClientInAudience: the expected client is in aud, and not in the
	// claims that name the client.
	NearClientInAudience NearMiss = "client_in_audience"
	// NearOtherIssuersClient: the client is one of another configured issuer.
	NearOtherIssuersClient NearMiss = "other_issuers_client"
	// NearOtherIssuersAudience: aud contains an audience of another configured issuer.
	NearOtherIssuersAudience NearMiss = "other_issuers_audience"
	// NearAudienceIsClient: what is configured as an audience is the token's client.
	NearAudienceIsClient NearMiss = "audience_is_client"

	// NearGroupsLeftOut: the token says that it leaves out groups, because the user
	// is in too many.
	NearGroupsLeftOut NearMiss = "groups_left_out"
)
