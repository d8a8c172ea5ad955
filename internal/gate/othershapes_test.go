package gate_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/signer"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// otherShape is an issuer without a preset, with the settings of docs/providers.md, and
// tokens in the form that it writes.
type otherShape struct {
	name, settings string
	alg            string // empty: RS256
	outcomes       func(now int64, key *signer.Key) []outcome
}

// TestOtherShapes: tokens of issuers for which there is no provider. docs/providers.md
// says for each whether its form was seen or inferred.
func TestOtherShapes(t *testing.T) {
	page, err := os.ReadFile("../../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range append(otherUserShapes(), otherWorkloadShapes()...) {
		t.Run(shape.name, func(t *testing.T) {
			if !strings.Contains(string(page), ": {"+shape.settings+"}\n") {
				t.Error("docs/providers.md has other settings")
			}
			alg := "RS256"
			if shape.alg != "" {
				alg = shape.alg
			}
			key := newSigner(t, alg)
			set, err := signer.KeySet(key)
			if err != nil {
				t.Fatal(err)
			}
			file := testutil.File(t, "keys.json", string(set))
			cfg := parse(t, fmt.Sprintf("issuers: {it: {%s, jwks: {file: %q}}}\n", shape.settings, file), nil)
			decideAll(t, open(t, cfg, gate.Options{Logger: quiet()}), "", shape.outcomes(1790000000, key))
		})
	}
}

func otherUserShapes() []otherShape {
	return []otherShape{
		{
			name: "AD FS",
			settings: `issuer: "http://adfs.acme.example/adfs/services/trust", audiences: ["microsoft:identityserver:api"], ` +
				`clients: [PDLAPI], groups_claim: [group]`,
			outcomes: func(_ int64, key *signer.Key) []outcome {
				access := shaped{key, object{"kid": nil, "typ": "JWT", "x5t": "l_OZUmitFFug_qgT4aBrvnyxm94"}, object{
					"iss": "http://adfs.acme.example/adfs/services/trust", "aud": "microsoft:identityserver:api", "appid": "PDLAPI",
					"apptype": "Confidential", "auth_time": "2017-04-03T10:21:15.733Z", "scp": "openid", "sub": "xBZpMT9zNKNyMjFsj4CF=",
					"ver": "1.0", "group": "Admins",
				}}
				return []outcome{
					{name: "no kid, and one group is a string", token: access, reason: "allowed", user: "xBZpMT9zNKNyMjFsj4CF=", groups: "Admins"},
					{name: "for the user information", token: access.with(object{"aud": "urn:microsoft:userinfo"}), reason: "audience_mismatch"},
				}
			},
		},
		{
			name:     "Casdoor",
			settings: `issuer: "https://casdoor.acme.example", audiences: [97c018a6692f932ab6d1]`,
			outcomes: func(now int64, key *signer.Key) []outcome {
				access := shaped{key, object{"typ": "JWT"}, object{
					"iss": "https://casdoor.acme.example", "aud": []any{"97c018a6692f932ab6d1"}, "sub": "5cf501cc", "owner": "acme",
					"tokenType": "access-token", "nonce": "", "scope": "read", "roles": []any{}, "nbf": now - 1e9, "jti": "admin/64e60a04",
				}}
				return []outcome{
					{name: "an empty nonce", token: access, reason: "allowed", user: "5cf501cc"},
					{name: "a refresh token", token: access.with(object{"tokenType": "refresh-token"}), reason: "token_use_mismatch"},
					{name: "an ID token", token: access.with(object{"nonce": "n"}), reason: "token_use_mismatch"},
				}
			},
		},
		{
			name: "Descope",
			settings: `issuer: P2YuRTmSv8Pdo, clients: [P2YuRTmSv8Pdo], client_claims: [iss], groups_claim: [roles], ` +
				`scopes_claim: [permissions]`,
			outcomes: func(_ int64, key *signer.Key) []outcome {
				session := shaped{key, nil, object{"iss": "P2YuRTmSv8Pdo", "sub": "U2Yualo", "amr": []any{"oauth"}, "drn": "DS",
					"roles": []any{"Tenant Admin"}, "permissions": []any{}, "tenants": object{}, "rexp": "2024-01-10T00:57:21Z"}}
				return []outcome{
					{name: "a session", token: session, reason: "allowed", user: "U2Yualo", groups: "Tenant Admin"},
					{name: "a refresh token", token: session.with(object{"drn": "DSR"}), reason: "token_use_mismatch"},
				}
			},
		},
		{
			name:     "Logto",
			settings: `issuer: "https://acme.logto.app/oidc", audiences: ["https://orders.example"], algorithms: [ES384]`, alg: "ES384",
			outcomes: func(_ int64, key *signer.Key) []outcome {
				access := shaped{key, object{"typ": "at+jwt"}, object{"iss": "https://acme.logto.app/oidc", "aud": "https://orders.example",
					"sub": "u1", "client_id": "web", "scope": "read"}}
				return []outcome{{name: "ES384", token: access, reason: "allowed", user: "u1"}}
			},
		},
		{
			name:     "PingOne",
			settings: `issuer: "https://auth.pingone.com/0000/as", audiences: ["https://orders.example"], subject_claims: [sub, client_id]`,
			outcomes: func(_ int64, key *signer.Key) []outcome {
				access := shaped{key, object{"typ": "at+jwt", "x5t": "x"}, object{"iss": "https://auth.pingone.com/0000/as",
					"aud": []any{"https://orders.example"}, "sub": "u1", "client_id": "web", "scope": "read", "sid": "s"}}
				machine := access.with(object{"client_id": "batch", "sid": nil})
				delete(machine.claims, "sub")
				return []outcome{
					{name: "a user", token: access, reason: "allowed", user: "u1"},
					{name: "a machine, without sub", token: machine, reason: "allowed", user: "batch", kind: "client"},
				}
			},
		},
		{
			name: "SAP XSUAA",
			settings: `issuer: "https://acme.authentication.eu10.hana.ondemand.com/oauth/token", audiences: ["app!t1"], ` +
				`clients: ["sb-app!t1"], groups_claim: ["/xs.system.attributes/xs.rolecollections"]`,
			outcomes: func(_ int64, key *signer.Key) []outcome {
				access := shaped{key, object{"typ": "JWT", "jku": "https://evil.example/token_keys"}, object{
					"iss": "https://acme.authentication.eu10.hana.ondemand.com/oauth/token", "aud": []any{"app!t1", "sb-app!t1", "openid"},
					"sub": "u1", "cid": "sb-app!t1", "azp": "sb-app!t1", "client_id": "sb-app!t1", "zid": "z", "scope": []any{"app!t1.Display"},
					"xs.system.attributes": object{"xs.rolecollections": []any{"Viewer"}}, "ext_attr": object{"zdn": "acme"},
				}}
				return []outcome{{name: "jku is not read", token: access, reason: "allowed", user: "u1", groups: "Viewer"}}
			},
		},
	}
}

