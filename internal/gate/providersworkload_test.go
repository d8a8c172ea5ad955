package gate_test

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/signer"
)

// podToken is the token with which the gate asks the API server for its keys.
const podToken = "eyJhbGciOiJSUzI1NiJ9.pod.token"

// workloadVendors are the providers of programs and the proxies that sign. docs/providers.md
// says where the forms of the tokens are from.
func workloadVendors() []vendor {
	const access = "acme.cloudflareaccess.com"
	return []vendor{
		{
			provider: "kubernetes", settings: "audiences: [orders-api]", bearer: podToken, hosts: []string{"kubernetes.default.svc"},
			publish: plainSet("kubernetes.default.svc/openid/v1/jwks"), outcomes: kubernetesOutcomes,
		},
		{
			provider: "github-actions", settings: "audiences: [https://orders.example], require: {repository_owner: [acme]}",
			hosts:    []string{"token.actions.githubusercontent.com"},
			publish:  discovery("token.actions.githubusercontent.com", "token.actions.githubusercontent.com/.well-known/jwks"),
			outcomes: githubOutcomes,
		},
		{
			provider: "gitlab", settings: "audiences: [https://orders.example], require: {namespace_path: [acme]}",
			hosts: []string{"gitlab.com"},

			publish: discovery("gitlab.com", "gitlab.com/oauth/discovery/keys"), outcomes: gitlabOutcomes,
		},
		{
			provider: "spiffe", settings: "domain: prod.example, audiences: [spiffe://prod.example/orders]", alg: "ES256",
			uri: "https://spire.prod.example/keys", hosts: []string{"spire.prod.example"}, publish: plainSet("spire.prod.example/keys"),
			outcomes: spiffeOutcomes,
		},
		{
			provider: "cloudflare-access", settings: "team: acme, audiences: [32eafc7626e974616deaf0dc3ce63d7b]", hosts: []string{access},
			publish: plainSet(access + "/cdn-cgi/access/certs"), outcomes: cloudflareOutcomes,
		},
		{
			provider: "google-iap", settings: "audiences: [/projects/1234/global/backendServices/5678]", alg: "ES256",
			hosts: []string{"www.gstatic.com"},

			publish: plainSet("www.gstatic.com/iap/verify/public_key-jwk"), outcomes: iapOutcomes,
		},
	}
}

func kubernetesOutcomes(_ *testing.T, key *signer.Key) []outcome {
	projected := shaped{key, nil, map[string]any{
		"aud": []string{"orders-api"}, "iss": "https://kubernetes.default.svc.cluster.local", "jti": "j",
		"sub": "system:serviceaccount:shop:cart", "nbf": 1688145909, "kubernetes.io": map[string]any{
			"namespace": "shop", "node": map[string]any{"name": "n1", "uid": "u"}, "pod": map[string]any{"name": "cart-1", "uid": "u"},
			"serviceaccount": map[string]any{"name": "cart", "uid": "u"}, "warnafter": 1688149516,
		},
	}}
	return []outcome{
		{name: "a projected token", token: projected, reason: "allowed", user: "system:serviceaccount:shop:cart", groups: "shop"},
		{name: "the default token, which is for the API server", reason: "audience_mismatch",
			token: projected.with(map[string]any{"aud": []string{"https://kubernetes.default.svc.cluster.local"}})},
		{name: "a legacy token, which never expires", reason: "issuer_unknown",
			token: projected.with(map[string]any{"iss": "kubernetes/serviceaccount", "aud": nil, "exp": nil})},
		{name: "without exp", token: projected.with(map[string]any{"exp": nil}), reason: "expiry_missing"},
		{name: "another cluster", token: projected.with(map[string]any{"iss": "https://oidc.eks.us-west-1.amazonaws.com/id/0123"}),
			reason: "issuer_unknown"},
	}
}

func githubOutcomes(_ *testing.T, key *signer.Key) []outcome {
	job := shaped{key, map[string]any{"typ": "JWT", "x5t": "example-thumbprint"}, map[string]any{
		"jti": "j", "sub": "repo:acme/shop:environment:prod", "environment": "prod",
		"aud": "https://orders.example", "ref": "refs/heads/main",
		"sha": "s", "repository": "acme/shop", "repository_owner": "acme", "actor_id": "12", "repository_visibility": "private",
		"repository_id": "74", "repository_owner_id": "65", "run_id": "1", "run_number": "10", "run_attempt": "2",
		"runner_environment": "github-hosted",
		"actor":              "octocat", "workflow": "deploy", "head_ref": "", "base_ref": "", "event_name": "push", "ref_type": "branch",
		"job_workflow_ref": "acme/automation/.github/workflows/oidc.yml@refs/heads/main",
		"iss":              "https://token.actions.githubusercontent.com",
	}}
	evil := map[string]any{
		"sub":                 "repo:evil/shop:ref:refs/heads/main",
		"repository":          "evil/shop",
		"repository_owner":    "evil",
		"repository_owner_id": "66",
	}
	return []outcome{
		{name: "a job of the organization", token: job, reason: "allowed", user: "repo:acme/shop:environment:prod"},
		{
			name:   "a job of anybody, with the same audience and the organization's public workflow",
			token:  job.with(evil),
			reason: "claim_mismatch",
		},
		{name: "the default audience", token: job.with(map[string]any{"aud": "https://github.com/acme"}), reason: "audience_mismatch"},
	}
}

