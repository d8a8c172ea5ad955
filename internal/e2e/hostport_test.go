//go:build !race

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/jwtgate/jwtgate/envoy"
)

// TestARedirectKeepsThePort: an application that redirects to an absolute URL of its own,
// made from Host, sends its client to the port where Envoy listens.
func TestARedirectKeepsThePort(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/admin" {
			http.Redirect(w, r, "http://"+r.Host+"/admin/", http.StatusMovedPermanently)
			return
		}
		fmt.Fprint(w, "the page")
	}))
	t.Cleanup(app.Close)
	application := strings.TrimPrefix(app.URL, "http://")
	gate := startScriptedGate(t)
	gate.says(allowing(&authv3.OkHttpResponse{}))
	kept := derivedEnvoy(t, gate.address, application)
	for name, send := range map[string]sender{"HTTP/1.1": http1, "HTTP/2": http2} {
		t.Run(name, func(t *testing.T) {
			got := send(t, kept.address, call{line: "GET /admin", headers: []string{"host: " + kept.address}})
			if want := "http://" + kept.address + "/admin/"; got.Header.Get("Location") != want {
				t.Errorf("location %q; expected %q", got.Header.Get("Location"), want)
			}
			got = send(t, kept.address, call{line: "GET /admin", headers: []string{"host: app.example"}})
			if want := "http://app.example/admin/"; got.Header.Get("Location") != want {
				t.Errorf("for a host without a port: location %q; expected %q", got.Header.Get("Location"), want)
			}
		})
	}
	response, err := http.Get("http://" + kept.address + "/admin")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Request.URL.Path != "/admin/" {
		t.Errorf("a browser ends at %s with status %d; expected 200 for the page", response.Request.URL, response.StatusCode)
	}
	// A file for port 80, on another port.
	address, admin := freeAddress(t), freeAddress(t)
	file, err := envoy.Bootstrap(envoy.Edit{Listen: "127.0.0.1:80", Admin: admin, Gate: gate.address, App: application})
	if err != nil {
		t.Fatal(err)
	}
	startEnvoy(t, []byte(strings.Replace(string(file), "port_value: 80 ", "port_value: "+port(address)+" ", 1)), address, admin)
	got := http1(t, address, call{line: "GET /admin", headers: []string{"host: " + address}})
	if want := "http://127.0.0.1/admin/"; got.Header.Get("Location") != want {
		t.Errorf("with a file for port 80: location %q; expected %q", got.Header.Get("Location"), want)
	}
}

// hostRoutes depend on the host. A cookie counts only for requests of the same host.
const hostRoutes = `tokens: {from: [bearer, {cookie: session}]}
routes:
  - {name: open, match: /**, hosts: [public.example], access: public}
  - {name: closed, match: /**, hosts: [admin.example], issuers: [cruddur], groups: [admin]}
  - {name: asks, match: /**, hosts: [asks.example], issuers: [cruddur], when: request.host == "asks.example"}
`

// TestThePortInHostDecidesNothing: jwtgate and Envoy's virtual hosts see the same host
// with the port where Envoy listens, with another one and without one.
func TestThePortInHostDecidesNothing(t *testing.T) {
	c := startConfigured(t, hostRoutes)
	const shop = "            - name: shop\n              domains: [ shop.example ]\n" +
		"              routes: [ { match: { prefix: \"/\" }, direct_response: { status: 418 } } ]\n"
	p := derivedEnvoy(t, c.gate.address, c.application.address,
		"            virtual_hosts:\n", "            virtual_hosts:\n"+shop)
	user := c.user(t, nil)
	cookie := "cookie: session=" + strings.TrimPrefix(user, "authorization: Bearer ")
	_, listen, err := net.SplitHostPort(p.address)
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range []string{"", ":" + listen, ":9", ":443", ":80", ":0" + listen, ":65536", ":4294967377"} {
		for _, row := range []struct {
			name, host string
			call       call
			want       string // the reason of the denial; empty if the request is allowed
		}{
			{"a public host", "public.example", call{line: "GET /"}, ""},
			{"a public host in capitals", "PUBLIC.example", call{line: "GET /"}, ""},
			{"an admin's host", "admin.example", call{line: "GET /", headers: []string{user}}, "group_missing"},
			{"an admin's host with a final dot", "admin.example.", call{line: "GET /", headers: []string{user}}, "group_missing"},
			{"an admin's host without a token", "admin.example", call{line: "GET /"}, "credential_missing"},
			{"another host", "public.example.evil.example", call{line: "GET /"}, "credential_missing"},
			{"a condition on the host", "asks.example", call{line: "GET /", headers: []string{user}}, ""},
			{"a cookie from the host's own page", "asks.example",
				call{line: "POST /", headers: []string{cookie, "origin: https://asks.example" + port, "content-length: 0"}}, ""},
			{"a cookie from another page", "asks.example",
				call{line: "POST /", headers: []string{cookie, "origin: https://evil.example" + port, "content-length: 0"}}, "cross_site"},
		} {
			for way, send := range map[string]sender{"HTTP/1.1": http1, "HTTP/2": http2} {
				t.Run(fmt.Sprintf("%s%s, %s", row.name, port, way), func(t *testing.T) {
					c.application.take()
					got := send(t, p.address, row.call.with("host: "+row.host+port))
					if row.want != "" {
						if got.problem(t).Reason != row.want || len(c.application.take()) != 0 {
							t.Errorf("answer %d %s, want %s", got.Status, got.Body, row.want)
						}
						return
					}
					want := strings.TrimSuffix(row.host, ".") + port
					if got.Status != http.StatusOK || c.application.only(t).Host != want {
						t.Errorf("answer %d %s, want 200 and the host %s", got.Status, got.Body, want)
					}
				})
			}
		}
		if got := http1(t, p.address, call{line: "GET /", headers: []string{"host: shop.example" + port, user}}); got.Status != 418 {
			t.Errorf("shop.example%s: status %d, want 418 of its virtual host", port, got.Status)
		}
	}
	for _, host := range []string{
		"public.example:8080:80", "public.example:80,admin.example", "public.example:80@admin.example", "public.example:x",
	} {
		if got := http1(t, p.address, call{line: "GET /", headers: []string{"host: " + host}}); got.Status != http.StatusBadRequest ||
			len(c.application.take()) != 0 {
			t.Errorf("host %q: status %d, want 400", host, got.Status)
		}
	}
}
