package extauthz_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// options returns header fields that overwrite. Envoy 1.40 reads only append, and
// overwrites if it is false. Later versions read append_action, whose zero value appends to
// what the client sent.
func options(fields []request.Header) (list []*corev3.HeaderValueOption) {
	for _, h := range fields {
		list = append(list, &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: h.Name, Value: h.Value},
			//lint:ignore SA1019 deprecated, and yet the one that Envoy 1.40 reads
			Append:       wrapperspb.Bool(false),
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	return list
}

// added returns header fields that are added to a response unless it has them.
func added(fields []request.Header) (list []*corev3.HeaderValueOption) {
	for _, h := range fields {
		list = append(list, &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: h.Name, Value: h.Value},
			AppendAction: corev3.HeaderValueOption_ADD_IF_ABSENT,
		})
	}
	return list
}

// dynamicMetadata returns the metadata of a decision.
func dynamicMetadata(d *gate.Decision) *structpb.Struct {
	says := map[string]*structpb.Value{
		"decision": structpb.NewStringValue(d.ID.String()), "route": structpb.NewStringValue(d.Route),
		"verdict": structpb.NewStringValue(string(d.Verdict)), "reason": structpb.NewStringValue(string(d.Reason)),
	}
	if d.Reason == gate.ReasonAllowed || d.Verdict == gate.VerdictDeny {
		for name, text := range map[string]string{"issuer": d.Issuer, "subject": d.Subject} {
			if text != "" {
				says[name] = structpb.NewStringValue(text)
			}
		}
		if !d.Expires.IsZero() {
			says["expires"] = structpb.NewNumberValue(float64(d.Expires.Unix()))
		}
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		extauthz.MetadataKey: structpb.NewStructValue(&structpb.Struct{Fields: says}),
	}}
}

// allowedMessage returns the message of an allowed answer.
func allowedMessage(d *gate.Decision) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers: options(d.Set.List()), HeadersToRemove: d.Remove, QueryParametersToRemove: d.RemoveParameters,
			ResponseHeadersToAdd: added(d.AddToResponse),
		}},
		DynamicMetadata: dynamicMetadata(d),
	}
}

// deniedMessage returns the message of a denied answer, whose status must be at least 400.
func deniedMessage(t testing.TB, d *gate.Decision, grpcClient bool) *authv3.CheckResponse {
	t.Helper()
	fields := append([]request.Header{{Name: "cache-control", Value: "no-store"}}, d.Denial.CORS...)
	if d.Denial.Challenge != "" {
		fields = append(fields, request.Header{Name: "www-authenticate", Value: d.Denial.Challenge})
	}
	if d.Denial.RetryAfter > 0 {
		fields = append(fields, request.Header{Name: "retry-after", Value: fmt.Sprint(d.Denial.RetryAfter)})
	}
	body := fmt.Sprintf("%s (%s, decision %s)", d.Denial.Detail, d.Reason, d.ID)
	if !grpcClient {
		fields = append(fields, request.Header{Name: "content-type", Value: "application/problem+json"})
		problem, err := json.Marshal(struct {
			Status   int         `json:"status"`
			Title    string      `json:"title"`
			Detail   string      `json:"detail"`
			Reason   gate.Reason `json:"reason"`
			Decision string      `json:"decision"`
		}{d.Denial.Status, d.Denial.Title, d.Denial.Detail, d.Reason, d.ID.String()})
		if err != nil {
			t.Fatal(err)
		}
		body = string(problem)
	}
	code, known := map[int]codes.Code{400: codes.InvalidArgument, 401: codes.Unauthenticated, 403: codes.PermissionDenied}[d.Denial.Status]
	if !known {
		code = codes.Unavailable
	}
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(code), Message: string(d.Reason)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode(d.Denial.Status)}, Headers: options(fields), Body: body,
		}},
		DynamicMetadata: dynamicMetadata(d),
	}
}

// answersAs encodes the answer of a decision twice, with a different ID each time, so that
// the second answer can come from a template. Each must equal the message, unless the
// message cannot be encoded.
func answersAs(t testing.TB, d *gate.Decision, grpcClient bool, message func(*gate.Decision) *authv3.CheckResponse) {
	t.Helper()
	answer := extauthz.Answers()
	for range 2 {
		d.ID.Number++
		data, err := answer(d, grpcClient)
		want := message(d)
		if _, invalid := proto.Marshal(want); invalid != nil {
			if err == nil {
				t.Fatalf("%v is sent, which is not text: %v", want, invalid)
			}
			return
		}
		var got authv3.CheckResponse
		if err != nil || proto.Unmarshal(data, &got) != nil {
			t.Fatalf("not sent: %v, %v", want, err)
		}
		if !proto.Equal(&got, want) {
			t.Fatalf("got  %v\nwant %v", &got, want)
		}
	}
}

