//go:build soak

package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// truth is the right answers at a time: during a change, those before and after it.
type truth struct {
	mu    sync.Mutex
	spans []span
}

// span is the time during which an answer is right.
type span struct {
	answer   string
	from, to time.Time // to is zero while it lasts
}

func newTruth(answer string) *truth { return &truth{spans: []span{{answer: answer, from: time.Now()}}} }

// becomes sets the right answers; the previous ones are also right until settle is called.
func (tr *truth) becomes(answers ...string) (settle func()) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	before, now := len(tr.spans), time.Now()
	for _, answer := range answers {
		tr.spans = append(tr.spans, span{answer: answer, from: now})
	}
	return func() {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		for i := range tr.spans[:before] {
			if tr.spans[i].to.IsZero() {
				tr.spans[i].to = time.Now()
			}
		}
	}
}

// right reports whether an answer was right at some moment since its request.
func (tr *truth) right(answer string, asked time.Time) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, s := range tr.spans {
		if s.answer == answer && !s.from.After(time.Now()) && (s.to.IsZero() || s.to.After(asked)) {
			return true
		}
	}
	return false
}

// changing is a token whose answer changes.
type changing struct {
	token, user string
	*truth
}

func (w *changing) question(kind, path string) question {
	return question{kind: kind, call: call{line: "GET " + path, headers: []string{bearer(w.token)}},
		want: "what is right at the time", user: w.user, right: w.truth.right}
}

// soak is two replicas under a long load, while everything changes.
type soak struct {
	*replicas
	rotating *keyServer
	list     string // of what is revoked
	lines    int    // in it
	live     variant

	feature   *changing
	revocable atomic.Pointer[changing]
	leaving   atomic.Pointer[changing]
	expiring  atomic.Pointer[changing]

	revocations, reloads, rotations int
}

// soakFile is the configuration in each of its two states. The memory of tokens is small,
// so that it is soon full.
func soakFile(k *keyServer, list string, v variant) string {
	issuer := fmt.Sprintf("  rotating: {issuer: %q, prefix: \"rotating:\", audiences: [orders-api], algorithms: [ES256], "+
		"dangerously_allow_http: true, jwks: {uri: %q, refresh_interval: 2s, unknown_kid_cooldown: 1s}}\n", k.ISS(), k.url)
	return "tokens: {cache_bytes: 2MiB}\naudit: {denied: 1/100}\nrevoked: {file: " + list + "}\n" +
		strings.Replace(replicasFile, "issuers:\n", "issuers:\n"+issuer, 1) +
		"  - {name: feature, match: GET /feature, issuers: [cruddur]" + [...]string{", groups: [beta]", ""}[v] + "}\n"
}

func startSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{rotating: newKeyServer(t, testbed.Issuers(t), "rotating"), list: testutil.File(t, "revoked.jsonl", "")}
	s.replicas = startReplicas(t, "tcp", testutil.File(t, "jwtgate.yaml", soakFile(s.rotating, s.list, first)))
	s.feature = &changing{token: mint(t, s.issuers.cruddur, access(nil)), user: "4f0c5b8e-ann", truth: newTruth("403 group_missing")}
	s.revocable.Store(s.user(t, 0))
	s.leaving.Store(s.signed(t))
	s.expire(t)
	return s
}

// user is a token of the pool's whose subject can be revoked.
func (s *soak) user(t *testing.T, n int) *changing {
	t.Helper()
	sub := fmt.Sprintf("mallory-%d", n)
	return &changing{token: mint(t, s.issuers.cruddur, access(map[string]any{"sub": sub})), user: sub, truth: newTruth("200 ")}
}

// signed returns a token of the rotating issuer's current key.
func (s *soak) signed(t *testing.T) *changing {
	t.Helper()
	return &changing{token: s.rotating.token(t), user: "rotating:s", truth: newTruth("200 ")}
}

// expire signs a token that expires in some seconds.
func (s *soak) expire(t *testing.T) {
	t.Helper()
	end := time.Now().Truncate(time.Second).Add(4 * time.Second)
	token, err := s.issuers.cruddur.Sign(nil,
		access(map[string]any{"iss": s.issuers.cruddur.ISS(), "iat": time.Now().Unix(), "exp": end.Unix()}))
	if err != nil {
		t.Fatal(err)
	}
	ends := &truth{spans: []span{{answer: "200 ", to: end}, {answer: "401 expired", from: end}}}
	s.expiring.Store(&changing{token: token, user: "4f0c5b8e-ann", truth: ends})
}

