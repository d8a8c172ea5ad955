package extauthz_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/extauthz"
)

// FuzzRequest checks that the answer to any bytes is explicit and can be encoded, and that
// it allows no request that needs a token. No token in the bytes can be valid, because the
// issuer's private key is unknown.
func FuzzRequest(f *testing.F) {
	keys := filepath.Join(f.TempDir(), "keys.json")
	// The EC key of RFC 7517 appendix A.1, with our own use and alg.
	const set = `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","use":"sig","alg":"ES256",
		"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`
	if err := os.WriteFile(keys, []byte(set), 0o600); err != nil {
		f.Fatal(err)
	}
	g := newGate(f, `
issuers: {home: {issuer: "https://home.example/", audiences: [a], algorithms: [ES256], jwks: {file: "${KEYS}"}}}
routes:
  - {match: /open/**,    access: public}
  - {match: /lenient/**, access: optional, if_invalid: anonymous}
`, map[string]string{"KEYS": keys}, nil)
	for _, r := range []*authv3.CheckRequest{
		{},
		newRequest("GET", "/open/x", "x-user-id: root", "X_User_Id: root", "x.user-id: root"),
		newRequest("GET", "/lenient/x", "authorization: Bearer eyJhbGciOiJub25lIn0.e30."),
		newRequest("POST", "/x", "authorization: Bearer null", "content-type: application/grpc"),
		newRequest("OPTIONS", "/x", "origin: null", "access-control-request-method: GET"),
		newRequest("GET", "/open/%2e%2e/x"),
		asked(&authv3.AttributeContext_HttpRequest{Method: "GET", Host: "a,b", Path: "/open/x?y",
			Headers: map[string]string{"x-user-id": "root"}}),
		asked(&authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/open/x",
			HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{nil, {Key: "a b"}}}}),
	} {
		data, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		answer := extauthz.Answer(t.Context(), g, data)
		explicit(t, answer)
		if _, err := proto.Marshal(answer); err != nil {
			t.Fatalf("the answer cannot be sent: %v", err)
		}
		ok := answer.GetOkResponse()
		if ok == nil {
			return
		}
		var asked authv3.CheckRequest
		if err := proto.Unmarshal(data, &asked); err != nil {
			t.Fatalf("allowed what cannot be read: %v", err)
		}
		path := asked.GetAttributes().GetRequest().GetHttp().GetPath()
		if got := reason(answer); !strings.HasPrefix(path, "/open") && !strings.HasPrefix(path, "/lenient") && !strings.HasPrefix(path, "/%") {
			t.Errorf("%s for path %q", got, path)
		}
		if len(ok.GetHeaders()) > 0 {
			t.Errorf("it names a user: %v", ok.GetHeaders())
		}
		for _, name := range []string{"x-user-id", "x_user_id"} {
			if !slices.Contains(ok.GetHeadersToRemove(), name) {
				t.Errorf("%s is not removed", name)
			}
		}
	})
}
