//go:build !race

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/jwtgate/jwtgate/envoy"
)

// arrivalPaths are paths that Envoy changes, rejects or keeps.
func arrivalPaths() []string {
	return append(strings.Fields(`/ /a /a/ /A /a?b /a? /? /a;v=1 /a;v=1/b /a/x..;y/b /~ /a/... /.../a /a../b /a/..b
		/a/../b /../a /../../a /a/.. /a/. /. /.. /./a /a/./b /a/b/../../c /a/b/.././../c /a/../b?x=/../y /a/..? /a/.?x /a?../c
		/a/%2e%2e/b /a/%2E./b /a/.%2e /%2e/a /a/%2e /a%2eb /%2E%2E/%2e./.%2e/a /a/%2e/../b /%2e. /a%2E%2Eb
		/a/..;/b /a/.;/b /a/..; /a/.; /a/..;x /a/..;x/b /..;/a /a/..;/../b /a/%2e%2e;/b /a/.%2e;/b /a/%2e;/b /a/%2e%2E;a=b/c /a/..x;/b /;/a
		/a%2fb /a%2Fb /a%5cb /a%5C /%2f /%2F/a //%2f /a%2f/../b /a/../%2fb /a/..%2fb /a%2f%2e%2e%2fb /a/%5c..%5cb /a?x=%2f&y=%5c /a/%2e%2e%2fb
		//a /a//b /a// // /// //// //?x /a/..//b /a//../b /a///../b /a//../../b //../a //./a //. //.. /.// /..//a /a/..// /a//. /a//.. /a?x=//
		/a\b /a\..\b /\a /a/\b /\ /\\ /a\ /a\. /a\.. /a\%2e\b /a?x=\y /a\b?c\d
		/%61 /%41dmin /a%7eb /a%2Db /a%5Fb /a%2d%2e%5f%7e /a%25b /a%252fb /a%25%32%66 /a%25%2e /%25%32%65 /%2525 /a%2e%25
		/a%3bb /a%3Bb /a%20b /a%09b /a%0ab /a%01b /a%7fb /a%80 /%c3%a9 /%C3%A9/../a /%ff /a%3D%26 /a%5B%5D /a%7C%22
		/a%00b /%00 /a/..%00/b /a;%00 /a?x=%00 /a/..%2500/b /a#b /a?b#c /a#/../b /a?x#/b /a%2fb#c
		/a|b /a"b /a<b> /a^b /a`+"`"+`b /a{b} /a[b] /a(b) /a'b /a!b$c&d*e+f,g:h=i@j /a?x=|"<>^{} /http://x/y /a:80/../b
		a a/b \a .. /é /a?é /a/é/../b /é%2f /a%zz /a% http://evil.example/../x *`), randomPaths(150)...)
}

// randomPaths returns random combinations of relevant parts, the same in each run.
func randomPaths(n int) []string {
	parts := append(strings.Fields(`/ / / // .. . %2e %2E ; a b %2f %5C \ %25 %41 | %00 # ? %3b = %7E %20`),
		strings.Fields(`é ^ ..; %2e; ./ %c3 : @ %2E%2E " %5f %5b [ %00`)...)
	random := rand.New(rand.NewPCG(1, 2))
	paths := make([]string, n)
	for i := range paths {
		path := "/"
		for range 1 + random.IntN(9) {
			// The rare ones end a path early.
			part := parts[random.IntN(len(parts))]
			if len(part) == 3 && (part == "%00" || part == "%2f" || part == "%5C") && random.IntN(3) > 0 || part == "#" && random.IntN(4) > 0 {
				part = "/.."
			}
			path += part
		}
		paths[i] = path
	}
	return paths
}

// TestWhatEnvoyMakesOfAPath: a real Envoy does what explain says, over both versions of
// HTTP and with each rendering of the shipped file.
func TestWhatEnvoyMakesOfAPath(t *testing.T) {
	s := startScripted(t)
	said := map[int]int{}
	for _, encoded := range []bool{false, true} {
		for _, double := range []bool{false, true} {
			needs := envoy.Needs{Overrides: envoy.OverrideNames(), Removed: envoy.OverrideNames(), EncodedSlash: encoded, DoubleSlash: double}
			address, admin := freeAddress(t), freeAddress(t)
			edit := needs.Edit()
			edit.Listen, edit.Admin, edit.Gate, edit.App = address, admin, s.gate.address, s.application.address
			file, err := envoy.Bootstrap(edit)
			if err != nil {
				t.Fatal(err)
			}
			through := startEnvoy(t, file, address, admin)
			for _, path := range arrivalPaths() {
				arrival, known := needs.Arrival("GET", path)
				if !known {
					said[0]++
					continue
				}
				said[1]++
				s.checkArrival(t, through, "GET", path, arrival, fmt.Sprintf("encoded %v, double %v", encoded, double))
			}
		}
	}
	if said[0] > said[1]/10 || said[1] < 4*300 {
		t.Errorf("%d paths have a prediction, and %d have none", said[1], said[0])
	}
}

