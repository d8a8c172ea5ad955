package gate_test

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/signer"
)

const (
	entraTenant = "11111111-2222-4333-8444-555555555555"
	entraOther  = "99999999-2222-4333-8444-555555555555"
	entraAPI    = "44444444-2222-4333-8444-555555555555"
)

// identityVendors are the providers of users. docs/providers.md says where the forms of the
// tokens are from.
func identityVendors() []vendor {
	return []vendor{
		{
			provider: "cognito", settings: "pool: us-west-1_6BpkgoczU, clients: [3v5exampleclient]",
			hosts:   []string{"cognito-idp.us-west-1.amazonaws.com"},
			publish: plainSet("cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU/.well-known/jwks.json"), outcomes: cognitoOutcomes,
		},
		{
			provider: "entra", settings: "tenant: " + entraTenant + ", audiences: [" + entraAPI + ", \"api://" + entraAPI + "\"]",
			hosts: []string{
				"login.microsoftonline.com",
			}, publish: plainSet("login.microsoftonline.com/" + entraTenant + "/discovery/v2.0/keys"),
			outcomes: entraOutcomes,
		},
		{
			provider: "auth0", settings: "domain: acme.eu.auth0.com, audiences: [https://orders.example]",
			hosts:   []string{"acme.eu.auth0.com"},
			publish: discovery("acme.eu.auth0.com/", "acme.eu.auth0.com/.well-known/jwks.json"), outcomes: auth0Outcomes,
		},
		{
			provider: "okta", settings: "domain: acme.okta.com, audiences: [https://orders.example]", hosts: []string{"acme.okta.com"},
			publish: discovery("acme.okta.com/oauth2/default", "acme.okta.com/oauth2/default/v1/keys"), outcomes: oktaOutcomes,
		},
		{
			provider: "keycloak", settings: "domain: sso.acme.example, realm: acme, audiences: [orders-api]",
			hosts:    []string{"sso.acme.example"},
			publish:  discovery("sso.acme.example/realms/acme", "sso.acme.example/realms/acme/protocol/openid-connect/certs"),
			outcomes: keycloakOutcomes,
		},
		{
			provider: "google", settings: "audiences: [407408718192.apps.googleusercontent.com], require: {hd: [acme.example]}",
			hosts:    []string{"accounts.google.com", "www.googleapis.com"},
			publish:  discovery("accounts.google.com", "www.googleapis.com/oauth2/v3/certs"),
			outcomes: googleOutcomes,
		},
		{
			provider: "firebase", settings: "project: acme-shop", hosts: []string{"www.googleapis.com"},
			publish: func(t *testing.T, n *internet, key *signer.Key) {
				n.publish(t, "www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com", publicPEM(t, key))
			},
			outcomes: firebaseOutcomes,
		},
		{
			provider: "supabase", settings: "project: abcdefghijklmnopqrst", alg: "ES256",
			hosts:   []string{"abcdefghijklmnopqrst.supabase.co"},
			publish: plainSet("abcdefghijklmnopqrst.supabase.co/auth/v1/.well-known/jwks.json"), outcomes: supabaseOutcomes,
		},
		{
			provider: "clerk", settings: `domain: clerk.acme.example, clients: ["https://app.acme.example"]`,
			hosts:   []string{"clerk.acme.example"},
			publish: plainSet("clerk.acme.example/.well-known/jwks.json"), outcomes: clerkOutcomes,
		},
	}
}

func cognitoOutcomes(_ *testing.T, key *signer.Key) []outcome {
	access := shaped{key, nil, map[string]any{
		"iss": "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU", "sub": "a1b2c3d4-5678-90ab-cdef-111122223333",
		"cognito:groups": []string{
			"editors",
		}, "client_id": "3v5exampleclient", "origin_jti": "o1", "event_id": "e1", "token_use": "access",
		"scope": "aws.cognito.signin.user.admin", "version": 2, "jti": "j1", "username": "ann",
	}}
	id := access.with(map[string]any{
		"token_use": "id", "aud": "3v5exampleclient", "client_id": nil, "username": nil, "scope": nil,
		"version": nil, "cognito:username": "ann",
	})
	user := "a1b2c3d4-5678-90ab-cdef-111122223333"
	return []outcome{
		{name: "an access token, which has no aud", token: access, reason: "allowed", user: user, groups: "editors"},
		{name: "an ID token", token: id, reason: "allowed", user: user, groups: "editors"},
		{name: "the other form of iss", reason: "allowed", user: user, groups: "editors",
			token: access.with(map[string]any{"iss": "https://issuer-cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU"})},
		{name: "another app client of the pool", token: access.with(map[string]any{"client_id": "other"}), reason: "client_mismatch"},
		{name: "the ID token of another client", token: id.with(map[string]any{"aud": "other"}), reason: "client_mismatch"},
		{name: "another pool", token: access.with(map[string]any{"iss": "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_other"}),
			reason: "issuer_unknown"},
	}
}

