//go:build !race

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// region is the region of the emulator's pools.
const region = "us-east-1"

// emulator is a running Cognito emulator and a real AWS client for it.
type emulator struct {
	url    string
	client *cognito.Client
}

// startEmulator runs moto until the test ends.
func startEmulator(t *testing.T) emulator {
	t.Helper()
	address := freeAddress(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	e := emulator{url: "http://" + address}
	cmd := exec.Command(motoPython, "-m", "moto.server", "-H", host, "-p", port)
	cmd.Env = append(programs.Environment(), "PYTHONUNBUFFERED=1")
	p := programs.Start(t, "moto", cmd)
	p.Eventually(t, 30*time.Second, "the Cognito emulator serves", func() error {
		response, err := http.Get(e.url + "/moto-api/data.json")
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	})
	e.client = cognito.New(cognito.Options{
		Region: region, BaseEndpoint: &e.url,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	return e
}

// pool is a user pool with an app client without a secret and a user who is
// signed in.
type pool struct {
	id, client    string
	idTok, access string
	sub           string
}

// newPool makes a pool with the steps of a real project: create-user-pool,
// create-user-pool-client, sign-up, confirm, group, sign-in.
func (e emulator) newPool(t *testing.T, name string, groups ...string) pool {
	t.Helper()
	ctx := t.Context()
	created, err := e.client.CreateUserPool(ctx, &cognito.CreateUserPoolInput{
		PoolName: &name, UsernameAttributes: []types.UsernameAttributeType{types.UsernameAttributeTypeEmail},
	})
	if err != nil {
		t.Fatalf("create-user-pool: %v", err)
	}
	p := pool{id: *created.UserPool.Id}
	p.client = e.newClient(t, p.id, "web")
	signedUp, err := e.client.SignUp(ctx, &cognito.SignUpInput{
		ClientId: &p.client, Username: aws.String("ann@example.org"), Password: aws.String("Secret-123!"),
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String("ann@example.org")}},
	})
	if err != nil {
		t.Fatalf("sign-up: %v", err)
	}
	p.sub = *signedUp.UserSub
	if _, err := e.client.AdminConfirmSignUp(ctx,
		&cognito.AdminConfirmSignUpInput{UserPoolId: &p.id, Username: aws.String("ann@example.org")}); err != nil {
		t.Fatalf("admin-confirm-sign-up: %v", err)
	}
	for _, group := range groups {
		if _, err := e.client.CreateGroup(ctx, &cognito.CreateGroupInput{UserPoolId: &p.id, GroupName: &group}); err != nil {
			t.Fatalf("create-group: %v", err)
		}
		if _, err := e.client.AdminAddUserToGroup(ctx,
			&cognito.AdminAddUserToGroupInput{UserPoolId: &p.id, GroupName: &group, Username: aws.String("ann@example.org")}); err != nil {
			t.Fatalf("admin-add-user-to-group: %v", err)
		}
	}
	p.idTok, p.access = e.signIn(t, p.client)
	return p
}

// newClient makes an app client without a secret.
func (e emulator) newClient(t *testing.T, pool, name string) string {
	t.Helper()
	created, err := e.client.CreateUserPoolClient(t.Context(), &cognito.CreateUserPoolClientInput{
		UserPoolId: &pool, ClientName: &name, GenerateSecret: false,
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserPasswordAuth},
	})
	if err != nil {
		t.Fatalf("create-user-pool-client: %v", err)
	}
	if created.UserPoolClient.ClientSecret != nil {
		t.Fatal("the client has a secret")
	}
	return *created.UserPoolClient.ClientId
}

// signIn returns the ID token and the access token of the pool's user.
func (e emulator) signIn(t *testing.T, client string) (idToken, accessToken string) {
	t.Helper()
	signedIn, err := e.client.InitiateAuth(t.Context(), &cognito.InitiateAuthInput{
		ClientId: &client, AuthFlow: types.AuthFlowTypeUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": "ann@example.org", "PASSWORD": "Secret-123!"},
	})
	if err != nil {
		t.Fatalf("initiate-auth: %v", err)
	}
	return *signedIn.AuthenticationResult.IdToken, *signedIn.AuthenticationResult.AccessToken
}

