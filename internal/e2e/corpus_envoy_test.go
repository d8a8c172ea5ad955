//go:build !race

package e2e

import (
	"strconv"
	"strings"
	"testing"
)

// TestNothingHostileReachesTheApplication sends the classes that Envoy affects (paths,
// headers, credentials) through the shipped Envoy and through one with default settings,
// each with a list of headers to send to the gate and without one. The test checks what the
// application received: Envoy and the gate may both reject a request.
func TestNothingHostileReachesTheApplication(t *testing.T) {
	i, application := startIssuers(t), startApplication(t)
	g := startDirect(t, "testdata/corpus.yaml", i.environment()...)
	shipped := map[string]*envoyProxy{
		"shipped":           startShippedEnvoy(t, g.address, application.address),
		"shipped, all sent": startUnlistedEnvoy(t, g.address, application.address),
	}
	bare := map[string]*envoyProxy{
		"bare": startBareEnvoy(t, g.address, application.address), "bare, listed sent": startListedEnvoy(t, g.address, application.address),
	}
	for _, class := range readAttacks(t) {
		if !class.Proxied {
			continue
		}
		for _, row := range class.Rows {
			if row.Direct {
				continue
			}
			for name, proxy := range shipped {
				row.behindShipped().send(t, class.Class+"/"+row.Name+"/"+name, i, proxy, application)
			}
			for name, proxy := range bare {
				row.behindBare().send(t, class.Class+"/"+row.Name+"/"+name, i, proxy, application)
			}
		}
	}
	g.unharmed(t)
}

// behindShipped returns the row as the shipped Envoy forwards it.
func (a attack) behindShipped() attack {
	switch {
	case a.Shipped != "":
		a.Want = a.Shipped
	case a.Arrives != "" && a.Arrives != "none" && !reaches(a.Want):
		a.Want = "public" // Envoy has normalized the path: another request arrives
	}
	return a
}

// behindBare returns the row as a bare Envoy forwards it.
func (a attack) behindBare() attack {
	if a.Bare != "" {
		a.Want = a.Bare
	}
	if a.upgrades() {
		a.Want = "refused" // by Envoy, which allows no upgrades by default
	}
	if len(a.Parameters) == 0 {
		a.Arrives = "" // it does not normalize paths
	}
	return a
}

func (a attack) upgrades() bool {
	return strings.Contains(strings.ToLower(strings.Join(a.Headers, "\n")), "upgrade: ")
}

// send sends the row over each version of HTTP that can express it.
func (a attack) send(t *testing.T, name string, i issuers, through *envoyProxy, application *application) {
	t.Run(name+"/HTTP/1.1", func(t *testing.T) {
		a.arrive(t, i, application, func(c call) int {
			if !a.upgrades() {
				return http1(t, through.address, c).Status
			}
			connection, _, response := open(t, through.address, c)
			_ = connection.Close()
			return response.StatusCode
		})
	})
	// HTTP/2 has no header fields of the connection (RFC 9113 section 8.2.2).
	text := strings.ToLower(strings.Join(a.Headers, "\n"))
	if strings.Contains(text, "connection: ") || strings.Contains(text, "transfer-encoding: ") {
		return
	}
	t.Run(name+"/HTTP/2", func(t *testing.T) {
		a.arrive(t, i, application, func(c call) int { return http2Frames(t, through.address, c) })
	})
}

// arrive sends the row and compares what the application received with it.
func (a attack) arrive(t *testing.T, i issuers, application *application, send func(call) (status int)) {
	t.Helper()
	s, expand := a.fill(t, i)
	c := call{line: s.method + " " + s.target, body: s.body, headers: []string{"host: " + s.host}}
	for _, h := range s.headers {
		c.headers = append(c.headers, h[0]+": "+h[1])
	}
	if s.body != "" && !strings.Contains(strings.Join(c.headers, "\n"), "content-length: ") &&
		!strings.Contains(strings.Join(c.headers, "\n"), "transfer-encoding: ") {
		c.headers = append(c.headers, "content-length: "+strconv.Itoa(len(s.body)))
	}
	application.take()
	status := send(c)
	if !reaches(a.Want) { // "refused", too: by whom does not matter
		answered := a.Want == "preflight_answered"
		if seen := application.take(); len(seen) != 0 || answered != (status == 200) || !answered && status > 0 && status < 400 {
			t.Fatalf("status %d, and the application received %+v; want nothing to arrive: %s", status, seen, a.Want)
		}
		return
	}
	got := application.only(t)
	if want := a.Arrives; want != "" {
		if got.URI != want {
			t.Errorf("the application received %s, want %s", got.URI, want)
		}
	} else if got.URI != s.target {
		t.Errorf("the application received %.80s, want %.80s", got.URI, s.target)
	}
	if got.Method != s.method {
		t.Errorf("the application received the method %s, want %s", got.Method, s.method)
	}
	fields := map[string][]string{}
	for name, values := range got.Header {
		fields[strings.ToLower(name)] = append(fields[strings.ToLower(name)], values...)
	}
	a.checkReceived(t, fields, expand)
}
