package extauthz_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// message is an allowed answer as protobuf's own types have it.
func message(d *gate.Decision) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{HeadersToRemove: d.Remove, QueryParametersToRemove: d.RemoveParameters}
	for _, h := range d.Set {
		ok.Headers = append(ok.Headers, &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: h.Name, Value: h.Value},
			//lint:ignore SA1019 deprecated, and yet the one that Envoy 1.40 reads
			Append:       wrapperspb.Bool(false),
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	says := map[string]*structpb.Value{
		"decision": structpb.NewStringValue(d.ID.String()), "route": structpb.NewStringValue(d.Route),
		"verdict": structpb.NewStringValue(string(d.Verdict)), "reason": structpb.NewStringValue(string(d.Reason)),
	}
	if d.Reason == gate.ReasonAllowed {
		for name, text := range map[string]string{"issuer": d.Issuer, "subject": d.Subject} {
			if text != "" {
				says[name] = structpb.NewStringValue(text)
			}
		}
		if !d.Expires.IsZero() {
			says["expires"] = structpb.NewNumberValue(float64(d.Expires.Unix()))
		}
	}
	metadata := &structpb.Struct{Fields: map[string]*structpb.Value{
		extauthz.MetadataKey: structpb.NewStructValue(&structpb.Struct{Fields: says}),
	}}
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{}, HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok}, DynamicMetadata: metadata,
	}
}

// holdAllowed holds an allowed answer, byte by byte, to the message.
func holdAllowed(t testing.TB, d *gate.Decision) {
	t.Helper()
	const before = "before"
	all, at, valid := extauthz.Allowed([]byte(before), d)
	want := message(d)
	if _, err := proto.Marshal(want); err != nil {
		if valid {
			t.Fatalf("%+v is sent, which is no text: %v", d, err)
		}
		return
	}
	if !valid || !bytes.HasPrefix(all, []byte(before)) {
		t.Fatalf("not sent: %+v", d)
	}
	answer := all[len(before):]
	var got authv3.CheckResponse
	if err := proto.Unmarshal(answer, &got); err != nil {
		t.Fatalf("%+v: %v", d, err)
	}
	if len(got.ProtoReflect().GetUnknown())+len(got.GetOkResponse().ProtoReflect().GetUnknown()) > 0 || !proto.Equal(&got, want) {
		t.Fatalf("got  %v\nwant %v", &got, want)
	}
	if id := d.ID.String(); string(answer[at.ID:at.ID+len(id)]) != id {
		t.Errorf("where the id stands is %q", answer[at.ID:at.ID+len(id)])
	}
	removed, err := proto.Marshal(&authv3.OkHttpResponse{HeadersToRemove: d.Remove})
	if err != nil || !bytes.Equal(answer[at.RemoveBegin:at.RemoveEnd], removed) {
		t.Errorf("where the names to remove stand is %q, want %q (%v)", answer[at.RemoveBegin:at.RemoveEnd], removed, err)
	}
}

// TestAllowedIsTheMessage: lengths of one, two and three bytes, and what may be
// absent.
func TestAllowedIsTheMessage(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, size := range []int{0, 1, 60, 127, 128, 129, 300, 16_383, 16_384, 20_000} {
		for _, reason := range []gate.Reason{gate.ReasonAllowed, gate.ReasonPublic} {
			t.Run(fmt.Sprintf("%d bytes, %s", size, reason), func(t *testing.T) {
				holdAllowed(t, &gate.Decision{
					ID: gate.ID{Replica: "replica", Number: 0x123456789abcdef0}, Route: long(size), Verdict: gate.VerdictAllow, Reason: reason,
					Issuer: "home", Subject: long(size), Expires: time.Unix(2_000_000_000, 0),
					Set:    []gate.Header{{Name: "x-user-id", Value: long(size)}, {Name: "x-user-name", Value: "ann"}},
					Remove: []string{"x-user-groups", "authorization", long(size)}, RemoveParameters: []string{"access_token", long(size)},
				})
			})
		}
	}
	holdAllowed(t, &gate.Decision{ID: gate.ID{Replica: strings.Repeat("r", 100)}, Verdict: gate.VerdictAllow, Reason: gate.ReasonPreflight})
	holdAllowed(t, &gate.Decision{Verdict: gate.VerdictAllow, Reason: gate.ReasonAllowed, Remove: []string{"x-user-\xff"}})
	holdAllowed(t, &gate.Decision{Verdict: gate.VerdictAllow, Reason: gate.ReasonAllowed, Subject: "\xc3"})
}

func FuzzAllowed(f *testing.F) {
	f.Add("r", "route", "sub", "x-user-id", "value", "x-user-name", uint64(1), int64(2_000_000_000), uint8(3))
	f.Add("", "", "", "", "", "\xff", uint64(0), int64(0), uint8(0))
	f.Fuzz(func(t *testing.T, replica, route, subject, name, value, removed string, number uint64, expires int64, count uint8) {
		d := &gate.Decision{ID: gate.ID{Replica: replica, Number: number}, Route: route, Verdict: gate.VerdictAllow, Reason: gate.ReasonAllowed, Subject: subject}
		if expires > 0 && expires < 253_402_300_800 {
			d.Expires = time.Unix(expires, 0)
		}
		for range count % 8 {
			d.Set = append(d.Set, gate.Header{Name: name, Value: value})
			d.Remove = append(d.Remove, removed)
		}
		holdAllowed(t, d)
	})
}
