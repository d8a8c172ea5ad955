package e2e

import (
	"strconv"
	"strings"
	"testing"
)

// TestNothingHostileReachesTheApplication sends the classes that Envoy has a
// part in (paths, headers, credentials) through the shipped Envoy and through
// one with nothing but its defaults, and through both with the other's way with
// headers: all of them are sent to the gate, or those that are listed. What
// counts is what the application received, whoever of the two refused.
func TestNothingHostileReachesTheApplication(t *testing.T) {
	i, application := startIssuers(t), startApplication(t)
	g := startDirect(t, "testdata/corpus.yaml", i.environment()...)
	shipped := map[string]*envoyProxy{
		"shipped": startShippedEnvoy(t, g.address, application.address), "shipped, all sent": startTellingEnvoy(t, g.address, application.address),
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
				t.Run(class.Class+"/"+row.Name+"/"+name, func(t *testing.T) { row.behindShipped().arrive(t, i, proxy, application) })
			}
			for name, proxy := range bare {
				t.Run(class.Class+"/"+row.Name+"/"+name, func(t *testing.T) { row.behindBare().arrive(t, i, proxy, application) })
			}
		}
	}
	g.unharmed(t)
}

// behindShipped is the row as the shipped Envoy lets it through.
func (a attack) behindShipped() attack {
	switch {
	case a.Shipped != "":
		a.Want = a.Shipped
	case a.Arrives != "" && a.Arrives != "none" && statuses()[a.Want] != 200:
		a.Want = "public" // Envoy has mended the path: what arrives is another request
	}
	return a
}

// behindBare is the row as a bare Envoy lets it through.
func (a attack) behindBare() attack {
	if a.upgrades() {
		a.Want = "refused" // by Envoy, which by default upgrades nothing
	}
	if len(a.Parameters) == 0 {
		a.Arrives = "" // it mends no path
	}
	return a
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
