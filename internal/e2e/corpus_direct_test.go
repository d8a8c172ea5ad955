//go:build !race

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// encodings returns the two forms in which Envoy sends header fields.
func encodings() map[string]func(sent) *authv3.AttributeContext_HttpRequest {
	return map[string]func(sent) *authv3.AttributeContext_HttpRequest{"raw": sent.raw, "joined": sent.joined}
}

// http returns the parts that both forms share. A protobuf string is UTF-8, so other bytes
// are replaced as in Envoy.
func (s sent) http() *authv3.AttributeContext_HttpRequest {
	return &authv3.AttributeContext_HttpRequest{
		Id: "1", Method: s.method, Path: s.target, Host: s.host, Scheme: "http", Protocol: "HTTP/1.1",
	}
}

// raw is encode_raw_headers: each field by itself, byte for byte.
func (s sent) raw() *authv3.AttributeContext_HttpRequest {
	request := s.http()
	request.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
		{Key: ":method", RawValue: []byte(s.method)}, {Key: ":path", RawValue: []byte(s.target)}, {Key: ":authority", RawValue: []byte(s.host)},
	}}
	for _, h := range s.headers {
		request.HeaderMap.Headers = append(request.HeaderMap.Headers, &corev3.HeaderValue{Key: strings.ToLower(h[0]), RawValue: []byte(h[1])})
	}
	return request
}

// joined is the default: one value a name, joined by commas.
func (s sent) joined() *authv3.AttributeContext_HttpRequest {
	request := s.http()
	request.Headers = map[string]string{":method": s.method, ":path": s.target, ":authority": s.host}
	for _, h := range s.headers {
		name, value := strings.ToLower(h[0]), strings.ToValidUTF8(h[1], "!")
		if before, there := request.Headers[name]; there {
			value = before + "," + value
		}
		request.Headers[name] = value
	}
	return request
}

// directGate is a gate that the test calls as Envoy does.
type directGate struct {
	*gateProcess
	client authv3.AuthorizationClient
}

func startDirect(t *testing.T, configFile string, env ...string) directGate {
	t.Helper()
	g := startGate(t, configFile, env...)
	g.waitReady(t)
	connection, err := grpc.NewClient(g.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return directGate{g, authv3.NewAuthorizationClient(connection)}
}

// decided is a parsed answer of the gate.
type decided struct {
	allowed *authv3.OkHttpResponse
	status  int
	reason  string
}

// check calls the gate and checks the properties of every answer.
func (g directGate) check(t *testing.T, request *authv3.AttributeContext_HttpRequest) decided {
	t.Helper()
	answer, err := g.client.Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: request},
	}})
	if err != nil {
		t.Fatalf("the RPC failed, which Envoy may take for a yes: %v", err)
	}
	d := decided{status: http.StatusOK, allowed: answer.GetOkResponse()}
	d.reason = answer.GetDynamicMetadata().GetFields()["jwtgate"].GetStructValue().GetFields()["reason"].GetStringValue()
	for _, option := range d.allowed.GetHeaders() {
		plainHeader(t, option)
	}
	if d.allowed != nil {
		if answer.GetStatus().GetCode() != 0 {
			t.Errorf("allowed with code %d", answer.GetStatus().GetCode())
		}
		return d
	}
	denied := answer.GetDeniedResponse()
	d.status = int(denied.GetStatus().GetCode())
	if answered := d.reason == "preflight_answered"; answer.GetStatus().GetCode() == 0 || d.status < 400 && !answered {
		t.Fatalf("a denial with code %d and status %d, which Envoy takes for a yes", answer.GetStatus().GetCode(), d.status)
	}
	if found := programs.Token(answer.String()); found != "" {
		t.Errorf("the denial contains a token: %.40s...", found)
	}
	if d.reason == "preflight_answered" {
		return d
	}
	challenge := ""
	for _, option := range denied.GetHeaders() {
		plainHeader(t, option)
		if option.GetHeader().GetKey() == "www-authenticate" {
			challenge = option.GetHeader().GetValue()
		}
	}
	if d.status == http.StatusUnauthorized && !strings.HasPrefix(challenge, `Bearer realm="jwtgate"`) {
		t.Errorf("401 with the challenge %q", challenge)
	}
	if grpcClient := strings.HasPrefix(request.GetHeaders()["content-type"], "application/grpc"); !grpcClient {
		var told problem
		if err := json.Unmarshal([]byte(denied.GetBody()), &told); err != nil || told.Reason != d.reason || told.Status != d.status {
			t.Errorf("the body is %q (%v) of reason %s", denied.GetBody(), err, d.reason)
		}
	}
	return d
}

