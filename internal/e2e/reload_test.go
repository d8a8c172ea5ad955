package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// variant is one of the two states of a swapped file.
type variant int

const (
	first variant = iota
	second
)

// mainFile and shopFile are the two files in both states: the difference is who may use a
// feature, and whether a page and a cart are public.
func mainFile(v variant) string {
	return twoIssuers + `include: [shop.yaml]
routes:
  - {name: health, match: GET /api/health, access: public}
  - {name: admin, match: GET /api/admin, issuers: [cruddur], groups: [admin]}
` + [...]string{`  - {name: feature, match: GET /api/feature, issuers: [cruddur], groups: [beta]}
  - {name: page, match: GET /api/page, access: public}
`, `  - {name: feature, match: GET /api/feature, issuers: [cruddur]}
  - {name: page, match: GET /api/page, access: deny}
`}[v]
}

func shopFile(v variant) string {
	return "hosts: [shop.example]\nroutes:\n" + [...]string{
		"  - {name: cart, match: GET /cart, access: public}\n",
		"  - {name: cart, match: GET /cart, issuers: [cruddur], scopes: [cart/read]}\n",
	}[v]
}

// mounted is a directory as Kubernetes mounts a ConfigMap: each file is a link
// through ..data, which is a link that is swapped.
type mounted struct {
	dir     string
	version int
}

// path returns the path at which a program reads a file, and real the path of the file
// itself.
func (m *mounted) path(name string) string { return filepath.Join(m.dir, name) }
func (m *mounted) real(name string) string { return filepath.Join(m.dir, "..data", name) }

// swap replaces both files atomically.
func (m *mounted) swap(t *testing.T, main, shop variant) {
	t.Helper()
	m.put(t, map[string]string{"jwtgate.yaml": mainFile(main), "shop.yaml": shopFile(shop)})
}

// put replaces all files atomically.
func (m *mounted) put(t *testing.T, texts map[string]string) {
	t.Helper()
	m.version++
	version := fmt.Sprintf("..version-%d", m.version)
	old, _ := os.Readlink(m.path("..data"))
	err := os.Mkdir(m.path(version), 0o700)
	for name, text := range texts {
		err = errors.Join(err, os.WriteFile(filepath.Join(m.dir, version, name), []byte(text), 0o600))
	}
	err = errors.Join(err,
		os.Symlink(version, m.path("..data_tmp")),
		os.Rename(m.path("..data_tmp"), m.path("..data")),
	)
	if err == nil && old != "" {
		err = os.RemoveAll(m.path(old))
	}
	if err != nil {
		t.Fatal(err)
	}
	for name := range texts { // links that stay
		if err := os.Symlink(filepath.Join("..data", name), m.path(name)); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
}

// mount creates the directory with both files in their first state.
func mount(t *testing.T) *mounted {
	t.Helper()
	m := &mounted{dir: t.TempDir()}
	m.swap(t, first, first)
	return m
}

// settled returns the live states; none during a change.
type settled struct{ main, shop variant }

// asked is a request and its answer in each state.
type asked struct {
	call call
	want [2]string             // by state
	of   func(settled) variant // whose state; nil: of neither
}

// reloading is a gate whose files are swapped under load.
type reloading struct {
	configured
	files *mounted
	live  atomic.Pointer[settled] // nil while that may be either
	sent  atomic.Int64
	wrong atomic.Int64
}

func startReloading(t *testing.T) *reloading {
	t.Helper()
	r := &reloading{files: mount(t)}
	r.issuers, r.application, r.file = startIssuers(t), startApplication(t), r.files.path("jwtgate.yaml")
	r.gate = startGate(t, r.file, r.issuers.environment()...)
	r.gate.waitReady(t)
	r.shipped = startShippedEnvoy(t, r.gate.address, r.application.address)
	r.live.Store(&settled{})
	return r
}

// questions returns the requests of the load.
func (r *reloading) questions(t *testing.T) []asked {
	ann := r.user(t, nil)
	get := func(path string, headers ...string) call { return call{line: "GET " + path, headers: headers} }
	same := func(answer string) [2]string { return [2]string{answer, answer} }
	byMain := func(s settled) variant { return s.main }
	byShop := func(s settled) variant { return s.shop }
	return []asked{
		{get("/api/health"), same("200 "), nil},
		{get("/api/mine", ann), same("200 "), nil},
		{get("/api/mine"), same("401 credential_missing"), nil},
		{get("/api/mine", "authorization: Bearer null"), same("401 token_malformed"), nil},
		{get("/api/admin", ann), same("403 group_missing"), nil},
		{get("/api/feature", ann), [2]string{"403 group_missing", "200 "}, byMain},
		{get("/api/page"), [2]string{"200 ", "403 route_denied"}, byMain},
		{get("/cart", ann, "host: shop.example"), [2]string{"200 ", "403 scope_missing"}, byShop},
	}
}

// ask sends the requests in turn until done is closed, and compares each answer with the
// states that were live between the request and the answer.
func (r *reloading) ask(t *testing.T, at *caller, questions []asked, done <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
		}
		one := questions[i%len(questions)]
		before := r.live.Load()
		got := at.ask(t, one.call).String()
		r.sent.Add(1)
		right := got == one.want[first] || got == one.want[second]
		if after := r.live.Load(); one.of != nil && before != nil && before == after {
			right = got == one.want[one.of(*before)]
		}
		if !right && r.wrong.Add(1) <= 10 {
			t.Errorf("%s is answered %q, with %+v live", one.call.line, got, before)
		}
	}
}

