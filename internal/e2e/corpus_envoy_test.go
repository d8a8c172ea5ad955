package e2e

import (
	"strconv"
	"strings"
	"testing"
)

// TestNothingHostileReachesTheApplication sends the classes that Envoy has a
// part in (paths, headers, credentials) through the shipped Envoy and through
// one with nothing but its defaults. What counts is what the application
// received, whoever of the two refused.
func TestNothingHostileReachesTheApplication(t *testing.T) {
	i, application := startIssuers(t), startApplication(t)
	g := startDirect(t, "testdata/corpus.yaml", i.environment()...)
	shipped := startShippedEnvoy(t, g.address, application.address)
	bare := startBareEnvoy(t, g.address, application.address)
	for _, class := range readAttacks(t) {
		if !class.Proxied {
			continue
		}
		for _, row := range class.Rows {
			if row.Direct {
				continue
			}
			t.Run(class.Class+"/"+row.Name+"/shipped", func(t *testing.T) {
				through := row
				switch {
				case row.Shipped != "":
					through.Want = row.Shipped
				case row.Arrives != "" && row.Arrives != "none" && statuses()[row.Want] != 200:
					through.Want = "public" // Envoy has mended the path: what arrives is another request
				}
				through.arrive(t, i, shipped, application)
			})
			t.Run(class.Class+"/"+row.Name+"/bare", func(t *testing.T) {
				through := row
				if through.upgrades() {
					through.Want = "refused" // by Envoy, which by default upgrades nothing
				}
				if len(row.Parameters) == 0 {
					through.Arrives = "" // it mends no path
				}
				through.arrive(t, i, bare, application)
			})
		}
	}
	g.unharmed(t)
}

func (a attack) upgrades() bool {
	return strings.Contains(strings.ToLower(strings.Join(a.Headers, "\n")), "upgrade: ")
}

// arrive sends the row and holds what the application received to it.
func (a attack) arrive(t *testing.T, i issuers, through *envoyProxy, application *application) {
	t.Helper()
	s, expand := a.fill(t, i)
	c := call{line: s.method + " " + s.target, body: s.body, headers: []string{"host: " + s.host}}
	for _, h := range s.headers {
		c.headers = append(c.headers, h[0]+": "+h[1])
	}
	if s.body != "" && !strings.Contains(strings.Join(c.headers, "\n"), "content-length: ") && !strings.Contains(strings.Join(c.headers, "\n"), "transfer-encoding: ") {
		c.headers = append(c.headers, "content-length: "+strconv.Itoa(len(s.body)))
	}
	application.take()
	var status int
	if a.upgrades() {
		connection, _, response := open(t, through.address, c)
		status = response.StatusCode
		_ = connection.Close()
	} else {
		status = http1(t, through.address, c).Status
	}
	if statuses()[a.Want] != 200 { // "refused", too: by whom does not matter
		if seen := application.take(); len(seen) != 0 || status < 400 {
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