// checkDenied checks a denied answer in both forms.
func checkDenied(t testing.TB, d *gate.Decision) {
	t.Helper()
	for _, grpcClient := range []bool{false, true} {
		answersAs(t, d, grpcClient, func(d *gate.Decision) *authv3.CheckResponse { return deniedMessage(t, d, grpcClient) })
	}
}

// checkAllowed checks an allowed answer, without and with a shared identity.
func checkAllowed(t testing.TB, d *gate.Decision) {
	t.Helper()
	answersAs(t, d, false, allowedMessage)
	d.KeepRendered = func(rendered string) { d.Rendered = rendered }
	answersAs(t, d, false, allowedMessage)
}

// TestTemplates checks that a template is kept if the answer repeats, and only then.
func TestTemplates(t *testing.T) {
	base := func() *gate.Decision {
		return &gate.Decision{
			ID: gate.ID{Replica: "r"}, Route: "a", Verdict: gate.VerdictDeny, Reason: "expired",
			Denial: &gate.Denial{Status: 401, Title: "Unauthorized", Detail: "the token has expired", Challenge: "Bearer"},
		}
	}
	cors := []request.Header{{Name: "vary", Value: "origin"}}
	for name, row := range map[string]struct {
		change func(d *gate.Decision)
		kept   int // of the decision and the changed one
	}{
		"the same":           {func(*gate.Decision) {}, 1},
		"another id":         {func(d *gate.Decision) { d.ID.Number = 7 }, 1},
		"another route":      {func(d *gate.Decision) { d.Route = "b" }, 2},
		"another reason":     {func(d *gate.Decision) { d.Reason = "key_unknown" }, 2},
		"another status":     {func(d *gate.Decision) { d.Denial.Status = 403 }, 2},
		"another title":      {func(d *gate.Decision) { d.Denial.Title = "x" }, 2},
		"another detail":     {func(d *gate.Decision) { d.Denial.Detail = "x" }, 2},
		"another challenge":  {func(d *gate.Decision) { d.Denial.Challenge = "x" }, 2},
		"another time":       {func(d *gate.Decision) { d.Denial.RetryAfter = 1 }, 2},
		"another origin":     {func(d *gate.Decision) { d.Denial.CORS = cors }, 2},
		"a subject":          {func(d *gate.Decision) { d.Subject = "ann" }, 1},
		"an issuer":          {func(d *gate.Decision) { d.Issuer = "home" }, 1},
		"an expiry":          {func(d *gate.Decision) { d.Expires = time.Unix(2_000_000_000, 0) }, 1},
		"no verdict":         {func(d *gate.Decision) { d.Verdict = "" }, 1},
		"an id in its text":  {func(d *gate.Decision) { d.Route = d.ID.String() }, 1},
		"another id's width": {func(d *gate.Decision) { d.ID.Replica = "longer" }, 1},
	} {
		other := base()
		if row.change(other); extauthz.Templates(base(), other) != row.kept {
			t.Errorf("%s: %d templates, want %d", name, extauthz.Templates(base(), other), row.kept)
		}
		checkDenied(t, other)
	}
	var many []*gate.Decision
	for n := range extauthz.MaxTemplates + 3 {
		one := base()
		one.Route = fmt.Sprint(n)
		many = append(many, one)
	}
	if got := extauthz.Templates(many...); got > extauthz.MaxTemplates {
		t.Errorf("%d templates are kept", got)
	}
}

// TestAllowedIsTheMessage has texts whose encoded length takes one, two and three bytes,
// and absent values.
func TestAllowedIsTheMessage(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, size := range []int{0, 1, 60, 127, 128, 129, 300, 16_383, 16_384, 20_000} {
		for _, reason := range []gate.Reason{gate.ReasonAllowed, gate.ReasonPublic} {
			t.Run(fmt.Sprintf("%d bytes, %s", size, reason), func(t *testing.T) {
				checkAllowed(t, &gate.Decision{
					ID: gate.ID{Replica: "replica", Number: 0x123456789abcdef0}, Route: long(size), Verdict: gate.VerdictAllow, Reason: reason,
					Issuer: "home", Subject: long(size), Expires: time.Unix(2_000_000_000, 0),
					Set:    request.Pack([]request.Header{{Name: "x-user-id", Value: long(size)}, {Name: "x-user-name", Value: "ann"}}),
					Remove: []string{"x-user-groups", "authorization", long(size)}, RemoveParameters: []string{"access_token", long(size)},
					AddToResponse: []request.Header{{Name: "access-control-allow-origin", Value: long(size)}, {Name: "vary"}},
				})
			})
		}
	}
	checkAllowed(t, &gate.Decision{ID: gate.ID{Replica: strings.Repeat("r", 100)}, Verdict: gate.VerdictAllow, Reason: gate.ReasonPreflight})
	checkAllowed(t, &gate.Decision{Verdict: gate.VerdictAllow, Reason: gate.ReasonAllowed, Remove: []string{"x-user-\xff"}})
	checkAllowed(t, &gate.Decision{Verdict: gate.VerdictAllow, Reason: gate.ReasonAllowed, Subject: "\xc3"})
}

