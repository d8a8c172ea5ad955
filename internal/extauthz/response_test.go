package extauthz_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// reasons returns every reason that package gate declares.
func reasons(t *testing.T) []gate.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../gate/reason.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []gate.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, gate.Reason(text))
		}
		return true
	})
	if len(found) < 30 {
		t.Fatalf("only %d reasons found", len(found))
	}
	return found
}

// Envoy allows a request for an empty answer, for a denied_response with status OK, and,
// with failure_mode_allow, for an error_response.
func TestNoDenialComesOutAsOK(t *testing.T) {
	f := start(t)
	denied := map[string]*gate.Decision{
		"the zero value":                 {},
		"a denial that was forgotten":    {Verdict: gate.VerdictDeny, Reason: gate.ReasonExpired},
		"a verdict that nobody knows":    {Verdict: "ALLOW", Reason: gate.ReasonAllowed},
		"allowed, and denied":            {Verdict: gate.VerdictAllow, Denial: &gate.Denial{Status: 403}},
		"allowed, and an empty denial":   {Verdict: gate.VerdictAllow, Denial: &gate.Denial{}},
		"an allowed reason, not allowed": {Reason: gate.ReasonAllowed},
		"allowed, and answered":          {Verdict: gate.VerdictAllow, Answer: &gate.Answer{Status: 200}},
		"answered with nothing":          {Verdict: gate.VerdictAnswer, Reason: gate.ReasonPreflightAnswered},
		"answered, and denied":           {Verdict: gate.VerdictAnswer, Answer: &gate.Answer{Status: 200}, Denial: &gate.Denial{Status: 403}},
		"answered with an error":         {Verdict: gate.VerdictAnswer, Answer: &gate.Answer{Status: 404}},
		"answered with no status":        {Verdict: gate.VerdictAnswer, Answer: &gate.Answer{}},
		"denied, with an answer":         {Verdict: gate.VerdictDeny, Answer: &gate.Answer{Status: 200}},
	}
	for _, status := range []int{-1, 0, 100, 200, 204, 302, 399} {
		denied[fmt.Sprintf("denied with %d", status)] = &gate.Decision{Verdict: gate.VerdictDeny, Denial: &gate.Denial{Status: status}}
	}
	for _, reason := range reasons(t) {
		denied[string(reason)] = f.gate.Refuse(reason, "for operators")
	}
	for name, d := range denied {
		for _, grpcClient := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/gRPC %v", name, grpcClient), func(t *testing.T) {
				answer := extauthz.Response(d, grpcClient)
				explicit(t, answer)
				if answer.GetDeniedResponse() == nil {
					t.Fatalf("answered with %T", answer.GetHttpResponse())
				}
				fields(t, answer.GetDeniedResponse().GetHeaders())
				if d.Denial == nil && answer.GetDeniedResponse().GetStatus().GetCode() != 503 {
					t.Errorf("answered with status %v without a denial", answer.GetDeniedResponse().GetStatus())
				}
				if strings.Contains(answer.String(), "for operators") {
					t.Error("what is for operators leaves the server")
				}
			})
		}
	}
}