// TestWhatEnvoyMakesOfAMethod: the same for methods.
func TestWhatEnvoyMakesOfAMethod(t *testing.T) {
	s := startScripted(t)
	for method := range strings.FieldsSeq(`ACL BIND CHECKOUT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE ` +
		`NOTIFY OPTIONS PATCH POST
		PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE
		get Get delete post head FOO BREW X A X1 M-SEARCH M_SEARCH VERSION-CONTROL BASELINE-CONTROL LABEL UPDATE ORDERPATCH ` +
		`MKWORKSPACE GETX PURGED DESCRIBE`) {
		arrival, known := envoy.Needs{}.Arrival(method, "/a/../b")
		if !known {
			t.Errorf("%s has no prediction", method)
			continue
		}
		s.checkArrival(t, s.shipped, method, "/a/../b", arrival, "shipped")
	}
}

// checkArrival sends a request and compares its predicted arrival with the gate's
// CheckRequest or the client's answer.
func (s scripted) checkArrival(t *testing.T, through *envoyProxy, method, path string, want envoy.Arrival, way string) {
	t.Helper()
	for name, send := range map[string]func() int{
		"HTTP/1.1": func() int { return http1(t, through.address, call{line: method + " " + path}).Status },
		"HTTP/2":   func() int { return http2Frames(t, through.address, call{line: method + " " + path}) },
	} {
		if want.HTTP1 && name == "HTTP/2" {
			continue // nothing is said of it
		}
		s.gate.says(allowing(&authv3.OkHttpResponse{}))
		status := send()
		checks := s.gate.checks()
		switch {
		case want.Status != 0 && (status != want.Status || len(checks) != 0):
			t.Errorf("%s, %s: %s %q: status %d, and %d calls of the gate; predicted: %+v", way, name, method, path, status,
				len(checks), want)
		case want.Status == 0 && len(checks) != 1:
			t.Errorf("%s, %s: %s %q: status %d, and %d calls of the gate; predicted: %+v", way, name, method, path, status,
				len(checks), want)
		case want.Status == 0:
			if got := checks[0].GetAttributes().GetRequest().GetHttp(); got.GetPath() != want.Path || got.GetMethod() != method {
				t.Errorf("%s, %s: %s %q: the gate checks %s %q; predicted: %+v", way, name, method, path, got.GetMethod(), got.GetPath(), want)
			}
		}
	}
	s.application.take()
}

// TestExplainKnowsEnvoy: explain prints what Envoy does with a request, for the
// configuration.
func TestExplainKnowsEnvoy(t *testing.T) {
	c := startConfigured(t, "routes: [{match: '/**', access: public}]\nrelax: {hosts: {a.example: [double_slash]}}\n")
	fitting := startFitting(t, c)
	for _, row := range []struct{ path, want string }{
		{"/a/../b", "Envoy normalises this path to /b before it asks jwtgate"},
		{"/a%2Fb", "Envoy answers 400 itself (path_with_escaped_slashes_action)"},
		{"//a", ""},
	} {
		got := jwtgate(t, c.issuers.environment(), "explain", "--config", c.file, "--host", "a.example", "--path", row.path)
		if told := strings.Contains(got.stdout, "with the shipped envoy.yaml: "+row.want); told != (row.want != "") {
			t.Errorf("%s: %s%s, want %q", row.path, got.stdout, got.stderr, row.want)
		}
		c.application.take()
		answer := http1(t, fitting.address, call{line: "GET " + row.path, headers: []string{"host: a.example"}})
		seen := c.application.take()
		switch {
		case strings.Contains(row.want, "400"):
			if answer.Status != http.StatusBadRequest || answer.Body != "" || len(seen) != 0 {
				t.Errorf("%s: Envoy answers %d %s", row.path, answer.Status, answer.Body)
			}
		case len(seen) != 1 || row.want == "" && seen[0].URI != row.path || row.want != "" &&
			!strings.Contains(row.want, "to "+seen[0].URI+" before"):
			t.Errorf("%s: the application received %v", row.path, seen)
		}
	}
}
