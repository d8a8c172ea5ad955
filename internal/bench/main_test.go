package main

import (
	"errors"
	"reflect"
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
	"github.com/jwtgate/jwtgate/internal/signer"
)

func tokens(t *testing.T, count int) sample.Tokens {
	t.Helper()
	key, err := signer.New("EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	set, err := sample.Mint(t.Context(), key, sample.Kind{}, count)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// answer encodes a CheckResponse as a gRPC server does.
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

func TestAnswers(t *testing.T) {
	set := tokens(t, 3)
	expired := deniedFor(401, "expired", "token_revoked")
	cut := answer(t, allow(set.Subject(1)))
	cut.Body = cut.Body[:len(cut.Body)-1]
	failed := answer(t, allow(set.Subject(1)))
	failed.GRPCStatus = "14"
	anonymous := allow("")
	anonymous.GetOkResponse().Headers = nil
	for _, row := range []struct {
		name   string
		expect validator
		answer load.Answer
		want   string // the error of call 1; empty: none
	}{
		{"an empty answer, which Envoy would allow", allowed, answer(t, &authv3.CheckResponse{}), "not allowed"},
		{"allowed", allowed, answer(t, allow("")), ""},
		{"allowed as the user of the token", allowedAs(set), answer(t, allow(set.Subject(1))), ""},
		{"allowed as another user", allowedAs(set), answer(t, allow(set.Subject(2))), "expected \"" + set.Subject(1)},
		{"allowed without a user", allowedAs(set), answer(t, anonymous), "without x-user-id"},
		{"denied instead", allowedAs(set), answer(t, deny(16, 401, "expired")), "not allowed: 16 expired"},
		{"a denial with status OK", allowed, answer(t, deny(0, 401, "expired")), "not allowed"},
		{"a body without its last byte", allowedAs(set), cut, "is not one gRPC message"},
		{"a gRPC error", allowedAs(set), failed, `grpc-status "14"`},
		{"denied", expired, answer(t, deny(16, 401, "expired")), ""},
		{"denied for the other reason", expired, answer(t, deny(16, 401, "token_revoked")), ""},
		{"denied for an unexpected reason", expired, answer(t, deny(16, 401, "key_unknown")), `denied with 401 "key_unknown"`},
		{"denied with another status", expired, answer(t, deny(16, 503, "expired")), "denied with 503"},
		{"allowed instead", expired, answer(t, allow("x")), "not denied"},
		{"forwarded as the user of the token", forwardedAs(set), load.Answer{Status: "200", Echo: set.Subject(1)}, ""},
		{"forwarded without a user", forwardedAs(set), load.Answer{Status: "200"}, "expected 200 for"},
		{"not forwarded", forwardedAs(set), load.Answer{Status: "403", Echo: set.Subject(1)}, `status "403"`},
		{"forwarded without a user, as expected", forwarded, load.Answer{Status: "200", Echo: "-"}, ""},
		{"forwarded as an unexpected user", forwarded, load.Answer{Status: "200", Echo: "x"}, "expected 200 without a user"},
	} {
		err := row.expect(1, row.answer)
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
}

func TestAWrongAnswerIsNoResult(t *testing.T) {
	r := Results{}
	err := r.putWindow("v", load.Window{Elapsed: time.Second}, cpuTimes{})
	if err == nil || !strings.Contains(err.Error(), "no answer arrived") {
		t.Errorf("none: %v", err)
	}
	wrong := errors.New("wrong")
	if err := r.putWindow("v", load.Window{Elapsed: time.Second, Done: 9, Failed: 1, Failure: wrong}, cpuTimes{}); !errors.Is(err, wrong) {
		t.Errorf("one wrong: %v", err)
	}
	storm := load.Window{Done: 1, Latencies: []time.Duration{time.Second}}
	wrongStorm := storm
	wrongStorm.Failed, wrongStorm.Failure = 1, wrong
	if err := r.putStorm("v", storm, storm, wrongStorm); !errors.Is(err, wrong) {
		t.Errorf("a wrong answer in the storm: %v", err)
	}
	if err := r.putStorm("v", storm, load.Window{}, storm); err == nil || !strings.Contains(err.Error(), "no valid token was answered") {
		t.Errorf("no answer in the storm: %v", err)
	}
	if len(r) > 0 {
		t.Errorf("%v", r)
	}
	window := load.Window{Elapsed: 2 * time.Second, Done: 4, Latencies: []time.Duration{1000, 2000, 3000, 9000}}
	used := cpuTimes{first: 12 * time.Microsecond, processes: 40 * time.Microsecond, self: 8 * time.Microsecond}
	if err := r.putWindow("v", window, used); err != nil {
		t.Fatal(err)
	}
	for metric, want := range map[Metric]float64{Rate: 2, CPU: 10, FirstCPU: 3, Generator: 2, P50: 2, P99: 9} {
		if got := r["v"][metric]; !slices.Equal(got, []float64{want}) {
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
	}
	if s, ok := r.ratio(Rate, "a", "b"); !ok || s.Min != 3 || s.Max != 3 {
		t.Errorf("rate: %v %t", s, ok)
	}
	if s, ok := r.ratio(Rate, "a", "unknown"); ok {
		t.Errorf("with a variant that was not measured: %v", s)
	}
	cell := versus(Rate)(r, Row{Variant: "a", Other: "b"})
	if cell != "3.00 [3.00-3.00]" {
		t.Errorf("the comparison of two builds is %q", cell)
	}
}

func TestGoals(t *testing.T) {
	r := Results{}
	for _, rate := range []float64{24, 22, 30} {
		r.put("a", Rate, rate)
		r.put("b", Rate, 10)
	}
	r.put("m", Anonymous, 7e6)
	faster := goal{name: "faster", metric: Rate, of: "a", to: "b"}
	smaller := goal{name: "smaller", metric: Anonymous, of: "m", lower: true, unit: 1e6}
	flat := goal{name: "flat", metric: Rate, of: "a", to: "b", lower: true, best: true}
	with := func(g goal, limit float64) goal { g.limit = limit; return g }
	target := with(faster, 2.41)
	target.target = true
	for _, row := range []struct {
		name        string
		goal        goal
		met, missed bool
		value       float64
	}{
		{"met", with(faster, 2.4), true, false, 2.4},
		{"missed", with(faster, 2.41), false, true, 2.4},
		{"not required", target, false, false, 2.4},
		{"lower is better: met", with(smaller, 7), true, false, 7},
		{"lower is better: missed", with(smaller, 6.9), false, true, 7},
		{"the best round meets it", with(flat, 2.2), true, false, 2.2},
		{"no round meets it", with(flat, 2.1), false, true, 2.2},
		{"not measured", goal{metric: Rate, of: "unknown", to: "b"}, false, true, 0},
		{"not measured, lower is better", goal{metric: Rate, of: "a", to: "unknown", lower: true, limit: 9}, false, true, 0},
	} {
		v := judge([]goal{row.goal}, r)
		if v[0].met != row.met || v[0].value != row.value || missed(v) != row.missed {
			t.Errorf("%s: %+v", row.name, v[0])
		}
	}
}

func TestTheTableOfGoals(t *testing.T) {
	r := Results{}
	r.put("a", Rate, 24)
	r.put("b", Rate, 10)
	verdicts := judge([]goal{
		{name: "faster", metric: Rate, of: "a", to: "b", limit: 2.5, suffix: "x"},
		{name: "much faster", metric: Rate, of: "a", to: "b", limit: 9, target: true},
		{name: "unknown", metric: Rate, of: "unknown", limit: 1},
	}, r)
	want := [][]string{
		{"faster", "at least 2.5x", "2.40x", "MISSED"},
		{"much faster", "at least 9", "2.40", "missed, not required"},
		{"unknown", "at least 1", "not measured", "MISSED"},
	}
	for all, rows := range map[bool][][]string{true: want, false: want[:2]} {
		if got := goalTable(verdicts, all).rows; !reflect.DeepEqual(got, rows) {
			t.Errorf("all %t: %q", all, got)
		}
	}
}

// A goal about a variant that is never measured could not be met.
func TestGoalsAreAboutVariants(t *testing.T) {
	b := &bench{tokens: map[string]sample.Tokens{valid: tokens(t, 1)}}
	known := []string{
		memoryIdle, memoryHeld, storm, otherPrefix + storm, atRate + routesName(1), atRate + routesName(10_000),
		atRate + issuersName(1), atRate + issuersName(100), atRate + cachedName(1), atRate + cachedName(100_000),
	}
	for _, v := range b.variants() {
		known = append(known, v.name, atRate+v.name)
	}
	for _, v := range b.envoyVariants() {
		known = append(known, v.name)
	}
	for _, g := range goals(true) {
		if !slices.Contains(known, g.of) || g.to != "" && !slices.Contains(known, g.to) {
			t.Errorf("%s: %q to %q", g.name, g.of, g.to)
		}
		if g.best && !g.lower {
			t.Errorf("%s: judge knows the best round only of goals that are lower", g.name)
		}
	}
}

// Every variant of the measured build names that of the other build, which is
// compared with the same base, or with its own.
func TestRowsOfTwoBuilds(t *testing.T) {
	measured, other := build{}, build{prefix: otherPrefix}
	b := &bench{builds: []build{measured}}
	if r := b.row(measured, "s", atRate, "v", noop); r != (Row{Section: "s", Variant: atRate + "v", Base: noop}) {
		t.Errorf("one build: %+v", r)
	}
	b.builds = append(b.builds, other)
	if r := b.row(measured, "s", atRate, "v", noop); r.Variant != atRate+"v" || r.Other != atRate+otherPrefix+"v" {
		t.Errorf("the measured build: %+v", r)
	}
	if r := b.row(other, "s", atRate, "v", noop); r.Variant != atRate+otherPrefix+"v" || r.Other != "" {
		t.Errorf("the other build: %+v", r)
	}
	if even, odd := ordered(0, b.builds), ordered(1, b.builds); even[0] != measured || odd[0] != other || b.builds[0] != measured {
		t.Errorf("the order is %v and then %v", even, odd)
	}
	for _, v := range b.envoyVariants() {
		if n := len(b.buildsOf(v)); (n == 2) != strings.Contains(v.name, "jwtgate") {
			t.Errorf("%s is measured with %d builds", v.name, n)
		}
	}
}
