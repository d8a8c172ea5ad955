package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// replicasFile is the configuration of both replicas; the drain delay is the default.
var replicasFile = strings.Replace(twoIssuers, "server: {drain_delay: 0s}\n", "", 1) + `routes:
  - {name: open, match: GET /open, access: public}
  - {name: admin, match: GET /admin, issuers: [cruddur], groups: [admin]}
`

// gateEndpoint is the line of the gate's address in the shipped file.
const gateEndpoint = "        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 9001 } } } # edit: gate\n"

// replicas are two gates behind the shipped Envoy.
type replicas struct {
	whole   *testing.T // as long as which they run, however many tests disturb them
	issuers issuers
	config  string
	gates   [2]*gateProcess
	shipped *envoyProxy
}

// startReplicas runs two gates of one configuration, on TCP or on Unix sockets,
// and the shipped Envoy file with the addresses of both.
func startReplicas(t *testing.T, network, config string) *replicas {
	t.Helper()
	r := &replicas{whole: t, issuers: startIssuers(t), config: config}
	addresses := [2]string{freeAddress(t), freeAddress(t)}
	if network == "unix" {
		dir := t.TempDir()
		addresses = [2]string{"unix:" + filepath.Join(dir, "0.sock"), "unix:" + filepath.Join(dir, "1.sock")}
	}
	for i, address := range addresses {
		r.gates[i] = startServe(t, address, freeAddress(t), []string{"--config", config}, r.issuers.environment())
	}
	for _, g := range r.gates {
		g.waitServing(t)
		g.waitReady(t)
	}
	r.shipped = startBalancer(t, addresses, startMirror(t))
	r.healthy(t, 2)
	return r
}

// startBalancer runs the shipped Envoy file with a second endpoint, which users with two
// addresses add, and fails the test if anything else than addresses differs.
func startBalancer(t *testing.T, gates [2]string, application string) *envoyProxy {
	t.Helper()
	second := func(address string) string { return "        - endpoint: { address: { " + address + " } }\n" }
	if path, isSocket := strings.CutPrefix(gates[1], "unix:"); isSocket {
		address, admin := freeAddress(t), freeAddress(t)
		file, err := envoy.Bootstrap(envoy.Edit{Listen: address, Admin: admin, Gate: gates[0], App: application})
		if err != nil {
			t.Fatal(err)
		}
		first := fmt.Sprintf("pipe: { path: %q } } } # edit: gate\n", strings.TrimPrefix(gates[0], "unix:"))
		if strings.Count(string(file), first) != 1 {
			t.Fatal("the edited file does not name the gate's socket once")
		}
		file = []byte(strings.Replace(string(file), first, first+second(fmt.Sprintf("pipe: { path: %q }", path)), 1))
		return startEnvoy(t, file, address, admin)
	}
	return derivedEnvoy(t, gates[0], application, gateEndpoint,
		gateEndpoint+second("socket_address: { address: 127.0.0.1, port_value: "+port(gates[1])+" }"))
}

// again restarts a replica that has ended, at the same address.
func (r *replicas) again(t *testing.T, i int) {
	t.Helper()
	old := r.gates[i]
	r.gates[i] = startServe(r.whole, old.address, old.admin, []string{"--config", r.config}, r.issuers.environment())
	r.gates[i].waitServing(t)
}

// healthy waits until Envoy considers a number of replicas healthy.
func (r *replicas) healthy(t *testing.T, n int) {
	t.Helper()
	eventually(t, 20*time.Second, fmt.Sprintf("Envoy takes %d replicas for well", n), func() error {
		if now := r.shipped.stat(t, "cluster.jwtgate.membership_healthy"); now != n {
			return fmt.Errorf("it is %d", now)
		}
		return nil
	})
}