func gitlabOutcomes(_ *testing.T, key *signer.Key) []outcome {
	job := shaped{key, map[string]any{"typ": "JWT"}, map[string]any{
		"namespace_id": "72", "namespace_path": "acme", "project_id": "20", "project_path": "acme/shop",
		"user_id": "1", "user_login": "ann",
		"user_email": "ann@acme.example", "pipeline_id": "574", "pipeline_source": "push", "job_id": "302",
		"ref": "main", "ref_type": "branch",

		"ref_protected": "true", "jti": "j", "iss": "https://gitlab.com", "sub": "project_path:acme/shop:ref_type:branch:ref:main",
		"aud": "https://orders.example",
	}}
	return []outcome{
		{name: "a job of the group", token: job, reason: "allowed", user: "project_path:acme/shop:ref_type:branch:ref:main"},
		{name: "a job of anybody, with the same audience", reason: "claim_mismatch", token: job.with(map[string]any{
			"namespace_path": "evil", "project_path": "evil/shop", "sub": "project_path:evil/shop:ref_type:branch:ref:main"})},
		{name: "another instance", token: job.with(map[string]any{"iss": "https://gitlab.evil.example"}), reason: "issuer_unknown"},
	}
}

func spiffeOutcomes(_ *testing.T, key *signer.Key) []outcome {
	svid := shaped{key, map[string]any{"typ": "JOSE"}, map[string]any{
		"sub": "spiffe://prod.example/ns/shop/sa/cart", "aud": []string{"spiffe://prod.example/orders"},
	}}
	evil := map[string]any{"sub": "spiffe://evil.example/ns/shop/sa/cart"}
	return []outcome{
		{
			name:   "without iss, as SPIRE writes it by default",
			token:  svid,
			reason: "allowed",
			user:   "spiffe://prod.example/ns/shop/sa/cart",
		},
		{name: "with typ JWT and the trust domain as iss", reason: "allowed", user: "spiffe://prod.example/ns/shop/sa/cart",
			token: svid.headed(map[string]any{"typ": "JWT"}).with(map[string]any{"iss": "spiffe://prod.example"})},
		{name: "another trust domain", token: svid.with(evil), reason: "issuer_unknown"},
		{name: "another trust domain that this iss hides", token: svid.with(evil).with(map[string]any{"iss": "spiffe://prod.example"}),
			reason: "claim_mismatch"},
		{name: "a trust domain that begins like ours", reason: "issuer_unknown",
			token: svid.with(map[string]any{"sub": "spiffe://prod.example.evil/ns/shop/sa/cart"})},
		{name: "the trust domain alone", token: svid.with(map[string]any{"sub": "spiffe://prod.example"}), reason: "issuer_unknown"},
		{
			name:   "another audience",
			token:  svid.with(map[string]any{"aud": []string{"spiffe://prod.example/billing"}}),
			reason: "audience_mismatch",
		},
		{name: "iss is empty", token: svid.with(map[string]any{"iss": ""}), reason: "issuer_unknown"},
	}
}

func cloudflareOutcomes(_ *testing.T, key *signer.Key) []outcome {
	user := shaped{key, map[string]any{"typ": "JWT"}, map[string]any{
		"aud": []string{
			"32eafc7626e974616deaf0dc3ce63d7b",
		}, "email": "ann@acme.example", "nbf": 1659474397, "iss": "https://acme.cloudflareaccess.com",
		"type": "app", "identity_nonce": "6ei69kawdKzMIAPF", "sub": "7335d417-61da-459d-899c-0a01c76a2f94", "country": "US",
	}}
	service := user.with(map[string]any{
		"email": nil, "nbf": nil, "identity_nonce": nil, "country": nil, "sub": "",
		"common_name": "e367826f93b8d71185e03fe518aff3b4.access",
	})
	return []outcome{
		{name: "a user", token: user, reason: "allowed", user: "7335d417-61da-459d-899c-0a01c76a2f94"},
		{name: "a service token, whose sub is empty", token: service, reason: "allowed", user: "e367826f93b8d71185e03fe518aff3b4.access",
			kind: "client"},
		{name: "another application of the team", token: user.with(map[string]any{"aud": []string{"other"}}), reason: "audience_mismatch"},
		{name: "another team", token: user.with(map[string]any{"iss": "https://evil.cloudflareaccess.com"}), reason: "issuer_unknown"},
	}
}

func iapOutcomes(t *testing.T, key *signer.Key) []outcome {
	user := shaped{key, map[string]any{"typ": "JWT"}, map[string]any{
		"iss": "https://cloud.google.com/iap", "aud": "/projects/1234/global/backendServices/5678",
		"sub":   "accounts.google.com:1101694844",
		"email": "ann@acme.example", "hd": "acme.example",
		"google": map[string]any{"access_levels": []string{"accessPolicies/1/accessLevels/a"}},
	}}
	return []outcome{
		{name: "a user", token: user, reason: "allowed", user: "accounts.google.com:1101694844"},
		{
			name:   "another backend",
			token:  user.with(map[string]any{"aud": "/projects/1234/global/backendServices/9"}),
			reason: "audience_mismatch",
		},
		{name: "a backend of anybody's project", token: user.with(map[string]any{"aud": "/projects/6666/global/backendServices/5678"}),
			reason: "audience_mismatch"},
		{name: "RS256", token: user.by(newSigner(t, "RS256")), reason: "alg_not_allowed"},
	}
}