func otherWorkloadShapes() []otherShape {
	return []otherShape{
		{
			name:     "Buildkite",
			settings: `issuer: "https://agent.buildkite.com", audiences: [orders], require: {organization_slug: [acme]}`,
			outcomes: func(_ int64, key *signer.Key) []outcome {
				job := shaped{key, nil, object{"iss": "https://agent.buildkite.com", "aud": "orders", "step_key": nil, "build_number": 175,
					"sub": "organization:acme:pipeline:p", "organization_slug": "acme", "pipeline_slug": "p"}}
				return []outcome{
					{name: "a job", token: job, reason: "allowed", user: "organization:acme:pipeline:p"},
					{name: "of another organization", token: job.with(object{"organization_slug": "evil"}), reason: "claim_mismatch"},
				}
			},
		},
		{
			name: "Hydra", settings: `issuer: "https://hydra.acme.example/", clients: [web]`,
			outcomes: func(now int64, key *signer.Key) []outcome {
				access := shaped{key, object{"typ": "JWT"}, object{"iss": "https://hydra.acme.example/", "aud": []any{}, "client_id": "web",
					"ext": object{}, "scp": []any{"openid"}, "sub": "u1", "nbf": now - 1e9}}
				return []outcome{
					{name: "an empty aud", token: access, reason: "allowed", user: "u1"},
					{name: "an empty kid", token: access.headed(object{"kid": ""}), reason: "kid_missing"},
				}
			},
		},
		{
			name:     "IdentityServer",
			settings: `issuer: "https://is.acme.example", audiences: [orders-api], groups_claim: [role]`,
			outcomes: func(_ int64, key *signer.Key) []outcome {
				access := shaped{key, object{"typ": "at+jwt"}, object{"iss": "https://is.acme.example", "client_id": "web", "idp": "local",
					"aud": []any{"orders-api", "https://is.acme.example/resources"}, "sub": "u1", "role": "Admin", "scope": []any{"openid"}}}
				return []outcome{
					{name: "a role that is a string", token: access, reason: "allowed", user: "u1", groups: "Admin"},
					{name: "the static audience", token: access.with(object{"aud": "https://is.acme.example/resources"}),
						reason: "audience_mismatch"},
				}
			},
		},
		{
			name: "WorkOS",
			settings: `issuer: "https://api.workos.com/user_management/client_1", client_claims: [iss], groups_claim: [roles], ` +
				`clients: ["https://api.workos.com/user_management/client_1"], scopes_claim: [permissions]`,
			outcomes: func(_ int64, key *signer.Key) []outcome {
				access := shaped{key, nil, object{"iss": "https://api.workos.com/user_management/client_1", "sub": "user_1", "org_id": "org_1",
					"act": object{"sub": "admin@acme.example"}, "roles": []any{"member"}, "permissions": []any{"posts:read"}, "sid": "s"}}
				return []outcome{{name: "neither aud nor client", token: access, reason: "allowed", user: "user_1", groups: "member"}}
			},
		},
		{
			name: "Zitadel",
			settings: `issuer: "https://acme.zitadel.example", audiences: ["344374183645413380"], ` +
				`groups_claim: ["urn:zitadel:iam:org:project:roles"]`,
			outcomes: func(_ int64, key *signer.Key) []outcome {
				access := shaped{key, nil, object{"iss": "https://acme.zitadel.example", "aud": []any{"344374183645413380"}, "sub": "3453",
					"client_id": "svc", "urn:zitadel:iam:org:project:roles": object{"editor": object{"34": "acme.example"}}}}
				return []outcome{{name: "roles that are an object are no groups", token: access, reason: "allowed", user: "3453"}}
			},
		},
	}
}
