//go:build apps

package apps

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// protocols are what clients speak to Envoy.
func protocols() map[string]func(address string, r request) (answer, error) {
	return map[string]func(address string, r request) (answer, error){"HTTP/1.1": sendHTTP1, "HTTP/2": sendHTTP2}
}

// sendAll sends every row for each of its callers, by default for those in usual,
// a few at a time. It sends over each protocol that has an address.
func sendAll(prefix string, rows []row, usual []caller, address map[string]string) []exchange {
	var all []exchange
	for _, r := range rows {
		if r.by == nil {
			r.by = usual
		}
		for _, by := range r.by {
			for protocol := range address {
				if r.only == "" || r.only == protocol {
					all = append(all, exchange{row: r, by: by, protocol: protocol, probe: prefix + strconv.Itoa(len(all))})
				}
			}
		}
	}
	var group sync.WaitGroup
	next := make(chan *exchange)
	for range 4 {
		group.Go(func() {
			for e := range next {
				r := e.row.request
				r.headers = append([]string{"x-probe: " + e.probe}, r.headers...)
				if e.by.token != "" {
					r.headers = append(r.headers, "authorization: Bearer "+e.by.token)
				}
				e.answer, e.err = protocols()[e.protocol](address[e.protocol], r)
			}
		})
	}
	for i := range all {
		next <- &all[i]
	}
	close(next)
	group.Wait()
	return all
}

// TestApplications: no handler of any application runs for a caller who has no
// right to it, however the request is spelled, and proper requests pass.
func TestApplications(t *testing.T) {
	keys, users := startIssuer(t)
	configurations := []configuration{
		{"readme", readmeConfiguration(t, keys), readmePolicy, readmeRows(users)},
		{"probes", probesConfiguration(t, keys), probesPolicy, probesRows(users)},
	}
	gates := map[string]string{}
	for _, c := range configurations {
		gates[c.name] = startGate(t, c.name, c.text)
	}
	for _, app := range applications() {
		t.Run(app.name, func(t *testing.T) {
			t.Parallel()
			record := filepath.Join(t.TempDir(), "record")
			address := app.start(t, record)
			sent := map[string][]exchange{}
			for _, c := range configurations {
				proxy := startEnvoy(t, gates[c.name], address)
				sent[c.name] = sendAll(c.name+"-", c.rows, []caller{users.nobody, users.mallory},
					map[string]string{"HTTP/1.1": proxy, "HTTP/2": proxy})
			}
			runs := readRuns(t, record)
			checkProbes(t, runs, sent)
			for _, c := range configurations {
				t.Run(c.name, func(t *testing.T) { judgeAll(t, sent[c.name], c.rights, runs) })
			}
		})
	}
}

// checkProbes fails the test if a handler ran for a request that was not sent.
func checkProbes(t *testing.T, runs map[string][]handlerRun, sent map[string][]exchange) {
	t.Helper()
	known := map[string]bool{"": true} // the wait for the application's start
	for _, exchanges := range sent {
		for _, e := range exchanges {
			known[e.probe] = true
		}
	}
	for probe, found := range runs {
		if !known[probe] {
			t.Errorf("handlers ran for the request %q, which was not sent: %v", probe, found)
		}
	}
}

// judgeAll fails the test for each exchange that is not as it should be, and
// logs who answered.
func judgeAll(t *testing.T, sent []exchange, rights policy, runs map[string][]handlerRun) {
	t.Helper()
	counts, faults := map[string]int{}, map[string][]string{}
	for _, e := range sent {
		for _, fault := range e.judge(rights, runs[e.probe]) {
			what := fmt.Sprintf("%s: %s: %s", cmp.Or(e.row.attack, "plain request"), e.row.name, fault)
			faults[what] = append(faults[what], e.protocol+" by "+e.by.name())
		}
		switch reason := e.answer.reason(); {
		case reason != "":
			counts[reason]++
		case len(runs[e.probe]) > 0:
			counts["handled"]++
		default:
			counts[fmt.Sprintf("status %d", e.answer.status)]++
		}
	}
	for _, what := range slices.Sorted(maps.Keys(faults)) {
		slices.Sort(faults[what])
		t.Errorf("%s [%s]", what, strings.Join(faults[what], ", "))
	}
	var summary []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		summary = append(summary, fmt.Sprintf("%s %d", name, counts[name]))
	}
	t.Logf("%d requests: %s", len(sent), strings.Join(summary, ", "))
}

// TestAttacksWithoutTheGate: sent to the applications directly, the
// same requests reach protected handlers, by exactly the classes of attacks that
// the table of applications names. So the requests of TestApplications are real
// attacks, and the tests see what the applications record.
func TestAttacksWithoutTheGate(t *testing.T) {
	users := callers{mallory: caller{subject: "mallory"}, victim: caller{subject: "victim"}, alice: caller{subject: "alice"}}
	var rows []row
	for _, r := range append(readmeRows(users), probesRows(users)...) {
		if r.closed != "" {
			r.by = []caller{{}}
			rows = append(rows, r)
		}
	}
	for _, app := range applications() {
		t.Run(app.name, func(t *testing.T) {
			t.Parallel()
			record := filepath.Join(t.TempDir(), "record")
			sent := sendAll("", rows, nil, map[string]string{"HTTP/1.1": app.start(t, record)})
			runs := readRuns(t, record)
			reached := map[string]int{}
			for _, e := range sent {
				if slices.ContainsFunc(runs[e.probe], e.row.reaches) {
					reached[e.row.attack]++
				}
			}
			t.Logf("requests that reach a protected handler: %v", reached)
			got, want := slices.Sorted(maps.Keys(reached)), slices.Sorted(slices.Values(slices.Concat(anyApplication(), app.reachedBy)))
			if !slices.Equal(got, want) {
				t.Errorf("the application is reached by\n\t%q\nexpected\n\t%q", got, want)
			}
		})
	}
}