// An answer in place of the application is a denial for Envoy, with the response of the
// gate.
func TestAnswered(t *testing.T) {
	d := &gate.Decision{
		ID: gate.ID{Replica: "replica", Number: 1}, Route: "none", Verdict: gate.VerdictAnswer, Reason: gate.ReasonPreflightAnswered,
		Answer: &gate.Answer{Status: 200, Headers: []request.Header{{Name: "access-control-allow-origin", Value: "https://app.example"}},
			Body: []byte("body")},
	}
	answer := extauthz.Response(d, false)
	if answer.GetStatus().GetCode() == 0 {
		t.Error("its code is OK, for which Envoy lets the request pass")
	}
	denied := answer.GetDeniedResponse()
	if denied.GetStatus().GetCode() != 200 || denied.GetBody() != "body" {
		t.Errorf("answered with %v", denied)
	}
	want := map[string]string{"cache-control": "no-store", "access-control-allow-origin": "https://app.example"}
	if got := fields(t, denied.GetHeaders()); !maps.Equal(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
	if got := metadata(answer); got["verdict"] != "answer" || got["reason"] != "preflight_answered" {
		t.Errorf("metadata %v", got)
	}
}

// The code of google.rpc.Status depends on the HTTP status, and its message is the reason.
func TestStatusOfDenials(t *testing.T) {
	for status, want := range map[int]int32{400: 3, 401: 16, 403: 7, 503: 14, 404: 14, 429: 14, 500: 14} {
		answer := extauthz.Response(&gate.Decision{Verdict: gate.VerdictDeny, Reason: "why", Denial: &gate.Denial{Status: status}}, false)
		if got := answer.GetStatus(); got.GetCode() != want || got.GetMessage() != "why" {
			t.Errorf("%d: code %d, message %q, want %d", status, got.GetCode(), got.GetMessage(), want)
		}
		if got := int(answer.GetDeniedResponse().GetStatus().GetCode()); got != status {
			t.Errorf("%d came out as %d", status, got)
		}
	}
}

// What the client receives, over the wire: status, fields and body.
func TestDenialOverTheWire(t *testing.T) {
	f := start(t)
	old, err := f.home.Mint(map[string]any{"sub": "alice", "aud": "orders-api"}, -time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		reason, detail string
		r              *authv3.CheckRequest
		status         int
		title          string
		fields         map[string]string
	}{
		{"credential_missing", "this needs a bearer token and the request has none", newRequest("GET", "/readers"), 401, "Unauthorized",
			map[string]string{"www-authenticate": `Bearer realm="jwtgate"`}},
		{"expired", "the token has expired", newRequest("GET", "/readers", "authorization: Bearer "+old), 401, "Unauthorized",
			map[string]string{"www-authenticate": `Bearer realm="jwtgate", error="invalid_token", error_description="the token has expired"`}},
		{"credential_ambiguous", "the request has more than one credential",
			newRequest("GET", "/readers", "authorization: Bearer a", "authorization: Bearer b"), 400, "Bad Request",
			map[string]string{"www-authenticate": `Bearer realm="jwtgate", error="invalid_request"`}},
		{"scope_missing", "the token lacks a scope that this needs",
			newRequest("GET", "/readers", "authorization: Bearer "+f.mint(t, map[string]any{"scope": "other"})), 403, "Forbidden",
			map[string]string{"www-authenticate": `Bearer realm="jwtgate", error="insufficient_scope", scope="orders/read"`}},
		{"route_denied", "the route denies all requests", newRequest("GET", "/closed"), 403, "Forbidden", nil},
		{"path_refused", "the path is spelled in a way that servers interpret differently", newRequest("GET", "/open/%2e%2e/closed"), 400,
			"Bad Request", nil},
		{"request_malformed", "the proxy sent a malformed authorization request", &authv3.CheckRequest{}, 503, "Service Unavailable", nil},
	} {
		t.Run(row.reason, func(t *testing.T) {
			answer := f.ask(t, row.r)
			denied := answer.GetDeniedResponse()
			if got := int(denied.GetStatus().GetCode()); got != row.status {
				t.Errorf("status %d, want %d", got, row.status)
			}
			want := map[string]string{"cache-control": "no-store", "content-type": "application/problem+json"}
			maps.Copy(want, row.fields)
			if got := fields(t, denied.GetHeaders()); !maps.Equal(got, want) {
				t.Errorf("fields\n\t%v\nwant\n\t%v", got, want)
			}
			var body map[string]any
			if err := json.Unmarshal([]byte(denied.GetBody()), &body); err != nil {
				t.Fatal(err)
			}
			problem := map[string]any{
				"status": float64(row.status), "title": row.title, "detail": row.detail, "reason": row.reason,
				"decision": metadata(answer)["decision"],
			}
			if !maps.Equal(body, problem) {
				t.Errorf("problem\n\t%v\nwant\n\t%v", body, problem)
			}
			if !regexp.MustCompile(`^replica-[0-9a-f]{16}$`).MatchString(body["decision"].(string)) {
				t.Errorf("decision %v", body["decision"])
			}
		})
	}
}

// Envoy sends the body as grpc-message, byte for byte, so a gRPC client gets one line of
// plain text.
func TestGRPCClientsGetPlainText(t *testing.T) {
	f := start(t)
	for contentType, plain := range map[string]bool{
		"application/grpc":                   true,
		"application/grpc+proto":             true,
		"application/grpc+json":              true,
		"Application/GRPC+proto":             true,
		"application/grpc; charset=utf-8":    true,
		"application/grpc;x":                 true,
		"application/grpc-web":               false,
		"application/grpc-web+proto":         false,
		"application/grpcx":                  false,
		"application/json":                   false,
		"text/plain; x=application/grpc":     false,
		"":                                   false,
		"application/json, application/grpc": false,
	} {
		t.Run(contentType, func(t *testing.T) {
			answer := f.ask(t, newRequest("POST", "/orders.Orders/List", "content-type: "+contentType))
			denied := answer.GetDeniedResponse()
			got := fields(t, denied.GetHeaders())
			if !plain {
				if got["content-type"] != "application/problem+json" || !strings.HasPrefix(denied.GetBody(), "{") {
					t.Errorf("content-type %q, body %q", got["content-type"], denied.GetBody())
				}
				return
			}
			want := fmt.Sprintf("this needs a bearer token and the request has none (credential_missing, decision %s)", metadata(answer)["decision"])
			if denied.GetBody() != want {
				t.Errorf("body %q, want %q", denied.GetBody(), want)
			}
			if _, there := got["content-type"]; there || got["www-authenticate"] == "" || got["cache-control"] != "no-store" {
				t.Errorf("fields %v", got)
			}
		})
	}
}

// A header that is set replaces what the client sent, under the rules of Envoy 1.40 and of
// later versions, and is not removed too.
func TestSetOverwrites(t *testing.T) {
	f := start(t)
	answer := f.ask(t, newRequest("GET", "/readers", "authorization: Bearer "+f.mint(t,
		map[string]any{"email": "a@example.com", "email_verified": true}),
		"x-user-id: root", "X_User_Id: root", "x-user-email: root", "x-user-groups: root"))
	ok := answer.GetOkResponse()
	if ok == nil {
		t.Fatalf("not allowed: %s", reason(answer))
	}
	got := fields(t, ok.GetHeaders())
	want := map[string]string{
		"x-user-id": "alice", "x-user-email": "a@example.com", "x-user-scopes": "orders/read",
		"x-user-kind": "user", "x-user-issuer": "home",
	}
	if !maps.Equal(got, want) {
		t.Errorf("sets %v, want %v", got, want)
	}
	for name := range got {
		if slices.Contains(ok.GetHeadersToRemove(), name) {
			t.Errorf("%s is set and removed: Envoy removes last", name)
		}
	}
	for _, name := range []string{"x_user_id", "x-user-groups", "x_user_groups", "authorization"} {
		if !slices.Contains(ok.GetHeadersToRemove(), name) {
			t.Errorf("%s is not removed: %v", name, ok.GetHeadersToRemove())
		}
	}
	rest := proto.Clone(ok).(*authv3.OkHttpResponse)
	rest.Headers, rest.HeadersToRemove = nil, nil
	if proto.Size(rest) > 0 {
		t.Errorf("it changes more than the request's headers: %v", rest)
	}
}

// A credential is removed from where it was read: a query parameter by its name, and a
// cookie by overwriting the header.
func TestCredentialIsTakenOut(t *testing.T) {
	f := start(t)
	raw := f.mint(t, nil)
	query := f.ask(t, newRequest("GET", "/stream?a=1&access_token="+raw)).GetOkResponse()
	if got := query.GetQueryParametersToRemove(); !slices.Equal(got, []string{"access_token"}) || len(query.GetQueryParametersToSet()) > 0 {
		t.Errorf("parameters %v are removed, %v set", got, query.GetQueryParametersToSet())
	}
	cookie := f.ask(t, newRequest("GET", "/stream", "cookie: a=1; session="+raw)).GetOkResponse()
	if got := fields(t, cookie.GetHeaders())["cookie"]; got != "a=1" || slices.Contains(cookie.GetHeadersToRemove(), "cookie") {
		t.Errorf("the cookies are set to %q, and removed: %v", got, cookie.GetHeadersToRemove())
	}
}

// The metadata has issuer and subject only if the signature is valid.
func TestDynamicMetadata(t *testing.T) {
	f := start(t)
	expiry := time.Now().Add(time.Hour).Truncate(time.Second)
	fine := f.mint(t, map[string]any{"exp": expiry.Unix()})
	dot := strings.LastIndex(fine, ".") + 1
	other := "A"
	if fine[dot:dot+1] == other {
		other = "B"
	}
	for _, row := range []struct {
		r    *authv3.CheckRequest
		want map[string]any
	}{
		{newRequest("GET", "/open/x"), map[string]any{"route": "open", "verdict": "allow", "reason": "public"}},
		{newRequest("GET", "/readers"), map[string]any{"route": "readers", "verdict": "deny", "reason": "credential_missing"}},
		{newRequest("GET", "//"), map[string]any{"route": "none", "verdict": "deny", "reason": "path_refused"}},
		{newRequest("GET", "/readers", "authorization: Bearer "+fine), map[string]any{
			"route": "readers", "verdict": "allow", "reason": "allowed", "issuer": "home", "subject": "alice", "expires": float64(expiry.Unix()),
		}},
		{newRequest("GET", "/readers", "authorization: Bearer "+fine[:dot]+other+fine[dot+1:]), map[string]any{
			"route": "readers", "verdict": "deny", "reason": "signature_invalid",
		}},
		{newRequest("GET", "/lenient/x", "authorization: Bearer "+fine[:dot]+other+fine[dot+1:]), map[string]any{
			"route": "lenient", "verdict": "allow", "reason": "anonymous_invalid",
		}},
		{newRequest("GET", "/readers", "authorization: Bearer "+f.mint(t, map[string]any{"aud": "another"})), map[string]any{
			"route": "readers", "verdict": "deny", "reason": "audience_mismatch", "issuer": "home", "subject": "alice",
		}},
		{newRequest("GET", "/readers", "authorization: Bearer "+f.mint(t,
			map[string]any{"scope": "", "exp": expiry.Unix(), "sub": "Zoë\n"})), map[string]any{
			"route": "readers", "verdict": "deny", "reason": "scope_missing", "issuer": "home", "subject": "Zoë\n",
			"expires": float64(expiry.Unix()),
		}},
	} {
		t.Run(row.want["reason"].(string), func(t *testing.T) {
			answer := f.ask(t, row.r)
			got := metadata(answer)
			if id, _ := got["decision"].(string); !strings.HasPrefix(id, "replica-") {
				t.Errorf("decision %v", got["decision"])
			}
			delete(got, "decision")
			if !maps.Equal(got, row.want) {
				t.Errorf("metadata\n\t%v\nwant\n\t%v", got, row.want)
			}
			if all := answer.GetDynamicMetadata().GetFields(); len(all) != 1 {
				t.Errorf("keys %v, want %s alone", slices.Collect(maps.Keys(all)), extauthz.MetadataKey)
			}
		})
	}
}

// TestMetadataOfEachField checks that the dynamic metadata of allowed and denied requests
// has exactly those fields of the audit record that belong there, with the same values, and
// the token's expiry. A new field of the record needs a row here.
func TestMetadataOfEachField(t *testing.T) {
	belongs := map[string]bool{
		"decision": true, "route": true, "verdict": true, "reason": true, "issuer": true, "subject": true,
		"time": false, "level": false, "msg": false, "request_id": false, "trace_id": false, "further": false, "status": false,
		"would_deny": false, "detail": false, "internal_detail": false, "hint": false, "kid": false, "method": false, "host": false,
		"path": false, "source": false, "duration_us": false, "cached": false, "config": false, "redacted": false,
	}
	for _, d := range []*gate.Decision{
		{Verdict: gate.VerdictAllow, Reason: gate.ReasonAllowed},
		{Verdict: gate.VerdictDeny, Reason: gate.ReasonGroupMissing, Denial: &gate.Denial{Status: 403, Detail: "detail"}},
	} {
		d.ID, d.Route, d.Issuer, d.Subject = gate.ID{Replica: "replica", Number: 1}, "orders", "home", "alice"
		d.Expires = time.Unix(2_000_000_000, 0)
		d.InternalDetail, d.Hint, d.KeyID, d.ConfigHash, d.Cached = "internal", "hint", "key-1", "c0ffee", true
		got := metadata(extauthz.Response(d, false))
		record := reflect.ValueOf(audit.NewRecord(&request.Request{Method: "GET", Target: "/orders"}, d, "trace"))
		for i := range record.NumField() {
			key, _, _ := strings.Cut(record.Type().Field(i).Tag.Get("json"), ",")
			switch want, known := belongs[key]; {
			case !known:
				t.Errorf("the record has the new field %s: does it belong in the metadata?", key)
			case want && got[key] != fmt.Sprint(record.Field(i).Interface()):
				t.Errorf("%s: the metadata has %v as %s, want %v", d.Verdict, got[key], key, record.Field(i))
			case !want && got[key] != nil:
				t.Errorf("%s: the metadata has %s, which does not belong there", d.Verdict, key)
			}
			delete(got, key)
		}
		if want := map[string]any{"expires": float64(2_000_000_000)}; !maps.Equal(got, want) {
			t.Errorf("%s: the metadata also has %v, want %v", d.Verdict, got, want)
		}
	}
}