func FuzzAllowed(f *testing.F) {
	f.Add("r", "route", "sub", "x-user-id", "value", "x-user-name", uint64(1), int64(2_000_000_000), uint8(3))
	f.Add("", "", "", "", "", "\xff", uint64(0), int64(0), uint8(0))
	f.Fuzz(func(t *testing.T, replica, route, subject, name, value, removed string, number uint64, expires int64, count uint8) {
		d := &gate.Decision{ID: gate.ID{Replica: replica, Number: number}, Route: route, Verdict: gate.VerdictAllow,
			Reason: gate.ReasonAllowed, Subject: subject}
		if expires > 0 && expires < 253_402_300_800 {
			d.Expires = time.Unix(expires, 0)
		}
		for range count % 8 {
			d.Set += request.Pack([]request.Header{{Name: name, Value: value}})
			d.Remove = append(d.Remove, removed)
			d.AddToResponse = append(d.AddToResponse, request.Header{Name: removed, Value: value})
		}
		checkAllowed(t, d)
	})
}

// TestDeniedIsTheMessage has texts that are long, short, absent, and escaped in JSON.
func TestDeniedIsTheMessage(t *testing.T) {
	texts := []string{"", "expired", strings.Repeat("a", 127), strings.Repeat("b", 2000), `"quoted" \ <b>&amp;`, "line\nfeed\x7f\x00",
		"Zoë \u2028 ☃"}
	for _, text := range texts {
		for _, status := range []int{400, 401, 403, 429, 500, 503, 599} {
			checkDenied(t, &gate.Decision{
				ID: gate.ID{Replica: text, Number: 7}, Route: text, Verdict: gate.VerdictDeny, Reason: gate.Reason(text),
				Issuer: text, Subject: text, Expires: time.Unix(2_000_000_000, 0),
				Denial: &gate.Denial{
					Status: status, Title: text, Detail: text, Challenge: text, RetryAfter: len(text) % 31,
					CORS: []request.Header{{Name: "access-control-allow-origin", Value: text}, {Name: "vary", Value: "origin"}},
				},
			})
		}
	}
	many := &gate.Decision{Verdict: gate.VerdictDeny, Denial: &gate.Denial{Status: 401, Challenge: "Bearer", RetryAfter: 30}}
	for n := range 40 {
		many.Denial.CORS = append(many.Denial.CORS, request.Header{Name: fmt.Sprintf("x-%d", n), Value: "v"})
	}
	checkDenied(t, many)
	for _, invalid := range []*gate.Decision{
		{Verdict: gate.VerdictDeny, Reason: "\xff", Denial: &gate.Denial{Status: 401}},
		{Verdict: gate.VerdictDeny, Subject: "\xc3", Denial: &gate.Denial{Status: 401}},
		{Verdict: gate.VerdictDeny, Denial: &gate.Denial{Status: 401, Challenge: "\xc3"}},
	} {
		checkDenied(t, invalid)
	}
}

func FuzzDenied(f *testing.F) {
	f.Add("r", "route", "expired", "home", "sub", "Unauthorized", "the token has expired", "Bearer", "https://app.example", uint64(1),
		int64(2_000_000_000), uint16(401), uint8(0))
	f.Add("", "", "", "", "", "", "\xff", "", "", uint64(0), int64(0), uint16(503), uint8(30))
	f.Add("\"", "\\", "<", ">", "&", "\x00", "\u2028", "\x7f", "é", uint64(1)<<63, int64(1), uint16(599), uint8(255))
	f.Fuzz(func(t *testing.T, replica, route, reason, issuer, subject, title, detail, challenge, origin string, number uint64,
		expires int64, status uint16, retry uint8) {
		d := &gate.Decision{
			ID: gate.ID{Replica: replica, Number: number}, Route: route, Verdict: gate.VerdictDeny, Reason: gate.Reason(reason),
			Issuer: issuer, Subject: subject,
			Denial: &gate.Denial{Status: max(int(status), 400), Title: title, Detail: detail, Challenge: challenge, RetryAfter: int(retry)},
		}
		if expires > 0 && expires < 253_402_300_800 {
			d.Expires = time.Unix(expires, 0)
		}
		if origin != "" {
			d.Denial.CORS = []request.Header{{Name: "access-control-allow-origin", Value: origin}}
		}
		checkDenied(t, d)
	})
}

// TestAPIVersion checks that the scan knows the field numbers of the required version.
func TestAPIVersion(t *testing.T) {
	const module = "github.com/envoyproxy/go-control-plane/envoy "
	file, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(file), module)
	if version, _, _ := strings.Cut(after, "\n"); !found || version != extauthz.APIVersion {
		t.Errorf("go.mod requires %q, and APIVersion is %q", version, extauthz.APIVersion)
	}
}
