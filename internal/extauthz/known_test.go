package extauthz_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// knownYAML has routes with different answers for the same token.
const knownYAML = `
issuers:
  home: {issuer: "${ISS}", audiences: [orders-api], algorithms: [ES256], dangerously_allow_http: true}
identity: {headers: {x-user-team: team}}
relax: {hosts: {open.example: [unverified_email, method_override]}}
cors: {origins: ["https://a.example", "https://b.example"], preflight: check}
routes:
  - {name: readers, match: /readers,   scopes: [orders/read]}
  - {name: writers, match: /writers,   scopes: [orders/read, orders/write]}
  - {name: admins,  match: /admins,    scopes: [orders/admin]}
  - {name: forward, match: /forward,   forward: true}
  - {name: maybe,   match: /maybe,     access: optional}
  - {name: open,    match: /open,      access: public}
  - {name: elsewhere, match: /elsewhere, tokens_from: [bearer, {cookie: session}, {query: access_token}]}
  - {name: own,     match: '/users/{id}', when: token.subject == path.id}
  - {name: short,   match: /short,     end_streams_at_expiry: true}
`

// knownRequests returns requests with two tokens, to every route on two hosts, with and
// without headers that a client must not send.
func (f *fixture) knownRequests(t *testing.T) []*authv3.CheckRequest {
	t.Helper()
	var all []*authv3.CheckRequest
	for _, token := range []string{
		f.mint(t, map[string]any{"email": "a@example.com", "email_verified": false, "groups": []string{"b", "a"}}),
		f.mint(t, map[string]any{"sub": "bob", "team": "blue", "email": "b@example.com"}),
	} {
		for _, path := range []string{"/readers", "/readers?page=2", "/writers", "/admins", "/forward", "/maybe", "/open",
			"/elsewhere?access_token=x", "/elsewhere", "/users/alice", "/users/bob", "/other"} {
			for _, host := range []string{"api.example", "open.example"} {
				for _, more := range [][]string{
					nil, {"x-user-id: root"}, {"X_User_Id: root", "x.user.team: red"}, {"x-user-team: red"}, {"x-http-method-override: DELETE"},
					{"X-HTTP_Method-Override: DELETE"}, {"accept: text/html", "cookie: session=other; a=1"},
					{"origin: https://a.example"}, {"origin: https://b.example"}, {"origin: https://c.example"},
					{"origin: https://b.example", "x~user~id: root"}, {"content-type: application/grpc"},
				} {
					r := newRequest("GET", path, append([]string{"authorization: Bearer " + token}, more...)...)
					r.Attributes.Request.Http.Host = host
					all = append(all, r)
				}
			}
		}
		for n := range 3 { // in other places, next to values that differ between requests
			all = append(all, newRequest("GET", fmt.Sprintf("/elsewhere?n=%d&access_token=%s", n, token)),
				newRequest("GET", "/elsewhere", fmt.Sprintf("cookie: n=%d; session=%s", n, token)))
		}
	}
	return all
}

// blank returns an answer without its decision's ID, and with the lists sorted that have no
// order.
func blank(t testing.TB, answerer func(context.Context, []byte) *authv3.CheckResponse, r *authv3.CheckRequest) *authv3.CheckResponse {
	t.Helper()
	data, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	answer := answerer(t.Context(), data)
	explicit(t, answer)
	if answer.GetDeniedResponse() != nil {
		answer.GetDeniedResponse().Body = ""
	}
	slices.Sort(answer.GetOkResponse().GetHeadersToRemove())
	delete(answer.GetDynamicMetadata().GetFields()[extauthz.MetadataKey].GetStructValue().GetFields(), "decision")
	return answer
}

// TestKnownTokensAreAnsweredAlike checks that a gate that remembers tokens and their
// identities gives each request the same answer as a gate that remembers nothing.
func TestKnownTokensAreAnsweredAlike(t *testing.T) {
	f := start(t)
	variables := map[string]string{"ISS": f.home.ISS()}
	forgetful := newGate(t, "tokens: {cache_bytes: 0}"+knownYAML, variables, nil)
	remembering := newGate(t, knownYAML, variables, nil)
	requests := f.knownRequests(t)
	var want []*authv3.CheckResponse
	allowed := 0
	for _, r := range requests {
		answer := blank(t, extauthz.Answerer(forgetful), r)
		want = append(want, answer)
		if answer.GetOkResponse() != nil {
			allowed++
		}
	}
	if allowed < len(requests)/2 || allowed == len(requests) {
		t.Fatalf("%d of %d requests are allowed", allowed, len(requests))
	}
	answerer := extauthz.Answerer(remembering)
	for seed := range uint64(4) {
		order := rand.New(rand.NewPCG(seed, 7)).Perm(len(requests))
		for _, i := range order {
			if got := blank(t, answerer, requests[i]); !proto.Equal(got, want[i]) {
				t.Fatalf("%s\ngot  %v\nwant %v", fmt.Sprint(requests[i].GetAttributes().GetRequest()), got, want[i])
			}
		}
	}
	if remembering.Remembered() != 2 {
		t.Errorf("%d tokens are remembered", remembering.Remembered())
	}
}

// TestAnEndThatMoves checks that the time limit of a stream is computed again for each
// request with a known token.
func TestAnEndThatMoves(t *testing.T) {
	f := start(t)
	var elapsed atomic.Int64 // the gate reads the clock in other goroutines too
	began := time.Now()
	g := newGate(t, knownYAML, map[string]string{"ISS": f.home.ISS()}, func() time.Time { return began.Add(time.Duration(elapsed.Load())) })
	answerer := extauthz.Answerer(g)
	asked := newRequest("GET", "/short", "authorization: Bearer "+f.mint(t, nil))
	seen := map[string]bool{}
	for range 3 {
		ok := blank(t, answerer, asked).GetOkResponse()
		left := fields(t, ok.GetHeaders())[gate.StreamLimitHeader]
		if left == "" || seen[left] {
			t.Errorf("%q is left, as before: %v", left, seen)
		}
		seen[left] = true
		elapsed.Add(int64(time.Second))
	}
}