// becomes makes a change and waits until it is live.
func (r *reloading) becomes(t *testing.T, how string, main, shop variant, change func()) {
	t.Helper()
	before, err := r.gate.state(t)
	if err != nil {
		t.Fatal(err)
	}
	r.live.Store(nil)
	change()
	eventually(t, 10*time.Second, how, func() error {
		now, err := r.gate.state(t)
		if err == nil && (now.Config == before.Config || now.Refused != "") {
			err = fmt.Errorf("live is %.8s, refused %q", now.Config, now.Refused)
		}
		return err
	})
	r.live.Store(&settled{main, shop})
}

// reject makes an invalid change, and waits until the gate logs its rejection.
func (r *reloading) reject(t *testing.T, how, want string, change func()) {
	t.Helper()
	before, err := r.gate.state(t)
	if err != nil {
		t.Fatal(err)
	}
	change()
	eventually(t, 10*time.Second, how, func() error {
		now, err := r.gate.state(t)
		if err == nil && (!strings.Contains(now.Refused, want) || !now.Ready || now.Config != before.Config) {
			err = fmt.Errorf("/readyz tells %+v, want a refusal with %q and the same config", now, want)
		}
		return err
	})
}

func (r *reloading) hangup(t *testing.T) {
	t.Helper()
	if err := r.gate.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// TestReloadUnderLoad: files are replaced in every way, with valid and invalid versions,
// under a load of more than 10,000 requests. None fails or gets a wrong answer.
func TestReloadUnderLoad(t *testing.T) {
	r := startReloading(t)
	done, questions, at := make(chan struct{}), r.questions(t), newCaller(t, r.shipped)
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() { r.ask(t, at, append(questions[n:len(questions):len(questions)], questions[:n]...), done) })
	}
	stop := sync.OnceFunc(func() { close(done); group.Wait() })
	defer stop()

	r.swapFiles(t)
	const requests = 10_000 / slowdown
	eventually(t, 40*time.Second, fmt.Sprintf("%d requests", requests), func() error {
		if sent := r.sent.Load(); sent < requests {
			return fmt.Errorf("%d requests", sent)
		}
		return nil
	})
	stop()
	if wrong := r.wrong.Load(); wrong != 0 {
		t.Errorf("%d of %d answers were wrong", wrong, r.sent.Load())
	}
	for _, received := range r.application.take() {
		want := ""
		if received.URI == "/api/mine" || received.URI == "/api/feature" {
			want = "4f0c5b8e-ann"
		}
		if got := received.Header.Get("X-User-Id"); got != want && received.URI != "/cart" {
			t.Fatalf("%s reached the application as from %q, want %q", received.URI, got, want)
		}
	}
	if fetches := r.issuers.cruddur.Fetches(); fetches != 1 {
		t.Errorf("the keys of an issuer that stayed were fetched %d times, want once", fetches)
	}
	reloads, refusals := r.gate.metric(t, `jwtgate_config_reloads_total{result="ok"}`),
		r.gate.metric(t, `jwtgate_config_reloads_total{result="refused"}`)
	t.Logf("%d requests, %v reloads, %v refused", r.sent.Load(), reloads, refusals)
	if reloads < 25 || refusals < 4 {
		t.Errorf("%v reloads and %v refusals are counted, want at least 25 and 4", reloads, refusals)
	}
}

// swapFiles swaps the files in every way.
func (r *reloading) swapFiles(t *testing.T) {
	main, shop := r.files.real("jwtgate.yaml"), r.files.real("shop.yaml")
	inPlace := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.becomes(t, "a rename", second, first, func() { replaceFile(t, main, mainFile(second)) })
	r.reject(t, "a rename to a bad file", `"routez"`, func() { replaceFile(t, main, mainFile(first)+"routez: []\n") })
	r.becomes(t, "a rename and SIGHUP", first, first, func() { replaceFile(t, main, mainFile(first)); r.hangup(t) })
	r.becomes(t, "a write in place", second, first, func() { inPlace(main, mainFile(second)) })
	r.reject(t, "a half written file", "jwtgate.yaml:", func() { inPlace(main, mainFile(first)[:len(mainFile(first))-20]) })
	r.becomes(t, "a swap of links", first, second, func() { r.files.swap(t, first, second) })
	r.becomes(t, "a rename of an included file", first, first, func() { replaceFile(t, shop, shopFile(first)) })
	r.reject(t, "a bad included file", "shop.yaml:1:1", func() { replaceFile(t, shop, "host: shop.example\n") })
	r.reject(t, "an included file that is gone", "no such file", func() {
		if err := os.Remove(shop); err != nil {
			t.Fatal(err)
		}
		r.hangup(t)
	})
	r.becomes(t, "a swap of links to both", second, second, func() { r.files.swap(t, second, second) })
	for n := range 12 {
		r.becomes(t, "one rename of many", variant(n%2), second, func() { replaceFile(t, main, mainFile(variant(n%2))); r.hangup(t) })
		r.becomes(t, "one rename of many, an included file", variant(n%2), first, func() { replaceFile(t, shop, shopFile(first)) })
		r.becomes(t, "one swap of many", variant(n%2), second, func() { r.files.swap(t, variant(n%2), second); r.hangup(t) })
	}
	if got := http1(t, r.shipped.address, call{line: "GET /api/health"}); got.Status != http.StatusOK {
		t.Errorf("status %d", got.Status)
	}
}