// TestCognito: the gate accepts the tokens of a pool that a real AWS client made.
func TestCognito(t *testing.T) {
	e := startEmulator(t)
	ours := e.newPool(t, "CruddurUserPool", "admin")
	second := e.newPool(t, "AnotherUserPool", "admin")
	secondClient := e.newClient(t, ours.id, "mobile")
	secondID, secondAccess := e.signIn(t, secondClient)
	application := startApplication(t)

	t.Run("with a config file", func(t *testing.T) {
		for _, use := range []string{"access, id", "access", "id"} {
			t.Run("token_use "+use, func(t *testing.T) {
				gate := startGate(t, testutil.File(t, "jwtgate.yaml", fmt.Sprintf(`
issuers:
  cruddur:
    cognito: %q
    clients: [%q]
    token_use: [%s]
    jwks: {uri: %q}
    dangerously_allow_http: true
routes:
  - {match: /api/admin/**, groups: [admin]}
  - {match: /api/staff/**, groups: [staff]}
`, ours.id, ours.client, use, e.url+"/"+ours.id+"/.well-known/jwks.json")))
				gate.waitReady(t)
				envoy := startShippedEnvoy(t, gate.address, application.address)
				checks := cognitoChecks{envoy: envoy, application: application}
				checks.token(t, "the ID token", ours.idTok, ours, strings.Contains(use, "id"))
				checks.token(t, "the access token", ours.access, ours, strings.Contains(use, "access"))
				if use == "access, id" {
					checks.group(t, ours.access)
				}
				checks.refused(t, second, secondID, secondAccess, use)
			})
		}
	})
	t.Run("by the environment alone", func(t *testing.T) {
		environmentMode(t, e, ours, second, secondID, secondAccess, application)
	})
}

// cognitoChecks sends requests to an Envoy and checks what reaches the application.
type cognitoChecks struct {
	envoy       *envoyProxy
	application *application
}

func (c cognitoChecks) ask(t *testing.T, token string) answer {
	t.Helper()
	return http1(t, c.envoy.address, call{line: "GET /api/messages", headers: []string{bearer(token), "x-user-id: forged"}})
}

// token checks whether the gate accepts a kind of the pool's tokens.
func (c cognitoChecks) token(t *testing.T, name, token string, p pool, taken bool) {
	t.Helper()
	got := c.ask(t, token)
	if !taken {
		denial{wantStatus: 401, wantReason: "token_use_mismatch", wantChallenge: invalidToken}.check(t, got)
		if len(c.application.take()) != 0 {
			t.Errorf("%s reached the application", name)
		}
		return
	}
	if got.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", name, got.Status, got.Body)
	}
	header := c.application.only(t).Header
	want := map[string]string{
		"X-User-Id": p.sub, "X-User-Groups": "admin", "X-User-Client": p.client, "X-User-Kind": "user", "Authorization": "",
	}
	for field, value := range want {
		if header.Get(field) != value {
			t.Errorf("%s: the application received %s: %q, want %q", name, field, header.Get(field), value)
		}
	}
	if header.Get("X-User-Name") == "" {
		t.Errorf("%s: the application received no x-user-name", name)
	}
}

// group checks a route for a group that the user has, and one for another group.
func (c cognitoChecks) group(t *testing.T, token string) {
	t.Helper()
	if got := http1(t, c.envoy.address, call{line: "GET /api/admin/users", headers: []string{bearer(token)}}); got.Status != http.StatusOK {
		t.Errorf("the user's own group: %d %s", got.Status, got.Body)
	}
	c.application.take()
	got := http1(t, c.envoy.address, call{line: "GET /api/staff/users", headers: []string{bearer(token)}})
	denial{wantStatus: 403, wantReason: "group_missing", wantChallenge: insufficientScope}.check(t, got)
}

