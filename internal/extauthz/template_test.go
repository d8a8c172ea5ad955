package extauthz_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// expiredDecision is a denial whose answer can be kept as a template.
func expiredDecision() *gate.Decision {
	return &gate.Decision{
		ID: gate.ID{Replica: "replica", Number: rand.Uint64()}, Route: "a", Verdict: gate.VerdictDeny, Reason: "expired",
		Denial: &gate.Denial{Status: 401, Title: "Unauthorized", Detail: "the token has expired", Challenge: "Bearer"},
	}
}

// sent returns what the answers of a server send for a decision.
func sent(
	t testing.TB, answers func(*gate.Decision, bool) ([]byte, error), d *gate.Decision, grpcClient bool,
) *authv3.CheckResponse {
	t.Helper()
	data, err := answers(d, grpcClient)
	if err != nil {
		t.Fatal(err)
	}
	answer := new(authv3.CheckResponse)
	if err := proto.Unmarshal(data, answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// change sets a field to another value.
func change(t *testing.T, field reflect.Value) {
	t.Helper()
	switch field.Interface().(type) {
	case gate.ID:
		field.Set(reflect.ValueOf(gate.ID{Replica: "another", Number: 1}))
		return
	case time.Time:
		field.Set(reflect.ValueOf(time.Unix(2_000_000_000, 0)))
		return
	case *gate.Denial:
		field.Set(reflect.ValueOf(&gate.Denial{Status: 403, Title: "Forbidden"}))
		return
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString("another")
	case reflect.Int, reflect.Int64:
		field.SetInt(field.Int() + 1)
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.Slice:
		field.Set(reflect.Append(field, reflect.Zero(field.Type().Elem())))
	case reflect.Func:
		field.Set(reflect.MakeFunc(field.Type(), func([]reflect.Value) []reflect.Value { return nil }))
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
	default:
		t.Fatalf("the test cannot change a %s", field.Type())
	}
}

// TestTemplatesOfEachField checks that a denial with another value in any one field of the
// decision or its denial gets its own answer, whatever templates exist.
func TestTemplatesOfEachField(t *testing.T) {
	changed := 0
	for _, of := range []func(*gate.Decision) reflect.Value{
		func(d *gate.Decision) reflect.Value { return reflect.ValueOf(d).Elem() },
		func(d *gate.Decision) reflect.Value { return reflect.ValueOf(d.Denial).Elem() },
	} {
		for i := range of(expiredDecision()).NumField() {
			for _, grpcClient := range []bool{false, true} {
				other := expiredDecision()
				field := of(other).Field(i)
				change(t, field)
				answers := extauthz.Answers()
				for range 2 {
					sent(t, answers, expiredDecision(), grpcClient)
					sent(t, answers, expiredDecision(), !grpcClient)
				}
				got, want := sent(t, answers, other, grpcClient), sent(t, extauthz.Answers(), other, grpcClient)
				if !proto.Equal(got, want) {
					t.Errorf("another %s.%s:\ngot  %v\nwant %v", of(other).Type(), of(other).Type().Field(i).Name, got, want)
				}
				if !proto.Equal(want, sent(t, extauthz.Answers(), expiredDecision(), grpcClient)) {
					changed++
				}
			}
		}
	}
	if changed == 0 {
		t.Error("no field changes the answer")
	}
}

// mixedDecisions returns decisions that differ in few things, so that their templates would
// be easy to confuse. Decisions that allow the same user share an identity.
func mixedDecisions(random *rand.Rand, count int) []*gate.Decision {
	shared := make([]*gate.Decision, 6)
	for n := range shared {
		user := fmt.Sprintf("user-%d", n)
		shared[n] = &gate.Decision{
			Route: fmt.Sprintf("route-%d", n%2), Verdict: gate.VerdictAllow, Reason: gate.ReasonAllowed,
			Issuer: "home", Subject: user, Expires: time.Unix(int64(2_000_000_000+n), 0),
			AddToResponse: []request.Header{{Name: "access-control-allow-origin", Value: fmt.Sprintf("https://%d.example", n%3)}},
			Set:           request.Pack([]request.Header{{Name: "x-user-id", Value: user}}),
			Remove:        []string{"authorization", "x-user-" + fmt.Sprint(n%2)},
		}
	}
	origins := [][]request.Header{nil, {{Name: "vary", Value: "Origin"}}, {{Name: "vary", Value: "Origin"}, {Name: "x", Value: "y"}}}
	var all []*gate.Decision
	for range count {
		one := new(gate.Decision)
		if *one = *shared[random.IntN(len(shared))]; random.IntN(2) == 0 {
			*one = *expiredDecision()
			one.Route = fmt.Sprintf("route-%d", random.IntN(2))
			one.Denial.Challenge = fmt.Sprintf("Bearer %d", random.IntN(2))
			one.Denial.RetryAfter = random.IntN(2)
			one.Denial.CORS = origins[random.IntN(len(origins))]
			if random.IntN(4) == 0 {
				one.Subject = fmt.Sprintf("user-%d", random.IntN(6))
			}
		}
		one.ID = gate.ID{Replica: "replica", Number: random.Uint64()}
		all = append(all, one)
	}
	return all
}

// TestTemplatesAreNotMixedUp checks that each of many similar decisions, answered by
// several goroutines from the same templates, gets the message of its own.
func TestTemplatesAreNotMixedUp(t *testing.T) {
	answers := extauthz.Answers()
	var all sync.WaitGroup
	var rendered sync.Map // :: subject -> what was kept of an allowed decision
	decisions := mixedDecisions(rand.New(rand.NewPCG(1, 2)), 4000)
	for part := range slices.Chunk(decisions, 1000) {
		all.Go(func() {
			for n, d := range part {
				grpcClient := n%2 == 0
				if kept, found := rendered.Load(d.Subject); d.Denial == nil && found {
					d.Rendered = kept.(string)
				} else if d.Denial == nil {
					d.KeepRendered = func(made string) { rendered.Store(d.Subject, made) }
				}
				data, err := answers(d, grpcClient)
				want := allowedMessage(d)
				if d.Denial != nil {
					want = deniedMessage(t, d, grpcClient)
				}
				var got authv3.CheckResponse
				if err != nil || proto.Unmarshal(data, &got) != nil || !proto.Equal(&got, want) {
					t.Errorf("%v\ngot  %v\nwant %v", err, &got, want)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestIDsInOtherPlaces checks that only the decision's own ID is replaced: an answer that
// has the ID in another value too is not kept, and one with an ID of another length or one
// that JSON escapes is marshalled again.
func TestIDsInOtherPlaces(t *testing.T) {
	for name, change := range map[string]func(d *gate.Decision, id string){
		"in a header": func(d *gate.Decision, id string) {
			d.Set = request.Pack([]request.Header{{Name: "x-user-id", Value: "a" + id + "b"}})
		},
		"in a removed header":    func(d *gate.Decision, id string) { d.Remove[0] = id },
		"in a response header":   func(d *gate.Decision, id string) { d.AddToResponse = []request.Header{{Name: "x", Value: id}} },
		"in the subject":         func(d *gate.Decision, id string) { d.Subject = id + id },
		"in the route":           func(d *gate.Decision, id string) { d.Route = id },
		"in a parameter":         func(d *gate.Decision, id string) { d.RemoveParameters = []string{id} },
		"of no replica":          func(d *gate.Decision, _ string) { d.ID.Replica = "" },
		"of a long replica":      func(d *gate.Decision, _ string) { d.ID.Replica = strings.Repeat("r", 200) },
		"that JSON escapes":      func(d *gate.Decision, _ string) { d.ID.Replica = `"<&>\` },
		"that repeats itself":    func(d *gate.Decision, _ string) { d.ID = gate.ID{Replica: "0000000000000000-0000000000000000"} },
		"like a field of a text": func(d *gate.Decision, id string) { d.ID.Replica = "\x1a\x13"; d.Subject = "\x1a\x13" + id },
	} {
		t.Run(name, func(t *testing.T) {
			answers := extauthz.Answers()
			for round := range 3 {
				d := &gate.Decision{
					ID: gate.ID{Replica: "replica", Number: uint64(round)}, Route: "a", Verdict: gate.VerdictAllow, Reason: gate.ReasonAllowed,
					Set: request.Pack([]request.Header{{Name: "x-user-id", Value: "alice"}}), Remove: []string{"a"},
				}
				denied := expiredDecision()
				denied.ID = d.ID
				change(d, d.ID.String())
				denied.ID, denied.Route, denied.Denial.Challenge = d.ID, d.Route, "Bearer "+d.Subject+d.Set.List()[0].Value
				d.KeepRendered = func(rendered string) { d.Rendered = rendered }
				for range 2 {
					if got := sent(t, answers, d, false); !proto.Equal(got, allowedMessage(d)) {
						t.Fatalf("allowed:\ngot  %v\nwant %v", got, allowedMessage(d))
					}
					for _, grpcClient := range []bool{false, true} {
						if got, want := sent(t, answers, denied, grpcClient), deniedMessage(t, denied, grpcClient); !proto.Equal(got, want) {
							t.Fatalf("denied:\ngot  %v\nwant %v", got, want)
						}
					}
					d.ID.Number, denied.ID.Number = d.ID.Number+100, denied.ID.Number+100
				}
				d.ID.Replica, denied.ID.Replica = d.ID.Replica+"longer", denied.ID.Replica+"longer"
				if got := sent(t, answers, d, false); !proto.Equal(got, allowedMessage(d)) {
					t.Fatalf("allowed, with a longer ID:\ngot  %v\nwant %v", got, allowedMessage(d))
				}
				if got, want := sent(t, answers, denied, false), deniedMessage(t, denied, false); !proto.Equal(got, want) {
					t.Fatalf("denied, with a longer ID:\ngot  %v\nwant %v", got, want)
				}
			}
		})
	}
}

// reloadedYAML is a configuration whose answers depend on its values.
func reloadedYAML(iss, origin string, credentials bool, header, scope string) string {
	return fmt.Sprintf(`
issuers:
  home: {issuer: %q, audiences: [orders-api], algorithms: [ES256], dangerously_allow_http: true}
identity: {headers: {%s: sub}}
cors: {origins: [%q], credentials: %v, preflight: check}
routes:
  - {name: readers, match: /readers, scopes: [%s]}
  - {name: any, match: /any}
`, iss, header, origin, credentials, scope)
}

// compile returns the policy of a configuration.
func compile(t *testing.T, yaml string) *gate.Policy {
	t.Helper()
	cfg, err := config.Parse("gate.yaml", []byte(yaml), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	policy, err := gate.Compile(cfg, gate.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// TestAnswersAfterAReload checks that a server answers by the new configuration after a
// reload, although it has templates of the old one: the same challenge, identity and CORS
// fields as a server that never had another configuration.
func TestAnswersAfterAReload(t *testing.T) {
	f := start(t)
	raw := f.mint(t, nil)
	var requests []*authv3.CheckRequest
	for _, origin := range []string{"https://a.example", "https://b.example", ""} {
		for _, fields := range [][]string{{"authorization: Bearer " + raw}, nil, {"content-type: application/grpc"}} {
			for _, path := range []string{"/readers", "/any"} {
				requests = append(requests, newRequest("GET", path, append([]string{"origin: " + origin, "x-user-team: red"}, fields...)...))
			}
		}
	}
	versions := []string{
		reloadedYAML(f.home.ISS(), "https://a.example", false, "x-user-team", "orders/read"),
		reloadedYAML(f.home.ISS(), "https://a.example", true, "x-user-team", "orders/write"),
		reloadedYAML(f.home.ISS(), "https://b.example", false, "x-team", "orders/read"),
	}
	for round := range 2 * len(versions) {
		yaml := versions[round%len(versions)]
		f.gate.Reload(t.Context(), compile(t, yaml))
		fresh := extauthz.Answerer(newGate(t, yaml, nil, nil))
		live := func(ctx context.Context, data []byte) *authv3.CheckResponse {
			r := new(authv3.CheckRequest)
			if err := proto.Unmarshal(data, r); err != nil {
				t.Fatal(err)
			}
			return f.ask(t, r)
		}
		for range 2 {
			for _, r := range requests {
				if got, want := blank(t, live, r), blank(t, fresh, r); !proto.Equal(got, want) {
					t.Fatalf("version %d: %v\ngot  %v\nwant %v", round%len(versions), r.GetAttributes().GetRequest(), got, want)
				}
			}
		}
	}
}

// TestEachCallGetsItsOwnAnswer checks that calls at the same time, of several users and on
// several connections, some of which are cancelled or lose their connection, never get the
// answer of another call. Buffers are overwritten as soon as they are given back.
func TestEachCallGetsItsOwnAnswer(t *testing.T) {
	const users, rounds = 8, 150
	f := start(t)
	ids := make(chan string, users*rounds)
	var all sync.WaitGroup
	for n := range users {
		user := fmt.Sprintf("user-%d", n)
		fine := newRequest("GET", "/readers", "authorization: Bearer "+f.mint(t, map[string]any{"sub": user}))
		poor := newRequest("GET", "/readers", "authorization: Bearer "+f.mint(t, map[string]any{"sub": user, "scope": "x"}))
		all.Go(func() {
			for round := range rounds {
				if round%10 == 9 { // a call whose connection is closed while it is under way
					f.abandon(t, fine)
				}
				r, want := fine, "allowed"
				if round%3 == 0 {
					r, want = poor, "scope_missing"
				}
				ctx, cancel := context.WithCancel(t.Context())
				if round%7 == 6 {
					go cancel()
				}
				answer, err := f.check.Check(ctx, r)
				cancel()
				if err != nil {
					if round%7 != 6 {
						t.Errorf("%s: %v", user, err)
					}
					continue
				}
				got := metadata(answer)
				if got["subject"] != user || got["reason"] != want {
					t.Errorf("%s got %v, want %s", user, got, want)
				}
				if ok := answer.GetOkResponse(); ok != nil && fields(t, ok.GetHeaders())["x-user-id"] != user {
					t.Errorf("%s is sent as %v", user, ok.GetHeaders())
				}
				ids <- fmt.Sprint(got["decision"])
			}
		})
	}
	all.Wait()
	close(ids)
	seen := map[string]bool{}
	for id := range ids {
		if seen[id] {
			t.Errorf("two answers have the ID %s", id)
		}
		seen[id] = true
	}
	if len(seen) < users*rounds/2 {
		t.Errorf("only %d answers arrived", len(seen))
	}
}

// abandon begins a call on a connection of its own and closes that at once.
func (f *fixture) abandon(t *testing.T, r *authv3.CheckRequest) {
	conn, err := grpc.NewClient(f.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Error(err)
		return
	}
	done := make(chan struct{})
	go func() {
		_, _ = authv3.NewAuthorizationClient(conn).Check(t.Context(), r)
		close(done)
	}()
	_ = conn.Close()
	<-done
}

// noDecision is a gate that decides nothing at first.
type noDecision struct {
	*gate.Gate
	once sync.Once
}

func (n *noDecision) Decide(ctx context.Context, r *request.Request) (d *gate.Decision) {
	first := false
	n.once.Do(func() { first = true })
	if first {
		return nil
	}
	return n.Gate.Decide(ctx, r)
}

// TestPanicWhileRendering checks that a panic between the decision and its answer is a
// denial, and that the next call gets an answer of its own.
func TestPanicWhileRendering(t *testing.T) {
	f := new(fixture)
	g := newGate(t, "default: deny\nroutes: [{match: /**, access: public}]\n", nil, nil)
	f.serve(t, extauthz.NewServerFor(&noDecision{Gate: g}))
	if got := reason(f.ask(t, newRequest("GET", "/x"))); got != "internal" {
		t.Errorf("a call without a decision: %s", got)
	}
	if got := reason(f.ask(t, newRequest("GET", "/x"))); got != "public" {
		t.Errorf("the next call: %s", got)
	}
}
