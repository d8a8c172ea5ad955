//go:build scale

package deploy

import (
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// What the fleet is asked.
const (
	workers    = 2   // Envoy's
	tokenCount = 200 // different users
	steadyRate = 300 // requests a second
	steadyFor  = 6 * time.Second
)

// fleet is replicas of jwtgate behind a real Envoy with the shipped file.
type fleet struct {
	binary, config string
	gates          []*testutil.Process
	listen, admin  []string
	issuer         *devidp.Issuer
	url, envoy     string // what clients call, and Envoy's admin interface
	tokens         []string
	client         *http.Client
}

// newFleet starts n replicas, an issuer, an application and Envoy, until the
// test ends.
func newFleet(t *testing.T, binary string, n int) *fleet {
	t.Helper()
	f := &fleet{binary: binary, client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	f.issuer = testbed.Issuer(t, testbed.Issuers(t), "main", devidp.IssuerConfig{})
	for i := range tokenCount {
		token, err := f.issuer.Mint(map[string]any{"sub": fmt.Sprint("user-", i), "aud": "a"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		f.tokens = append(f.tokens, token)
	}
	f.config = filepath.Join(t.TempDir(), "jwtgate.yaml")
	text := fmt.Sprintf("issuers: {main: {issuer: %q, audiences: [a], dangerously_allow_http: true}}\naudit: {denied: none}\n", f.issuer.ISS())
	if err := os.WriteFile(f.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		f.listen, f.admin = append(f.listen, freeAddress(t)), append(f.admin, freeAddress(t))
		f.gates = append(f.gates, f.gate(t, i))
	}
	application := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(application.Close)
	f.startEnvoy(t, strings.TrimPrefix(application.URL, "http://"))
	return f
}

// gate starts one replica and waits until it is ready.
func (f *fleet) gate(t *testing.T, i int) *testutil.Process {
	t.Helper()
	p := testutil.Start(t, fmt.Sprint("jwtgate ", i),
		exec.Command(f.binary, "serve", "--config", f.config, "--listen", f.listen[i], "--admin-listen", f.admin[i]))
	testutil.Eventually(t, 20*time.Second, p.Name+" is ready", func() error {
		_, err := f.get("http://" + f.admin[i] + "/readyz")
		return err
	})
	return p
}

// startEnvoy runs the shipped file with one endpoint for each replica, as a
// headless Service's name would give it.
func (f *fleet) startEnvoy(t *testing.T, application string) {
	t.Helper()
	address, admin := freeAddress(t), freeAddress(t)
	file, err := envoy.Bootstrap(envoy.Edit{Listen: address, Admin: admin, Gate: f.listen[0], App: application})
	if err != nil {
		t.Fatal(err)
	}
	var endpoints []string
	for _, listen := range f.listen {
		host, port, _ := net.SplitHostPort(listen)
		endpoints = append(endpoints,
			fmt.Sprintf("        - endpoint: { address: { socket_address: { address: %s, port_value: %s } } }", host, port))
	}
	one := regexp.MustCompile(`(?m)^.*# edit: gate$`)
	path := filepath.Join(t.TempDir(), "envoy.yaml")
	if err := os.WriteFile(path, one.ReplaceAll(file, []byte(strings.Join(endpoints, "\n"))), 0o600); err != nil {
		t.Fatal(err)
	}
	testutil.Start(t, "envoy",
		exec.Command(filepath.Join(root, ".tools/envoy/bin/envoy"), "-c", path, "--log-level", "warning", "--disable-hot-restart",
			"--concurrency", strconv.Itoa(workers)))
	f.url, f.envoy = "http://"+address, "http://"+admin
	f.found(t)
}

// found waits until Envoy considers every replica healthy.
func (f *fleet) found(t *testing.T) {
	t.Helper()
	testutil.Eventually(t, 20*time.Second, "Envoy sees all replicas", func() error {
		if got := f.stat("membership_healthy"); got != len(f.listen) {
			return fmt.Errorf("%d are healthy", got)
		}
		return nil
	})
}

// get returns an answer's body; any status but 200 is an error.
func (f *fleet) get(url string) (string, error) {
	response, err := f.client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != 200 {
		err = fmt.Errorf("status %d", response.StatusCode)
	}
	return string(body), err
}

// stat returns one of Envoy's counters of the cluster jwtgate, -1 if there is none.
func (f *fleet) stat(name string) int {
	body, err := f.get(f.envoy + "/stats?filter=^cluster.jwtgate." + name + "$")
	_, value, ok := strings.Cut(strings.TrimSpace(body), ": ")
	n, bad := strconv.Atoi(value)
	if err != nil || !ok || bad != nil {
		return -1
	}
	return n
}

// counted returns the sum of a metric of one replica over matching labels.
func (f *fleet) counted(t *testing.T, i int, pattern string) int {
	t.Helper()
	body, err := f.get("http://" + f.admin[i] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, found := range regexp.MustCompile(`(?m)^`+pattern+` (\S+)$`).FindAllStringSubmatch(body, -1) {
		value, _ := strconv.ParseFloat(found[1], 64)
		sum += value
	}
	return int(sum)
}

// outcome is the result of a load.
type outcome struct {
	sent, failed int
	latencies    []time.Duration // from when each request was due
}

// quantile returns a latency in milliseconds.
func (o outcome) quantile(q float64) float64 {
	slices.Sort(o.latencies)
	at := o.latencies[min(len(o.latencies)-1, int(math.Ceil(q*float64(len(o.latencies))))-1)]
	return float64(at.Microseconds()) / 1000
}

// load sends requests at the steady rate until stop is closed.
func (f *fleet) load(stop <-chan struct{}) outcome {
	var o outcome
	var mu sync.Mutex
	var group sync.WaitGroup
	began := time.Now()
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * time.Second / steadyRate)
		select {
		case <-stop:
			group.Wait()
			return o
		case <-time.After(time.Until(due)):
		}
		group.Go(func() {
			request, err := http.NewRequest(http.MethodGet, f.url+"/orders", nil)
			if err == nil {
				request.Header.Set("authorization", "Bearer "+f.tokens[n%tokenCount])
				var response *http.Response
				if response, err = f.client.Do(request); err == nil {
					_ = response.Body.Close()
					if response.StatusCode != 200 {
						err = fmt.Errorf("status %d", response.StatusCode)
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			o.sent++
			if err != nil {
				o.failed++
			}
			o.latencies = append(o.latencies, time.Since(due))
		})
	}
}

// steady loads the fleet for a while.
func (f *fleet) steady() outcome {
	stop := make(chan struct{})
	timer := time.AfterFunc(steadyFor, func() { close(stop) })
	defer timer.Stop()
	return f.load(stop)
}

// rollout restarts the replicas one by one under load, the next when Envoy considers the
// previous one healthy, for which Kubernetes has minReadySeconds.
func (f *fleet) rollout(t *testing.T) (outcome, time.Duration) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan outcome, 1)
	go func() { done <- f.load(stop) }()
	began := time.Now()
	for i := range f.gates {
		f.gates[i].Terminate(t)
		if code := f.gates[i].Wait(t, 30*time.Second); code != 0 {
			t.Errorf("%s ended with %d", f.gates[i].Name, code)
		}
		f.gates[i] = f.gate(t, i)
		f.found(t)
	}
	took := time.Since(began)
	close(stop)
	return <-done, took
}

// TestScaleFleet runs fleets of up to eight replicas: it shows the distribution of Envoy's
// connections and checks, how often a token is verified, and the effect of a rollout. No
// request may fail. Latencies are meaningful only on a quiet machine.
func TestScaleFleet(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "jwtgate")
	must(t, "go", "build", "-C", root, "-o", binary, "./cmd/jwtgate")
	fmt.Printf("\n| replicas | connections of Envoy's | checks of the least and the most asked | tokens verified (of %d) | key "+
		"fetches | p50, p99 in ms | rollout of all: requests, failed | took | verified anew | key fetches | p50, p99 in ms |\n", tokenCount)
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|")
	for _, n := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			f := newFleet(t, binary, n)
			calm := f.steady()
			var checks []int
			missed := 0
			for i := range n {
				checks = append(checks, f.counted(t, i, `jwtgate_checks_total\{.*\}`))
				missed += f.counted(t, i, `jwtgate_token_cache_total\{result="miss"\}`)
			}
			connections, fetched := f.stat("upstream_cx_active"), f.issuer.Fetches()
			row := fmt.Sprintf("| %d | %d | %d, %d | %d | %d | %.1f, %.1f", n, connections, slices.Min(checks), slices.Max(checks),
				missed, fetched, calm.quantile(0.5), calm.quantile(0.99))
			if calm.failed > 0 || fetched != n || missed > n*tokenCount {
				t.Errorf("%d of %d failed; %d fetches, %d verified", calm.failed, calm.sent, fetched, missed)
			}
			if n == 1 { // nothing listens meanwhile
				fmt.Println(row + " | | | | | |")
				return
			}
			rolled, took := f.rollout(t)
			anew := 0
			for i := range n {
				anew += f.counted(t, i, `jwtgate_token_cache_total\{result="miss"\}`)
			}
			fmt.Printf("%s | %d, %d | %.0f s | %d | %d | %.1f, %.1f |\n", row, rolled.sent, rolled.failed, took.Seconds(), anew,
				f.issuer.Fetches()-fetched, rolled.quantile(0.5), rolled.quantile(0.99))
			if rolled.failed > 0 {
				t.Errorf("a rollout failed %d of %d requests", rolled.failed, rolled.sent)
			}
		})
	}
}
