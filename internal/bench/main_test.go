package main

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

func tokens(t *testing.T, count int) sample.Tokens {
	t.Helper()
	key, err := sample.NewKey("EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	set, err := sample.Mint(t.Context(), key, sample.Kind{}, count)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// answer is what a gRPC server sends for a CheckResponse.
func answer(t *testing.T, r *authv3.CheckResponse) load.Answer {
	t.Helper()
	data, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	body := append([]byte{0, 0, 0, byte(len(data) >> 8), byte(len(data))}, data...)
	return load.Answer{Status: "200", GRPCStatus: "0", Body: body}
}

func allow(user string) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers: []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: "x-user-id", Value: user}}},
		}},
	}
}

func deny(code int32, status typev3.StatusCode, reason string) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: code, Message: reason},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: status},
		}},
	}
}

func TestJudges(t *testing.T) {
	set := tokens(t, 3)
	expired := deniedFor(401, "expired", "token_revoked")
	cut := answer(t, allow(set.Subject(1)))
	cut.Body = cut.Body[:len(cut.Body)-1]
	failed := answer(t, allow(set.Subject(1)))
	failed.GRPCStatus = "14"
	for _, row := range []struct {
		name   string
		judge  judgement
		answer load.Answer
		want   string // of the second call; empty: all is well
	}{
		{"an empty answer, which Envoy would let pass", allowedPlainly, answer(t, &authv3.CheckResponse{}), "it was not allowed"},
		{"allowed, with an answer", allowedPlainly, answer(t, allow("")), ""},
		{"allowed as who called", allowedAs(set), answer(t, allow(set.Subject(1))), ""},
		{"allowed as another", allowedAs(set), answer(t, allow(set.Subject(2))), "want \"" + set.Subject(1)},
		{"allowed as nobody", allowedAs(set), answer(t, &authv3.CheckResponse{HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}}}), "without x-user-id"},
		{"denied instead", allowedAs(set), answer(t, deny(16, 401, "expired")), "it was not allowed: 16 expired"},
		{"a status of OK on a denial", allowedPlainly, answer(t, deny(0, 401, "expired")), "it was not allowed"},
		{"cut off", allowedAs(set), cut, "is no gRPC message"},
		{"a gRPC error", allowedAs(set), failed, `grpc-status "14"`},
		{"denied", expired, answer(t, deny(16, 401, "expired")), ""},
		{"denied for the other reason", expired, answer(t, deny(16, 401, "token_revoked")), ""},
		{"denied for a reason not asked for", expired, answer(t, deny(16, 401, "key_unknown")), `denied with 401 for "key_unknown"`},
		{"denied with another status", expired, answer(t, deny(16, 503, "expired")), "denied with 503"},
		{"allowed instead", expired, answer(t, allow("x")), "it was not denied"},
		{"let pass as who called", passedAs(set), load.Answer{Status: "200", Echo: set.Subject(1)}, ""},
		{"let pass as nobody", passedAs(set), load.Answer{Status: "200"}, "want 200 for"},
		{"not let pass", passedAs(set), load.Answer{Status: "403", Echo: set.Subject(1)}, `status "403"`},
		{"let pass plainly", passedPlainly, load.Answer{Status: "200", Echo: "-"}, ""},
		{"let pass plainly, as somebody", passedPlainly, load.Answer{Status: "200", Echo: "x"}, "want 200 for nobody"},
	} {
		err := row.judge(1, row.answer)
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
}

func TestAFailedCellIsNoFigure(t *testing.T) {
	r := Results{}
	if err := note(r, "v", load.Window{Elapsed: time.Second}, 1, 1); err == nil || !strings.Contains(err.Error(), "no answer came") {
		t.Errorf("none: %v", err)
	}
	wrong := errors.New("wrong")
	if err := note(r, "v", load.Window{Elapsed: time.Second, Done: 9, Failed: 1, Failure: wrong}, 1, 1); !errors.Is(err, wrong) {
		t.Errorf("one wrong: %v", err)
	}
	if len(r) > 0 {
		t.Errorf("%v", r)
	}
	window := load.Window{Elapsed: 2 * time.Second, Done: 4, Latencies: []time.Duration{1000, 2000, 3000, 9000}}
	if err := note(r, "v", window, 40*time.Microsecond, 8*time.Microsecond); err != nil {
		t.Fatal(err)
	}
	for metric, want := range map[Metric]float64{Rate: 2, CPU: 10, Generator: 2, P50: 2, P99: 9} {
		if got := r.values("v", metric); !slices.Equal(got, []float64{want}) {
			t.Errorf("%s: %v, want %v", metric, got, want)
		}
	}
}