// questions returns the requests of the load, including hostile ones.
func (s *soak) questions(t *testing.T) func(n int) question {
	usual := mixed(t, s.issuers)
	parts := strings.Split(s.rotating.token(t), ".")
	hostile := []question{
		{kind: "path_refused", call: call{line: "GET /public/%2e%2e;/admin"}, want: "400 path_refused"},
		{kind: "token_too_large",
			call: call{line: "GET /orders",
				headers: []string{bearer(parts[0] + "." + strings.Repeat("a", 13000) + "." + parts[2])}}, want: "401 token_too_large"},
		{kind: "alg_not_allowed",
			call: call{line: "GET /orders", headers: []string{bearer(unsigned(`{"alg":"none","kid":"a"}`, parts[1]))}}, want: "401 alg_not_allowed"},
	}
	for n := range 30 { // unknown kids; an outage until a fetch has finished
		pending := newTruth("401 key_unknown")
		pending.becomes("503 key_pending")
		token := sign(t, s.issuers.cruddur, map[string]any{"kid": fmt.Sprintf("nobody-%d", n)})
		hostile = append(hostile, (&changing{token: token, truth: pending}).question("key_unknown", "/orders"))
	}
	return func(n int) question {
		switch turn := n / 8; n % 8 {
		case 0:
			return s.feature.question("reloaded", "/feature")
		case 1:
			return s.revocable.Load().question("revoked", "/orders")
		case 2:
			return s.leaving.Load().question("key withdrawn", "/orders")
		case 3:
			return s.expiring.Load().question("expiring", "/orders")
		case 4:
			token, err := s.rotating.Mint(map[string]any{"sub": fmt.Sprint(n), "aud": "orders-api"}, time.Minute)
			if err != nil {
				return question{kind: "not minted: " + err.Error()}
			}
			return question{kind: "new key", call: call{line: "GET /orders", headers: []string{bearer(token)}},
				want: "200 ", user: "rotating:" + fmt.Sprint(n)}
		case 5:
			return hostile[turn%len(hostile)]
		default:
			return usual(2*turn + n%8 - 6)
		}
	}
}

// both waits until check returns nil for both replicas.
func (s *soak) both(t *testing.T, what string, check func(g *gateProcess) error) {
	t.Helper()
	for _, g := range s.gates {
		eventually(t, 30*time.Second, what, func() error { return check(g) })
	}
}

// revoke revokes the current subject, and a little later uses another one.
func (s *soak) revoke(t *testing.T) {
	t.Helper()
	w := s.revocable.Load()
	settle := w.becomes("401 token_revoked")
	if s.lines++; s.lines > 40 {
		s.lines = 1
	}
	text, err := os.ReadFile(s.list)
	if err != nil {
		t.Fatal(err)
	}
	if s.lines == 1 {
		text = nil
	}
	replaceFile(t, s.list, string(text)+fmt.Sprintf(`{"issuer": "cruddur", "sub": %q}`, w.user)+"\n")
	s.both(t, "the line is in force", func(g *gateProcess) error {
		if now := int(g.metric(t, "jwtgate_revoked_lines")); now != s.lines {
			return fmt.Errorf("%d lines, want %d", now, s.lines)
		}
		return nil
	})
	settle()
	s.revocations++
	s.lasts(t, time.Second)
	s.revocable.Store(s.user(t, s.revocations))
}

// reload changes the configuration to its other state.
func (s *soak) reload(t *testing.T) {
	t.Helper()
	before, err := s.gates[0].state(t)
	if err != nil {
		t.Fatal(err)
	}
	s.live = second - s.live
	settle := s.feature.becomes([...]string{"403 group_missing", "200 "}[s.live])
	replaceFile(t, s.config, soakFile(s.rotating, s.list, s.live))
	s.both(t, "the configuration is live", func(g *gateProcess) error {
		if now, err := g.state(t); err != nil || now.Config == before.Config || now.Refused != "" {
			return fmt.Errorf("%+v, %v", now, err)
		}
		return nil
	})
	settle()
	s.reloads++
}

// rotate makes the issuer announce a key, sign with it and withdraw the previous one.
func (s *soak) rotate(t *testing.T) {
	t.Helper()
	old := s.rotating.KeyID()
	fresh, err := s.rotating.AddKey("")
	if err != nil {
		t.Fatal(err)
	}
	holds := func(kid string, want bool) func(g *gateProcess) error {
		return func(g *gateProcess) error {
			has := false
			for _, key := range g.issuerStates(t)["rotating"].Keys {
				has = has || key.KID == kid
			}
			if has != want {
				return fmt.Errorf("it has it: %v", has)
			}
			return nil
		}
	}
	s.both(t, "the new key is known", holds(fresh, true))
	if err := s.rotating.UseKey(fresh); err != nil {
		t.Fatal(err)
	}
	s.lasts(t, 2*time.Second) // tokens of the old key are in use
	w := s.leaving.Load()
	settle := w.becomes("503 key_pending", "401 key_unknown")
	if err := s.rotating.RemoveKey(old); err != nil {
		t.Fatal(err)
	}
	s.both(t, "the old key is gone", holds(old, false))
	settle()
	s.lasts(t, 3*time.Second) // until a fetch without it has finished
	w.becomes("401 key_unknown")()
	s.lasts(t, time.Second)
	s.leaving.Store(s.signed(t))
	s.rotations++
}

// lasts waits for a while under load.
func (s *soak) lasts(t *testing.T, d time.Duration) {
	t.Helper()
	time.Sleep(d)
	s.expire(t)
}
