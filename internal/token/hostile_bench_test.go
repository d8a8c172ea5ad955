package token_test

import (
	"crypto"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
)

// hostileMessage is a request that is denied, and its class.
type hostileMessage struct {
	class   string
	headers []request.Header
	target  string
}

// hostileMessages returns the most expensive request of each class within the limits of
// Envoy and the gate.
func hostileMessages() []hostileMessage {
	key, foreign := forge.Keys()["rsa-2048"], forge.Keys()["attacker-rsa"]
	const header = `{"alg":"RS256","kid":"rsa-2048","typ":"JWT"}`
	const room = 8600 // of claims, so that the token is just within the limit
	forgedBy := func(header string, by crypto.Signer, claims string) []request.Header {
		return fields("authorization", "Bearer "+forge.Mint("RS256", by, header, claims))
	}
	claims := func(more string) string {
		return `{"iss":"https://api.example/","aud":"orders-api","sub":"alice","exp":1790000000` + more + `}`
	}
	names := func(n int) string {
		var all strings.Builder
		for i := range n {
			fmt.Fprintf(&all, `,"%x":0`, i)
		}
		return all.String()
	}
	proper := strings.TrimPrefix(forgedBy(header, key, claims(""))[0].Value, "Bearer ")
	return []hostileMessage{
		{"80 KiB of base64url", fields("authorization", "Bearer "+strings.Repeat("A", 80<<10)), ""},
		{"80 KiB, forged", forgedBy(header, foreign, claims(`,"x":"`+strings.Repeat("a", 60<<10)+`"`)), ""},
		{"12 KiB of dots", fields("authorization", "Bearer "+strings.Repeat(".", 12000)), ""},
		{"60 KiB of spaces", fields("authorization", "Bearer"+strings.Repeat(" ", 60<<10)), ""},
		{"60 KiB of commas", fields("authorization", strings.Repeat(",", 60<<10)), ""},
		{"60 KiB of cookies", fields("cookie", strings.Repeat("a=1;", 15<<10)+"session=x"), ""},
		{"60 KiB of parameters", nil, "/?" + strings.Repeat("%61&", 15<<10) + "access_token=x"},
		{"alg none", fields("authorization", "Bearer "+forge.Encode([]byte(`{"alg":"none"}`))+"."+strings.Split(proper, ".")[1]+"."), ""},
		{"a header of arrays", forgedBy(`{"alg":"RS256","x":[`+strings.Repeat("[],", room/3)+`0]}`, foreign, claims("")), ""},
		{"another issuer", forgedBy(header, foreign, `{"iss":"https://evil.example/"}`), ""},
		{"an unknown kid", forgedBy(`{"alg":"RS256","kid":"nobody"}`, foreign, claims("")), ""},
		{"a forged signature", forgedBy(header, foreign, claims("")), ""},
		{"forged, a long text", forgedBy(header, foreign, claims(`,"x":"`+strings.Repeat("a", room)+`"`)), ""},
		{"forged, escapes", forgedBy(header, foreign, claims(`,"x":"`+strings.Repeat(`\u0061`, room/6)+`"`)), ""},
		{"forged, arrays", forgedBy(header, foreign, claims(`,"x":[`+strings.Repeat("[],", room/3)+`0]`)), ""},
		{"forged, objects", forgedBy(header, foreign, claims(`,"x":[`+strings.Repeat("{},", room/3)+`0]`)), ""},
		{"forged, numbers", forgedBy(header, foreign, claims(`,"x":[`+strings.Repeat("0,", room/2)+`0]`)), ""},
		{"forged, names", forgedBy(header, foreign, claims(names(room/9))), ""},
		{"expired", forgedBy(header, key, strings.Replace(claims(""), "1790000000", "1700000000", 1)), ""},
	}
}

// BenchmarkHostile measures the time until a request of each class is denied, as a ratio to
// the first request with a valid token. If the class is a token, the valid token is as
// long. The two take turns and the fastest run of each counts, so that other load affects
// both.
func BenchmarkHostile(b *testing.B) {
	verifier, _ := corpusVerifier(b)
	from := append(fromBearer(), fromCookie(), fromQuery())
	decide := func(m *request.Parsed) (time.Duration, error) {
		began := time.Now()
		found, err := credential.Extract(m, from)
		if err == nil {
			_, err = verifier.Verify(b.Context(), found.Raw, now)
		}
		return time.Since(began), err
	}
	for _, row := range hostileMessages() {
		b.Run(row.class, func(b *testing.B) {
			proper := parsed(fields("authorization", "Bearer "+validLike(row)), "")
			message := parsed(row.headers, row.target)
			first, refused := time.Hour, time.Hour
			for b.Loop() {
				took, err := decide(proper)
				if err != nil {
					b.Fatal(err)
				}
				first = min(first, took)
				if took, err = decide(message); err == nil {
					b.Fatal("the request was not denied")
				}
				refused = min(refused, took)
			}
			b.ReportMetric(float64(refused)/float64(first), "proper")
		})
	}
}

// validLike returns a valid token, as long as the token of a class.
func validLike(row hostileMessage) string {
	proper := mintRS256(nil)
	found, err := credential.Extract(parsed(row.headers, ""), fromBearer())
	if missing := len(found.Raw) - len(proper); err == nil && missing > 0 && len(found.Raw) <= maxBytes && strings.Count(found.Raw, ".") == 2 {
		return mintRS256(map[string]any{"padding": strings.Repeat("a", missing*3/4)})
	}
	return proper
}

// Every class is denied. A token over the limit is denied before any part of it is decoded,
// so that only the failure is allocated.
func TestHostileMessagesAreRefused(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	from := append(fromBearer(), fromCookie(), fromQuery())
	for _, row := range hostileMessages() {
		found, err := credential.Extract(parsed(row.headers, row.target), from)
		if err == nil {
			_, err = verifier.Verify(t.Context(), found.Raw, now)
		}
		if err == nil {
			t.Errorf("%s: not denied", row.class)
		}
		if strings.HasPrefix(row.class, "80 KiB") {
			refusal(t, err, token.ErrTooLarge)
			// The failure and its texts; more under the race detector.
			if n := testing.AllocsPerRun(100, func() { _, _ = verifier.Verify(t.Context(), found.Raw, now) }); n > 8 {
				t.Errorf("%s: got %v allocations, want at most 8", row.class, n)
			}
		}
	}
}

// parsed returns a GET request with these header fields.
func parsed(headers []request.Header, target string) *request.Parsed {
	_, query, _ := strings.Cut(target, "?")
	return &request.Parsed{Request: &request.Request{Method: "GET", Headers: headers, Target: target}, Query: query}
}

// fields returns header fields from alternating names and values.
func fields(pairs ...string) (headers []request.Header) {
	for i := 0; i < len(pairs); i += 2 {
		headers = append(headers, request.Header{Name: pairs[i], Value: pairs[i+1]})
	}
	return headers
}

func fromBearer() []config.TokenSource { return []config.TokenSource{{Kind: config.SourceBearer}} }

func fromCookie() config.TokenSource {
	return config.TokenSource{Kind: config.SourceCookie, Name: "session"}
}

func fromQuery() config.TokenSource {
	return config.TokenSource{Kind: config.SourceQuery, Name: "access_token"}
}
