package extauthz_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/request"
)

// usual is a request as Envoy sends it, with an access token of a typical size.
func usual(t testing.TB, apart bool) []byte {
	fields := []string{
		":authority: api.example", ":path: /api/activities/home?limit=20", ":method: GET", ":scheme: https",
		"accept: application/json", "accept-encoding: gzip, deflate, br", "accept-language: en-GB,en;q=0.9", "cache-control: no-cache",
		"authorization: Bearer " + strings.Repeat("eyJhbGciOiJSUzI1NiIsImtpZCI6Im", 36), "origin: https://app.example",
		"referer: https://app.example/",
		"sec-fetch-dest: empty", "sec-fetch-mode: cors", "sec-fetch-site: same-site",
		"user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"x-envoy-expected-rq-timeout-ms: 15000", "x-forwarded-for: 192.0.2.7", "x-forwarded-proto: https",
		"x-request-id: 5d5a8a40-9c0d-4a0c-8a2f-5f5f5b0e7f10", "te: trailers", "priority: u=4",
	}
	http := &authv3.AttributeContext_HttpRequest{
		Id: "1234567890123456789", Method: "GET", Path: "/api/activities/home?limit=20", Host: "api.example", Scheme: "https",
		Protocol: "HTTP/2", Size: -1,
	}
	if apart {
		http.HeaderMap = &corev3.HeaderMap{}
	} else {
		http.Headers = map[string]string{}
	}
	for _, f := range fields {
		at := strings.Index(f, ": ")
		if apart {
			http.HeaderMap.Headers = append(http.HeaderMap.Headers, &corev3.HeaderValue{Key: f[:at], RawValue: []byte(f[at+2:])})
		} else {
			http.Headers[f[:at]] = f[at+2:]
		}
	}
	message := asked(http)
	message.Attributes.ContextExtensions = map[string]string{"jwtgate.route": "home", "other": "1"}
	data, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestScanAllocations checks that a scan allocates only the text whose parts are the
// strings of the request.
func TestScanAllocations(t *testing.T) {
	for name, apart := range map[string]bool{"headers": false, "header_map": true} {
		t.Run(name, func(t *testing.T) {
			data, into := usual(t, apart), &request.Request{}
			if allocs := testing.AllocsPerRun(100, func() {
				if err := extauthz.Scan(data, into); err != nil {
					t.Fatal(err)
				}
			}); allocs != 1 {
				t.Errorf("%v allocations", allocs)
			}
			if len(into.Headers) != 17 || into.RawHeaders != apart || into.Extensions["jwtgate.route"] != "home" {
				t.Errorf("read %+v", into)
			}
			agree(t, data)
		})
	}
}

// TestScanForgets checks that a request whose memory is reused has nothing of its previous
// contents.
func TestScanForgets(t *testing.T) {
	for range 3 {
		into := used()
		if err := extauthz.Scan(usual(t, false), into); err != nil {
			t.Fatal(err)
		}
		if len(into.Extensions) != 1 || into.Extensions["jwtgate.route"] != "home" {
			t.Errorf("the extensions are %v", into.Extensions)
		}
		if err := extauthz.Scan(asks(get()), into); err != nil {
			t.Fatal(err)
		}
		if into.Method != "GET" || withoutLists(into) != withoutLists(&request.Request{Method: "GET", RawHeaders: true}) ||
			len(into.Headers) != 0 || into.Extensions != nil {
			t.Errorf("left is %+v", into)
		}
	}
}

// many is a request with n headers of different names of one length, each twice,
// in the map form.
func many(n int) []byte {
	parts := get()
	for range 2 {
		for i := range n {
			parts = parts.of(3, pair(fmt.Sprintf("x-%06d", i), strconv.Itoa(i)))
		}
	}
	return asks(parts)
}

// TestScanManyHeaders checks repeated headers at the limit between the two ways to find
// them, and that the cost grows with the number of headers and not with its square.
func TestScanManyHeaders(t *testing.T) {
	for _, n := range []int{extauthz.FewHeaders - 1, extauthz.FewHeaders, extauthz.FewHeaders + 1, 10_000} {
		if r := agree(t, many(n)); r == nil || len(r.Headers) != n {
			t.Errorf("of %d headers: %v", n, r)
		}
		mixed := append(append(many(n), asks(wire{}.of(13, wire{}.of(1, pair("a", "1"))))...), many(n+1)...)
		if r := agree(t, mixed); r == nil || len(r.Headers) != n+2 {
			t.Errorf("of %d headers in both forms: %v", n, r)
		}
	}
	// From a number on they are found in a map, so that the cost does not grow with the
	// square (BenchmarkScanManyHeaders).
	allocations := func(n int) float64 {
		data := many(n)
		return testing.AllocsPerRun(5, func() {
			if err := extauthz.Scan(data, &request.Request{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if list, index := allocations(extauthz.FewHeaders-1), allocations(extauthz.FewHeaders); index <= list {
		t.Errorf("%v allocations for a list, %v for one more header; want a map", list, index)
	}
}

// BenchmarkScanManyHeaders shows what one of many headers costs.
func BenchmarkScanManyHeaders(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		data := many(n)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				if err := extauthz.Scan(data, &request.Request{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/header")
		})
	}
}

func BenchmarkScan(b *testing.B) {
	for name, apart := range map[string]bool{"headers": false, "header_map": true} {
		data := usual(b, apart)
		b.Run(name+"/scan", func(b *testing.B) {
			into := &request.Request{}
			b.ReportAllocs()
			for b.Loop() {
				if err := extauthz.Scan(data, into); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/unmarshal", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := extauthz.Unmarshal(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
