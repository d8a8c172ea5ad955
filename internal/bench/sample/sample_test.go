package sample_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/bench/sample"
	"github.com/jwtgate/jwtgate/internal/signer"
)

func newKey(t *testing.T, alg string) *signer.Key {
	t.Helper()
	key, err := signer.New(alg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func mint(t *testing.T, key *signer.Key, kind sample.Kind, count int) sample.Tokens {
	t.Helper()
	tokens, err := sample.Mint(t.Context(), key, kind, count)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestTheRequestHasItsSize(t *testing.T) {
	tokens := mint(t, newKey(t, "RS256"), sample.Kind{}, 1)
	if tokens.Size() != 1085 {
		t.Errorf("a token has %d bytes", tokens.Size())
	}
	request, err := sample.NewRequest(sample.Path(), tokens.Size())
	if err != nil {
		t.Fatal(err)
	}
	message := parse(t, request.Append(nil, tokens.At(0)))
	if n := len(message.GetAttributes().GetRequest().GetHttp().GetHeaderMap().GetHeaders()); n != 21 {
		t.Errorf("%d headers", n)
	}
	if request.Len() != 2090 {
		t.Errorf("the CheckRequest has %d bytes", request.Len())
	}
}

func parse(t *testing.T, data []byte) *authv3.CheckRequest {
	t.Helper()
	var message authv3.CheckRequest
	if err := proto.Unmarshal(data, &message); err != nil {
		t.Fatal(err)
	}
	return &message
}

func TestAppendWritesWhatProtobufWrites(t *testing.T) {
	for _, size := range []int{0, 100, 1085, 4000, 12000} {
		request, err := sample.NewRequest("/x", size)
		if err != nil {
			t.Fatal(err)
		}
		token := []byte(strings.Repeat("u", size))
		got := request.Append([]byte("kept"), token)
		if !bytes.HasPrefix(got, []byte("kept")) || len(got) != 4+request.Len() {
			t.Fatalf("%d: %d bytes were appended; Len returns %d", size, len(got)-4, request.Len())
		}
		message := parse(t, got[4:])
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil || !bytes.Equal(again, got[4:]) {
			t.Errorf("%d: protobuf writes different bytes for the same request (%v)", size, err)
		}
		var seen string
		for _, h := range message.GetAttributes().GetRequest().GetHttp().GetHeaderMap().GetHeaders() {
			if h.GetKey() == "authorization" {
				seen = string(h.GetRawValue())
			}
		}
		if want := "Bearer " + string(token); size > 0 && seen != want || size == 0 && seen != "" {
			t.Errorf("%d: authorization has %d bytes", size, len(seen))
		}
	}
}

// verify decodes a token and reports whether its signature is valid.
func verify(t *testing.T, public crypto.PublicKey, token []byte) (header, claims map[string]any, valid bool) {
	t.Helper()
	parts := strings.Split(string(token), ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(decoded[0], &header); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(decoded[1], &claims); err != nil {
		t.Fatal(err)
	}
	signed := []byte(parts[0] + "." + parts[1])
	switch public := public.(type) {
	case *rsa.PublicKey:
		sum := sha256.Sum256(signed)
		valid = rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], decoded[2]) == nil
	case ed25519.PublicKey:
		valid = ed25519.Verify(public, signed, decoded[2])
	}
	return header, claims, valid
}

func TestTokens(t *testing.T) {
	rsaKey, edKey := newKey(t, "RS256"), newKey(t, "EdDSA")
	for _, row := range []struct {
		name    string
		key     *signer.Key
		kind    sample.Kind
		valid   bool
		expired bool
		known   bool // the kid is that of the key
	}{
		{"valid", rsaKey, sample.Kind{}, true, false, true},
		{"valid, EdDSA, another issuer", edKey, sample.Kind{Issuer: "https://other.example", Bytes: 900}, true, false, true},
		{"large", rsaKey, sample.Kind{Bytes: 8000}, true, false, true},
		{"expired", rsaKey, sample.Kind{Fault: sample.Expired}, true, true, true},
		{"forged", rsaKey, sample.Kind{Fault: sample.Forged}, false, false, true},
		{"unknown kid", rsaKey, sample.Kind{Fault: sample.UnknownKID}, true, false, false},
	} {
		tokens := mint(t, row.key, row.kind, 20)
		if tokens.Len() != 20 {
			t.Errorf("%s: %d tokens", row.name, tokens.Len())
		}
		if want := max(row.kind.Bytes, 900); tokens.Size() < want || tokens.Size() > want+200 {
			t.Errorf("%s: %d bytes", row.name, tokens.Size())
		}
		seen := map[string]bool{}
		for n := range uint64(20) {
			header, claims, valid := verify(t, row.key.Public(), tokens.At(n))
			seen[string(tokens.At(n))] = true
			if valid != row.valid {
				t.Errorf("%s: the signature is valid: %t", row.name, valid)
			}
			if claims["sub"] != tokens.Subject(n) {
				t.Errorf("%s: sub is %v; Subject returns %s", row.name, claims["sub"], tokens.Subject(n))
			}
			if past := claims["exp"].(float64) < float64(time.Now().Unix()); past != row.expired {
				t.Errorf("%s: expired: %t", row.name, past)
			}
			if known := header["kid"] == row.key.ID; known != row.known {
				t.Errorf("%s: the kid is that of the key: %t", row.name, known)
			}
		}
		if len(seen) != 20 {
			t.Errorf("%s: only %d of 20 tokens are different", row.name, len(seen))
		}
	}
}

func TestTokensAreSentInTurn(t *testing.T) {
	tokens := mint(t, newKey(t, "EdDSA"), sample.Kind{}, 5)
	for n := range uint64(12) {
		if string(tokens.At(n)) != string(tokens.At(n%5)) || tokens.Subject(n) != tokens.Subject(n%5) {
			t.Errorf("call %d does not have the token that follows the one before", n)
		}
	}
	two := tokens.First(2)
	if two.Len() != 2 || string(two.At(2)) != string(tokens.At(0)) || string(two.At(3)) != string(tokens.At(1)) {
		t.Error("the first two tokens are not sent in turn")
	}
	if n := (sample.Tokens{}).Len(); n != 0 {
		t.Errorf("the empty set has %d tokens", n)
	}
}

func TestMintStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tokens, err := sample.Mint(ctx, newKey(t, "EdDSA"), sample.Kind{}, 100_000)
	if err != nil || tokens.Len() != 0 {
		t.Errorf("%d tokens, %v", tokens.Len(), err)
	}
}

func TestATokenCannotBeTooShort(t *testing.T) {
	_, err := sample.Mint(t.Context(), newKey(t, "RS256"), sample.Kind{Bytes: 300}, 1)
	if err == nil || !strings.Contains(err.Error(), "the shortest has") {
		t.Errorf("%v", err)
	}
}