func entraOutcomes(_ *testing.T, key *signer.Key) []outcome {
	v2 := shaped{key, map[string]any{"typ": "JWT"}, map[string]any{
		"aud": entraAPI, "iss": "https://login.microsoftonline.com/" + entraTenant + "/v2.0", "aio": "AVQAq", "azp": "spa", "azpacr": "0",
		"name": "Ann", "oid": "aaaaaaaa-0000-4000-8000-000000000001", "preferred_username": "ann@acme.example",
		"rh": "0.AX", "roles": []string{"Editor"},
		"scp": "Orders.Read Orders.Write", "sub": "pairwise-ann", "tid": entraTenant, "uti": "u", "ver": "2.0",
	}}
	v1 := v2.with(map[string]any{
		"aud": "api://" + entraAPI, "iss": "https://sts.windows.net/" + entraTenant + "/", "azp": nil,
		"azpacr": nil, "appid": "spa", "appidacr": "0",
		"ver": "1.0", "preferred_username": nil, "unique_name": "ann@acme.example",
	})
	return []outcome{
		{name: "version 2.0", token: v2, reason: "allowed", user: "pairwise-ann", groups: "Editor"},
		{name: "version 1.0 is the same user", token: v1, reason: "allowed", user: "pairwise-ann", groups: "Editor"},
		{
			name:   "an application without a user",
			reason: "allowed",
			user:   "pairwise-app",
			groups: "Orders.All",
			kind:   "client",
			token: v2.with(map[string]any{
				"idtyp": "app", "scp": nil, "roles": []string{"Orders.All"}, "sub": "pairwise-app",
				"preferred_username": nil, "name": nil}),
		},
		{
			name: "an application without idtyp, which is an optional claim", reason: "allowed", user: "oid-of-the-app", kind: "client",
			token: v2.with(map[string]any{
				"azp": "daemon", "scp": nil, "roles": nil, "sub": "oid-of-the-app", "oid": "oid-of-the-app",
				"preferred_username": nil, "name": nil}),
		},
		{name: "a token for Microsoft Graph", reason: "audience_mismatch",
			token: v1.with(map[string]any{"aud": "00000003-0000-0000-c000-000000000000"}).headed(map[string]any{"nonce": "n"})},
		{name: "another tenant", reason: "issuer_unknown", token: v2.with(map[string]any{
			"iss": "https://login.microsoftonline.com/" + entraOther + "/v2.0", "tid": entraOther})},
		{name: "a tid that is not of the iss", token: v2.with(map[string]any{"tid": entraOther}), reason: "claim_mismatch"},
		{name: "an ID token", token: v2.with(map[string]any{"nonce": "n", "azp": nil, "scp": nil}), reason: "token_use_mismatch"},
	}
}