// The machine is twice as fast in the second round.
func TestRatioOfOneRound(t *testing.T) {
	r := Results{}
	for _, speed := range []float64{1, 2, 1.5} {
		r.put("a", Rate, 30*speed)
		r.put("b", Rate, 10*speed)
		r.put(noAuth, CPU, 10/speed)
		r.put("a", CPU, 40/speed)
		r.put("b", CPU, 20/speed)
	}
	if s, ok := r.ratio(Rate, "a", "b"); !ok || s.Min != 3 || s.Max != 3 {
		t.Errorf("rate: %v %t", s, ok)
	}
	if s, ok := r.ratio(Added, "a", "b"); !ok || math.Abs(s.Median-3) > 1e-9 || math.Abs(s.Max-3) > 1e-9 {
		t.Errorf("CPU added: %v %t", s, ok)
	}
	if s, ok := r.ratio(Rate, "a", "nobody"); ok {
		t.Errorf("with nobody: %v", s)
	}
}

func TestGoals(t *testing.T) {
	r := Results{}
	r.put("a", Rate, 24)
	r.put("b", Rate, 10)
	r.put("m", Anonymous, 7e6)
	faster := goal{name: "faster", metric: Rate, of: "a", to: "b", atLeast: 2.3, aim: 3}
	smaller := goal{name: "smaller", metric: Anonymous, of: "m", atLeast: 8, aim: 6, lower: true, unit: 1e6}
	with := func(g goal, atLeast, aim float64) goal { g.atLeast, g.aim = atLeast, aim; return g }
	for _, row := range []struct {
		name     string
		goal     goal
		met, hit bool
		measured float64
	}{
		{"met", faster, true, false, 2.4},
		{"aim", with(faster, 2, 2.4), true, true, 2.4},
		{"short", with(faster, 2.41, 3), false, false, 2.4},
		{"lower is better: met", smaller, true, false, 7},
		{"lower is better: aim", with(smaller, 8, 7), true, true, 7},
		{"lower is better: short", with(smaller, 6.9, 6), false, false, 7},
		{"not measured", goal{metric: Rate, of: "nobody", to: "b"}, false, false, 0},
		{"not measured, the less the better", goal{metric: Rate, of: "a", to: "nobody", lower: true, atLeast: 9}, false, false, 0},
	} {
		v := judge([]goal{row.goal}, r)
		if v[0].met != row.met || v[0].hit != row.hit || v[0].measured != row.measured || short(v) == row.met {
			t.Errorf("%s: %+v", row.name, v[0])
		}
	}
}

func TestGoalsAreTold(t *testing.T) {
	r := Results{}
	r.put("a", Rate, 24)
	r.put("b", Rate, 10)
	verdicts := judge([]goal{
		{name: "faster", metric: Rate, of: "a", to: "b", atLeast: 2.5, aim: 3, suffix: "x"},
		{name: "unknown", metric: Rate, of: "nobody", atLeast: 1, aim: 2},
	}, r)
	for _, row := range []struct {
		all     bool
		unknown int
	}{{false, 0}, {true, 1}} {
		var out bytes.Buffer
		if err := writeGoals(&out, verdicts, row.all); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); strings.Count(text, "not measured") != row.unknown || !strings.Contains(text, "2.40x") || !strings.Contains(text, ">= 2.5x") || !strings.Contains(text, "SHORT") {
			t.Errorf("all %t:\n%s", row.all, text)
		}
	}
}

// A goal that speaks of a variant which no section measures could never be met.
func TestGoalsSpeakOfVariants(t *testing.T) {
	b := &bench{tokens: map[string]sample.Tokens{sound: tokens(t, 1)}}
	known := []string{memoryIdle, memoryHeld, storm}
	for _, v := range b.directVariants() {
		known = append(known, v.name, atRate+v.name)
	}
	for _, v := range b.behindVariants() {
		known = append(known, v.name)
	}
	for _, g := range goals() {
		if !slices.Contains(known, g.of) || g.to != "" && !slices.Contains(known, g.to) {
			t.Errorf("%s: %q to %q", g.name, g.of, g.to)
		}
		if g.lower && g.aim > g.atLeast || !g.lower && g.aim < g.atLeast {
			t.Errorf("%s: the aim %v is easier than %v", g.name, g.aim, g.atLeast)
		}
	}
	for _, v := range b.directVariants()[:6] {
		if !slices.Contains([]string{nothing, unread, naive, verified1, verified10k, firstSeen}, v.name) {
			t.Errorf("%s is among the variants at a fixed rate", v.name)
		}
	}
}