// refused checks that the gate denies another pool's tokens, which the emulator signs with
// the same key, and another client's.
func (c cognitoChecks) refused(t *testing.T, second pool, secondID, secondAccess, use string) {
	t.Helper()
	for _, token := range []string{second.idTok, second.access} {
		denial{wantStatus: 401, wantReason: "issuer_unknown", wantChallenge: invalidToken}.check(t, c.ask(t, token))
	}
	for kind, token := range map[string]string{"id": secondID, "access": secondAccess} {
		if strings.Contains(use, kind) {
			denial{wantStatus: 401, wantReason: "client_mismatch", wantChallenge: invalidToken}.check(t, c.ask(t, token))
		}
	}
	if reached := c.application.take(); len(reached) != 0 {
		t.Errorf("%d requests reached the application", len(reached))
	}
}

// environmentMode runs jwtgate without a file, by the variables of Cognito projects.
func environmentMode(t *testing.T, e emulator, ours, second pool, secondID, secondAccess string, application *application) {
	endpoint := "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER=" + e.url
	works := map[string][]string{
		"the usual names": {"COGNITO_USER_POOLS_ID=" + ours.id, "COGNITO_WEB_CLIENT_ID=" + ours.client, endpoint},
		"the other names": {"COGNITO_USER_POOL_ID=" + ours.id, "COGNITO_CLIENT_ID=" + ours.client, endpoint},
		"the region, spelled": {"COGNITO_USER_POOLS_ID=" + ours.id, "COGNITO_WEB_CLIENT_ID=" + ours.client,
			"AWS_DEFAULT_REGION=" + region, endpoint},
	}
	for name, env := range works {
		t.Run(name, func(t *testing.T) {
			gate := startGate(t, "", env...)
			gate.waitReady(t)
			checks := cognitoChecks{envoy: startShippedEnvoy(t, gate.address, application.address), application: application}
			checks.token(t, "the ID token", ours.idTok, ours, true)
			checks.token(t, "the access token", ours.access, ours, true)
			checks.refused(t, second, secondID, secondAccess, "access, id")
			denial{wantStatus: 401, wantReason: "credential_missing", wantChallenge: noError}.check(t,
				http1(t, checks.envoy.address, call{line: "GET /"}))
		})
	}
	t.Run("a region that is not the pool's", func(t *testing.T) {
		got := jwtgate(t, append(works["the usual names"], "AWS_DEFAULT_REGION=eu-west-1"), "serve")
		if got.code == 0 || !strings.Contains(got.stderr, "AWS_DEFAULT_REGION") || !strings.Contains(got.stderr, region) {
			t.Errorf("exit code %d: %s", got.code, got.stderr)
		}
	})
	t.Run("an emulator over http that is not on loopback", func(t *testing.T) {
		got := jwtgate(t,
			[]string{"COGNITO_USER_POOLS_ID=" + ours.id, "COGNITO_WEB_CLIENT_ID=" + ours.client,
				"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER=http://emulator.example:5000"}, "serve")
		if got.code == 0 || !strings.Contains(got.stderr, "JWTGATE_DANGEROUSLY_ALLOW_HTTP") {
			t.Errorf("exit code %d: %s", got.code, got.stderr)
		}
	})
	t.Run("with a file they are ignored, and the log says so", func(t *testing.T) {
		file := testutil.File(t, "jwtgate.yaml",
			fmt.Sprintf(
				"issuers: {other: {cognito: us-west-1_6BpkgoczU, clients: [a], jwks: {uri: %q}, dangerously_allow_http: true}}\n",
				e.url+"/"+ours.id+"/.well-known/jwks.json"))
		gate := startGate(t, file, works["the usual names"]...)
		if text := gate.Output.String(); !strings.Contains(text, "COGNITO_USER_POOLS_ID") || !strings.Contains(text, "ignored") {
			t.Errorf("the log does not say that the variables are ignored:\n%s", text)
		}
		gate.waitReady(t)
		checks := cognitoChecks{envoy: startShippedEnvoy(t, gate.address, application.address), application: application}
		denial{wantStatus: 401, wantReason: "issuer_unknown", wantChallenge: invalidToken}.check(t, checks.ask(t, ours.access))
	})
}
