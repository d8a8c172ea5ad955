//go:build scale

package deploy

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/signer"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// keyServer is an issuer's key server that records the times of its requests.
type keyServer struct {
	mu    sync.Mutex
	asked []time.Time
	down  bool
	body  string
	keys  map[string]*signer.Key
}

// newKeyServer returns a server with the keys a and b, of which it publishes a.
func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	k := &keyServer{keys: map[string]*signer.Key{}}
	for _, kid := range []string{"a", "b"} {
		key, err := signer.New("EdDSA")
		if err != nil {
			t.Fatal(err)
		}
		key.ID, k.keys[kid] = kid, key
	}
	k.set(t, false, "a")
	return k
}

func (k *keyServer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, time.Now())
	if k.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte(k.body))
}

// set changes the answer.
func (k *keyServer) set(t *testing.T, down bool, kids ...string) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	var keys []*signer.Key
	for _, kid := range kids {
		keys = append(keys, k.keys[kid])
	}
	set, err := signer.KeySet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	k.down, k.body = down, string(set)
}

// during waits for a time and counts the requests.
func (k *keyServer) during(d time.Duration) (all, peak int) {
	began := time.Now()
	pass(d)
	return k.since(began)
}

// since counts the requests since a time, and the maximum in one second.
func (k *keyServer) since(moment time.Time) (all, peak int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	seconds := map[int]int{}
	for _, at := range k.asked {
		if !at.Before(moment) {
			all++
			second := int(at.Sub(moment) / time.Second)
			seconds[second]++
			peak = max(peak, seconds[second])
		}
	}
	return all, peak
}

// replicas are the key sets of a fleet, one for each server.
type replicas struct {
	sets  []*issuer.Set
	close func()
}

// startReplicas starts a fleet at one moment.
func startReplicas(t *testing.T, n int, house *keyServer) *replicas {
	t.Helper()
	cfg, err := config.Parse("jwtgate.yaml", []byte(`{issuers: {main: {issuer: "http://keys.example", audiences: [a], algorithms: [EdDSA],
		dangerously_allow_http: true, jwks: {uri: "http://keys.example/jwks.json"}}}}`), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	network := testutil.NewPipes() // inside a synctest bubble, so an hour of a thousand replicas takes seconds
	server := &http.Server{Handler: house, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(network) }()
	r := &replicas{}
	for range n {
		set, err := issuer.NewSet(cfg, issuer.Options{Dial: network.Dial})
		if err != nil {
			t.Fatal(err)
		}
		r.sets = append(r.sets, set)
		set.Start()
	}
	r.close = func() {
		for _, set := range r.sets {
			set.Close()
		}
		_ = server.Close()
	}
	return r
}

// ask makes every replica look up a kid at one moment, and counts those that have it.
func (r *replicas) ask(t *testing.T, kid string) int {
	t.Helper()
	var group sync.WaitGroup
	var mu sync.Mutex
	found := 0
	for _, set := range r.sets {
		group.Go(func() {
			if _, err := set.All()[0].Key(t.Context(), kid, "EdDSA"); err == nil {
				mu.Lock()
				found++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return found
}

// TestScaleKeys counts the requests of a fleet that starts at one moment to an issuer's key
// server: at the start, in a quiet hour, during an outage, and at an unannounced rotation.
func TestScaleKeys(t *testing.T) {
	fmt.Println("\n| replicas | at the start | in a quiet hour | most in one second of it | while down for 10 min | most in one " +
		"second | a rotation, in 10 s | all have the new key after |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, n := range []int{1, 8, 100, 1000} {
		synctest.Test(t, func(t *testing.T) {
			house := newKeyServer(t)
			began := time.Now()
			fleet := startReplicas(t, n, house)
			defer fleet.close()
			pass(30 * time.Second)
			first, _ := house.since(began)
			calm, calmPeak := house.during(time.Hour)
			house.set(t, true, "a")
			pass(15 * time.Minute) // the longest time between two fetches: now all fail
			failing, failingPeak := house.during(10 * time.Minute)
			house.set(t, false, "a")
			pass(2 * time.Minute)
			house.set(t, false, "a", "b")
			rotated := time.Now()
			at := 0 // seconds after which every replica has the new key
			for second := range 10 {
				if fleet.ask(t, "b") < n {
					at = second + 1
				}
				pass(time.Second)
			}
			turned, _ := house.since(rotated)
			fmt.Printf("| %d | %d | %d | %d | %d | %d | %d | %d s |\n", n, first, calm, calmPeak, failing, failingPeak, turned, at)
			if first != n || fleet.ask(t, "b") != n || turned > 2*n {
				t.Errorf("%d replicas: %d fetches at the start, %d for a rotation", n, first, turned)
			}
		})
	}
}

// pass waits for a time, and for all timers in it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