func auth0Outcomes(_ *testing.T, key *signer.Key) []outcome {
	access := shaped{key, map[string]any{"typ": "JWT"}, map[string]any{
		"iss": "https://acme.eu.auth0.com/", "sub": "auth0|6553da60a54af58e29493993",
		"aud": []string{"https://orders.example", "https://acme.eu.auth0.com/userinfo"}, "azp": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja",
		"scope": "openid profile read:orders", "permissions": []string{"read:orders"},
	}}
	machine := access.with(map[string]any{
		"sub": "awZfdIir8YFdGZWkvCejDoUb7SjTDicx@clients", "azp": "awZfdIir8YFdGZWkvCejDoUb7SjTDicx", "aud": "https://orders.example",
		"gty": "client-credentials", "scope": "read:orders",
	})
	rfc9068 := access.with(map[string]any{"azp": nil, "client_id": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja", "jti": "j"})
	return []outcome{
		{name: "an array of audiences", token: access, reason: "allowed", user: "auth0|6553da60a54af58e29493993"},
		{name: "the profile of RFC 9068", token: rfc9068.headed(map[string]any{"typ": "at+jwt"}), reason: "allowed",
			user: "auth0|6553da60a54af58e29493993"},
		{name: "a machine", token: machine, reason: "allowed", user: "awZfdIir8YFdGZWkvCejDoUb7SjTDicx@clients", kind: "client"},
		{
			name:   "iss without the final slash",
			token:  access.with(map[string]any{"iss": "https://acme.eu.auth0.com"}),
			reason: "issuer_unknown",
		},
		{name: "the audience of /userinfo alone", token: access.with(map[string]any{"aud": "https://acme.eu.auth0.com/userinfo"}),
			reason: "audience_mismatch"},
		{name: "an ID token", reason: "token_use_mismatch", token: access.with(map[string]any{
			"aud": []string{"https://orders.example"}, "nonce": "n", "azp": nil, "scope": nil})},
	}
}

func oktaOutcomes(_ *testing.T, key *signer.Key) []outcome {
	access := shaped{key, nil, map[string]any{
		"ver": 1, "jti": "AT.MNAoEQ", "iss": "https://acme.okta.com/oauth2/default", "aud": "https://orders.example",
		"cid": "0oa1client", "uid": "00u1user",
		"scp": []string{"openid", "orders.read"}, "auth_time": 1688145909, "sub": "ann@acme.example", "groups": []string{"editors"},
	}}
	machine := access.with(map[string]any{"sub": "0oa1client", "uid": nil, "auth_time": nil, "groups": nil})
	return []outcome{
		{name: "scp is an array, and the client is in cid", token: access, reason: "allowed", user: "ann@acme.example", groups: "editors"},
		{name: "a machine", token: machine, reason: "allowed", user: "0oa1client", kind: "client"},
		{name: "the org authorization server", reason: "issuer_unknown",
			token: access.with(map[string]any{"iss": "https://acme.okta.com", "aud": "https://acme.okta.com"})},
		{name: "another authorization server", token: access.with(map[string]any{"iss": "https://acme.okta.com/oauth2/aus1"}),
			reason: "issuer_unknown"},
		{name: "another audience", token: access.with(map[string]any{"aud": "https://acme.okta.com"}), reason: "audience_mismatch"},
		{name: "the audience that default has at first", token: access.with(map[string]any{"aud": "api://default"}),
			reason: "audience_mismatch"},
		{name: "an ID token", reason: "token_use_mismatch",
			token: access.with(map[string]any{"jti": "ID.rad", "at_hash": "h", "cid": nil, "scp": nil})},
	}
}

func keycloakOutcomes(_ *testing.T, key *signer.Key) []outcome {
	access := shaped{key, map[string]any{"typ": "JWT"}, map[string]any{
		"jti": "onrtac:1", "iss": "https://sso.acme.example/realms/acme", "aud": []string{"orders-api", "account"}, "typ": "Bearer",
		"sub": "f3a1c9d0-0000-4000-8000-000000000001", "azp": "spa", "sid": "s", "acr": "1", "scope": "openid profile",
		"realm_access": map[string]any{"roles": []string{"editor", "offline_access"}}, "preferred_username": "ann",
		"resource_access": map[string]any{"account": map[string]any{"roles": []string{"view-profile"}}}, "allowed-origins": []string{"*"},
	}}
	user := "f3a1c9d0-0000-4000-8000-000000000001"
	return []outcome{
		{name: "realm roles are the groups", token: access, reason: "allowed", user: user, groups: "editor,offline_access"},
		{name: "a service account", reason: "allowed", user: user, kind: "client", token: access.with(map[string]any{
			"azp": "Batch", "preferred_username": "service-account-batch", "realm_access": nil, "sid": nil, "client_id": "Batch"})},
		{name: "a user whose name is like that of another client's service account", reason: "allowed", user: user,
			token: access.with(map[string]any{"preferred_username": "service-account-batch", "realm_access": nil})},
		{name: "without an audience mapper", token: access.with(map[string]any{"aud": "account"}), reason: "audience_mismatch"},
		{name: "a refresh token", token: access.with(map[string]any{"typ": "Refresh"}), reason: "token_use_mismatch"},
		{name: "an ID token", token: access.with(map[string]any{"typ": "ID"}), reason: "token_use_mismatch"},
		{
			name:   "another realm",
			token:  access.with(map[string]any{"iss": "https://sso.acme.example/realms/master"}),
			reason: "issuer_unknown",
		},
	}
}

func googleOutcomes(_ *testing.T, key *signer.Key) []outcome {
	id := shaped{key, map[string]any{"typ": "JWT"}, map[string]any{
		"iss": "https://accounts.google.com", "azp": "407408718192.apps.googleusercontent.com",
		"aud": "407408718192.apps.googleusercontent.com",
		"sub": "110169484474386276334", "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q", "hd": "acme.example", "email": "ann@acme.example",
		"email_verified": true, "nonce": "0394852-3190485-2490358",
	}}
	return []outcome{
		{name: "an ID token", token: id, reason: "allowed", user: "110169484474386276334"},
		{name: "without azp", token: id.with(map[string]any{"azp": nil}), reason: "allowed", user: "110169484474386276334"},
		{name: "another client's ID token", reason: "audience_mismatch",
			token: id.with(map[string]any{"aud": "999.apps.googleusercontent.com", "azp": "999.apps.googleusercontent.com"})},
		{name: "an account of another organization", token: id.with(map[string]any{"hd": "evil.example"}), reason: "claim_mismatch"},
		{name: "a private account", token: id.with(map[string]any{"hd": nil, "email": "ann@gmail.com"}), reason: "claim_mismatch"},
	}
}

func firebaseOutcomes(_ *testing.T, key *signer.Key) []outcome {
	id := shaped{key, map[string]any{"typ": "JWT"}, map[string]any{
		"iss": "https://securetoken.google.com/acme-shop", "aud": "acme-shop", "auth_time": 1688145909, "user_id": "uWk4", "sub": "uWk4",
		"email": "ann@acme.example", "email_verified": false,
		"firebase": map[string]any{"identities": map[string]any{"email": []string{"ann@acme.example"}}, "sign_in_provider": "password"},
	}}
	return []outcome{
		{name: "an ID token", token: id, reason: "allowed", user: "uWk4"},
		{name: "another project, which has the same keys", reason: "issuer_unknown",
			token: id.with(map[string]any{"iss": "https://securetoken.google.com/evil", "aud": "evil"})},
		{name: "the aud of another project", token: id.with(map[string]any{"aud": "evil"}), reason: "audience_mismatch"},
		{
			name:   "a session cookie",
			token:  id.with(map[string]any{"iss": "https://session.firebase.google.com/acme-shop"}),
			reason: "issuer_unknown",
		},
	}
}

func supabaseOutcomes(_ *testing.T, key *signer.Key) []outcome {
	access := shaped{key, map[string]any{"typ": "JWT"}, map[string]any{
		"iss": "https://abcdefghijklmnopqrst.supabase.co/auth/v1", "aud": "authenticated", "sub": "123e4567-e89b-12d3-a456-426614174000",
		"role": "authenticated", "aal": "aal1", "session_id": "s", "email": "ann@acme.example", "phone": "", "is_anonymous": false,
		"app_metadata": map[string]any{"provider": "email", "roles": []string{"editor"}},
		"user_metadata": map[string]any{
			"roles": []string{"admin"},
		}, "amr": []any{map[string]any{"method": "password", "timestamp": 1640991600}},
	}}
	anon := map[string]any{"iss": "supabase", "ref": "abcdefghijklmnopqrst", "role": "anon", "sub": nil, "aud": nil}
	return []outcome{
		{name: "roles of app_metadata, not of user_metadata", token: access, reason: "allowed", groups: "editor",
			user: "123e4567-e89b-12d3-a456-426614174000"},
		{name: "the anon key", token: access.with(anon).headed(map[string]any{"alg": "HS256", "kid": nil}), reason: "alg_not_allowed"},
		{name: "the claims of the anon key", token: access.with(anon), reason: "issuer_unknown"},
		{name: "another project", token: access.with(map[string]any{"iss": "https://zyxwvutsrqponmlkjihg.supabase.co/auth/v1"}),
			reason: "issuer_unknown"},
	}
}

func clerkOutcomes(_ *testing.T, key *signer.Key) []outcome {
	session := shaped{key, map[string]any{"typ": "JWT", "cat": "cl_B7d4PD111AAA"}, map[string]any{
		"azp": "https://app.acme.example", "fva": []int{0, -1}, "iss": "https://clerk.acme.example",
		"sid": "sess_123", "sub": "user_2ann", "v": 2,
		"o": map[string]any{"id": "org_1", "slg": "acme", "rol": "admin"}, "sts": "active", "jti": "j",
	}}
	v1 := map[string]any{"v": nil, "o": nil, "org_id": "org_1", "org_role": "org:admin", "org_slug": "acme"}
	return []outcome{
		{name: "the role in an organization, which any user can create, is no group", token: session, reason: "allowed", user: "user_2ann"},
		{name: "the role in a session token of version 1", token: session.with(v1), reason: "allowed", user: "user_2ann"},
		{name: "another site of the same instance", token: session.with(map[string]any{"azp": "https://evil.acme.example"}),
			reason: "client_mismatch"},
		{name: "without azp", token: session.with(map[string]any{"azp": nil}), reason: "client_mismatch"},
	}
}