// stat returns one of Envoy's counters or gauges.
func (p *envoyProxy) stat(t *testing.T, name string) int {
	t.Helper()
	response, err := http.Get("http://" + p.admin + "/stats?format=json&filter=^" + name + "$")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var document struct {
		Stats []struct {
			Name  string
			Value int
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	for _, one := range document.Stats {
		if one.Name == name {
			return one.Value
		}
	}
	t.Fatalf("Envoy has no %s", name)
	return 0
}

// mixed returns the requests of a load: tokens that the gate remembers, tokens that it has
// never seen, and each kind of request that it must deny. Each has forged identity headers.
func mixed(t *testing.T, i issuers) func(n int) question {
	const forged = "x-user-id: forged"
	var known, fresh []question
	for n := range 20 {
		sub := fmt.Sprintf("user-%d", n)
		known = append(known,
			question{kind: "known",
				call: call{line: "GET /orders",
					headers: []string{bearer(mint(t, i.cruddur, access(map[string]any{"sub": sub}))), forged}}, want: "200 ", user: sub})
	}
	for n := range 1000 {
		sub := fmt.Sprintf("robot-%d", n)
		fresh = append(fresh,
			question{kind: "fresh",
				call: call{line: "GET /orders",
					headers: []string{bearer(mint(t, i.partner, map[string]any{"sub": sub, "aud": "orders-api"})), forged}},
				want: "200 ", user: "partner:" + sub})
	}
	good := mint(t, i.cruddur, access(nil))
	refuse := func(line, want string, headers ...string) question {
		_, reason, _ := strings.Cut(want, " ")
		return question{kind: reason, call: call{line: line, headers: append(headers, forged)}, want: want}
	}
	others := []question{
		{kind: "public", call: call{line: "GET /open", headers: []string{forged}}, want: "200 "},
		refuse("GET /orders", "401 credential_missing"),
		refuse("GET /orders", "401 token_malformed", "authorization: Bearer null"),
		refuse("GET /orders", "401 expired", bearer(mintFor(t, i.cruddur, access(nil), -time.Minute))),
		refuse("GET /orders", "401 signature_invalid", bearer(good[:len(good)-40]+flip(good[len(good)-40:]))),
		refuse("GET /orders", "401 issuer_unknown", bearer(mint(t, i.foreign, access(nil)))),
		refuse("GET /orders", "401 client_mismatch", bearer(mint(t, i.cruddur, access(map[string]any{"client_id": "other"})))),
		refuse("GET /admin", "403 group_missing", bearer(good)),
		refuse("GET /orders;admin", "400 path_refused", bearer(good)),
		refuse("GET /orders", "400 credential_ambiguous", bearer(good), bearer(good)),
	}
	return func(n int) question {
		switch n % 3 {
		case 0:
			return known[n/3%len(known)]
		case 1:
			return fresh[n/3%len(fresh)]
		default:
			return others[n/3%len(others)]
		}
	}
}

// disturbances are the faults of replicas, each with its end.
func disturbances() []struct {
	name string
	play func(t *testing.T, r *replicas)
} {
	// drained stops a replica gracefully, and starts it again.
	drained := func(t *testing.T, r *replicas, i int) {
		t.Helper()
		r.gates[i].Terminate(t)
		r.healthy(t, 1)
		if code := r.gates[i].Wait(t, 15*time.Second); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
		r.again(t, i)
		r.healthy(t, 2)
	}
	return []struct {
		name string
		play func(t *testing.T, r *replicas)
	}{
		{"killed", func(t *testing.T, r *replicas) {
			r.gates[0].Kill()
			r.healthy(t, 1)
			r.again(t, 0)
			r.healthy(t, 2)
		}},
		{"drained", func(t *testing.T, r *replicas) { drained(t, r, 1) }},
		{"hung", func(t *testing.T, r *replicas) {
			r.gates[0].Signal(t, syscall.SIGSTOP)
			r.healthy(t, 1)
			r.gates[0].Signal(t, syscall.SIGCONT)
			r.healthy(t, 2)
		}},
		{"rolled", func(t *testing.T, r *replicas) {
			drained(t, r, 0)
			drained(t, r, 1)
		}},
	}
}

// TestReplicasLoseNoRequest: while one of two replicas is killed, drained, hangs, or both
// are restarted in turn, every request of a steady load gets the right answer, with the
// shipped settings of Envoy. With Unix sockets, where connections fail differently, one
// replica is killed or hangs.
func TestReplicasLoseNoRequest(t *testing.T) {
	const perSecond, least = 700 / slowdown, 5000 / slowdown
	for network, played := range map[string]string{"tcp": "killed drained hung rolled", "unix": "killed hung"} {
		r := startReplicas(t, network, testutil.File(t, "jwtgate.yaml", replicasFile))
		questions := mixed(t, r.issuers)
		for _, d := range disturbances() {
			if !strings.Contains(played, d.name) {
				continue
			}
			t.Run(network+", "+d.name, func(t *testing.T) {
				before := r.retries(t)
				l := startLoad(t, r.shipped, perSecond, questions)
				l.reaches(t, perSecond)
				d.play(t, r)
				l.reaches(t, max(least, int(l.sent.Load())+perSecond))
				l.stop()
				l.lostNone(t)
				t.Logf("%d sent, %d failed, %d wrong, slowest %v, %d pauses; Envoy: %+v; %s", l.sent.Load(), l.failed.Load(), l.wrong.Load(),
					l.slowest.Round(time.Millisecond), l.pauses.Load(), r.retries(t).minus(before), l.figures())
			})
		}
	}
}

// reaches waits until a number of requests have been answered.
func (l *load) reaches(t *testing.T, n int) {
	t.Helper()
	eventually(t, 60*time.Second, fmt.Sprintf("%d requests", n), func() error {
		if sent := l.sent.Load(); sent < int64(n) {
			return fmt.Errorf("%d so far", sent)
		}
		return nil
	})
}

// retries are Envoy's counters of retries.
type retries struct{ retried, succeeded, overflowed, slow, errors int }

func (r *replicas) retries(t *testing.T) retries {
	t.Helper()
	of := func(name string) int { return r.shipped.stat(t, name) }
	return retries{
		retried: of("cluster.jwtgate.upstream_rq_retry"), succeeded: of("cluster.jwtgate.upstream_rq_retry_success"),
		overflowed: of("cluster.jwtgate.upstream_rq_retry_overflow"), slow: of("cluster.jwtgate.upstream_rq_per_try_timeout"),
		errors: of("http.edge.ext_authz.jwtgate.error"),
	}
}

func (r retries) minus(other retries) retries {
	return retries{r.retried - other.retried, r.succeeded - other.succeeded, r.overflowed - other.overflowed, r.slow - other.slow,
		r.errors - other.errors}
}