// plainHeader fails the test unless the field overwrites, and its value can
// neither end a line nor begin another.
func plainHeader(t *testing.T, option *corev3.HeaderValueOption) {
	t.Helper()
	name, value := option.GetHeader().GetKey(), option.GetHeader().GetValue()
	isControl := func(r rune) bool { return r < 0x20 || r == 0x7f }
	if strings.ContainsFunc(value, isControl) || !utf8.ValidString(value) || len(option.GetHeader().GetRawValue()) > 0 {
		t.Errorf("%s is set to %q", name, value)
	}
	//lint:ignore SA1019 deprecated, and yet the one that Envoy 1.40 reads
	if option.GetAppend() == nil || option.GetAppend().GetValue() ||
		option.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
		t.Errorf("%s does not overwrite", name)
	}
}

// received returns the request as the application gets it: Envoy sets headers, overwriting,
// and then removes headers by exact names.
func (s sent) received(ok *authv3.OkHttpResponse) map[string][]string {
	fields := map[string][]string{}
	for _, h := range s.headers {
		name := strings.ToLower(h[0])
		fields[name] = append(fields[name], h[1])
	}
	for _, option := range ok.GetHeaders() {
		fields[option.GetHeader().GetKey()] = []string{option.GetHeader().GetValue()}
	}
	for _, name := range ok.GetHeadersToRemove() {
		delete(fields, strings.ToLower(name))
	}
	return fields
}

// awaited is the time after which a missing kid is known to be unknown.
const awaited = 15 * time.Second

// judge calls the gate until it has fetched the key set that the row waits for.
func (g directGate) judge(t *testing.T, want string, request *authv3.AttributeContext_HttpRequest) decided {
	t.Helper()
	var d decided
	eventually(t, awaited, "the key is looked for", func() error {
		if d = g.check(t, request); d.reason == "key_pending" && want != d.reason {
			return fmt.Errorf("reason %s", d.reason)
		}
		return nil
	})
	return d
}

// TestNothingHostileGetsThrough sends every row to the running server in both
// forms of headers.
func TestNothingHostileGetsThrough(t *testing.T) {
	i := startIssuers(t)
	g := startDirect(t, "testdata/corpus.yaml", i.environment()...)
	for _, class := range readAttacks(t) {
		for _, row := range class.Rows {
			for _, encoding := range slices.Sorted(maps.Keys(encodings())) {
				t.Run(class.Class+"/"+row.Name+"/"+encoding, func(t *testing.T) {
					s, expand := row.fill(t, i)
					d := g.judge(t, row.Want, encodings()[encoding](s))
					if d.reason != row.Want || d.status != statuses()[row.Want] {
						t.Fatalf("%d %s, want %d %s", d.status, d.reason, statuses()[row.Want], row.Want)
					}
					if d.allowed == nil {
						return
					}
					if got := d.allowed.GetQueryParametersToRemove(); !slices.Equal(got, row.Parameters) {
						t.Errorf("parameters %q are removed, want %q", got, row.Parameters)
					}
					row.checkReceived(t, s.received(d.allowed), expand)
				})
			}
		}
	}
	g.unharmed(t)
}

// unharmed fails the test unless the server still answers as before.
func (g directGate) unharmed(t *testing.T) {
	t.Helper()
	if err := g.serving(t); err != nil {
		t.Errorf("jwtgate serves no more: %v", err)
	}
	if text := g.Output.String(); strings.Contains(text, "panic") || strings.Contains(text, "goroutine ") {
		t.Errorf("jwtgate panicked:\n%s", testutil.LastLines(text, 40))
	}
}
