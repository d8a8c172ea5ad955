package demo

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
)

// shippedConfig is the configuration of the tour.
//
//go:embed jwtgate.yaml
var shippedConfig []byte

// gateName is the name of the gate's process and log.
const gateName = "jwtgate"

// stack is everything that the demo runs. start sets its fields, and close stops what
// start has started.
type stack struct {
	edit       envoy.Edit              // the changes to the shipped Envoy file that config needs
	fail       context.CancelCauseFunc // called when a process ends unexpectedly
	dir        string                  // configurations and logs
	config     *config.Config          // the original, not the rewritten copy
	ports      ports
	secret     string // of Envoy as the issuer's client
	issuers    *devidp.Server
	hosted     map[string]*devidp.Issuer // :: name in the configuration -> issuer
	app        *application              // nil with the user's own
	appAddress string
	children   []*child // in the order of their start
	closing    chan struct{}
	watched    chan struct{} // closed when watch has ended; nil before it began
}

// start starts everything, and waits until it is ready for requests.
func (s *stack) start(ctx context.Context, o Options) error {
	file, at, err := s.load(o)
	if err != nil {
		return err
	}
	// Check the option before anything starts.
	if _, err := envoy.Bootstrap(envoy.Edit{App: o.App}); err != nil {
		return fmt.Errorf("--app: %w", err)
	}
	program := o.Envoy
	if program == "" {
		if program, err = findEnvoyHere(o); err != nil {
			return err
		}
	}
	if err := s.makeDir(); err != nil {
		return err
	}
	if s.ports, err = choosePorts(); err != nil {
		return err
	}
	if err := s.startIssuers(o); err != nil {
		return err
	}
	if err := s.startApplication(o); err != nil {
		return err
	}
	if err := s.startGate(ctx, o.Executable, file, at); err != nil {
		return err
	}
	if err := s.startEnvoy(ctx, o, program); err != nil {
		return err
	}
	s.watch()
	return nil
}

// makeDir makes the directory for configurations and logs.
func (s *stack) makeDir() error {
	dir, err := os.MkdirTemp("", "jwtgate-demo-")
	if err == nil {
		s.dir, err = filepath.Abs(dir) // the processes have another working directory
	}
	if err != nil {
		return fmt.Errorf("make a directory for configurations and logs: %w", err)
	}
	return nil
}

// startIssuers starts the issuers of the configuration. That of the tour can sign users in.
func (s *stack) startIssuers(o Options) error {
	var login *devidp.Login
	if o.guided() {
		s.secret = rand.Text()
		login = s.login()
	}
	var err error
	if s.issuers, err = devidp.Start(devidp.Config{Listen: s.ports.issuer}); err != nil {
		return err
	}
	s.hosted, err = host(s.issuers, s.config.Issuers, login)
	return err
}

// startApplication starts the sample application, unless the user has one. It has pages only
// in the tour, since they need the tour's routes and sign-in.
func (s *stack) startApplication(o Options) error {
	s.appAddress = o.App
	if o.App != "" {
		return nil
	}
	s.appAddress = s.ports.app
	var pages *site
	var err error
	if o.guided() {
		if pages, err = s.newSite(o); err != nil {
			return err
		}
	}
	s.app, err = startApplication(s.ports.app, pages)
	return err
}

// load loads the configuration. It returns its text and the paths in it.
func (s *stack) load(o Options) (file []byte, at paths, err error) {
	file, name := shippedConfig, "the demo's jwtgate.yaml"
	if o.ConfigFile != "" {
		name = o.ConfigFile
		if file, err = os.ReadFile(o.ConfigFile); err != nil {
			return nil, paths{}, fmt.Errorf("read the configuration: %w", err)
		}
	}
	s.config, err = config.Parse(name, file, o.Getenv)
	if err == nil && o.Compile != nil {
		s.edit, err = o.Compile(withoutKeys(s.config))
	}
	if err != nil {
		return nil, paths{}, fmt.Errorf("the configuration is invalid:\n%w", err)
	}
	at, err = pathsOf(name, file, o.Getenv)
	return file, at, err
}

// withoutKeys returns a copy of a configuration without the settings for the issuers'
// own keys, since the demo does not need the files that they refer to.
func withoutKeys(c *config.Config) *config.Config {
	other := *c
	other.Issuers = slices.Clone(c.Issuers)
	for i := range other.Issuers {
		jwks := &other.Issuers[i].JWKS
		jwks.File, jwks.CAFile, jwks.Proxy = "", "", ""
	}
	return &other
}

// findEnvoyHere searches the working directory and the checkout that contains the
// jwtgate program in its bin.
func findEnvoyHere(o Options) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("look for Envoy: %w", err)
	}
	dirs := []string{dir}
	if built := filepath.Dir(filepath.Dir(o.Executable)); built != dir {
		dirs = append(dirs, built)
	}
	return FindEnvoy(dirs, o.Getenv)
}

// startGate starts jwtgate with a copy of the configuration that uses the keys of the
// loopback issuers, and waits until it has fetched them.
func (s *stack) startGate(ctx context.Context, executable string, file []byte, at paths) error {
	rewritten, err := rewrite(file, at, func(name string) (string, bool) {
		i, ok := s.hosted[name]
		if !ok {
			return "", false
		}
		return i.JWKSURL(), true
	})
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, "jwtgate.yaml")
	if err := os.WriteFile(path, rewritten, 0o600); err != nil {
		return fmt.Errorf("write the configuration's copy: %w", err)
	}
	gate, err := startChild(gateName, s.dir, executable,
		"serve", "--config", path, "--listen", s.ports.gate, "--admin-listen", s.ports.gateAdmin)
	if err != nil {
		return err
	}
	s.children = append(s.children, gate)
	return gate.ready(ctx, func(ctx context.Context) error {
		_, err := get(ctx, "http://"+s.ports.gateAdmin+"/readyz")
		return err
	})
}

// startEnvoy starts Envoy with the shipped file, changed for the ports of the parts and
// for the configuration, and waits until Envoy considers jwtgate healthy. In the tour it is
// the file with sign-in.
func (s *stack) startEnvoy(ctx context.Context, o Options, program string) error {
	edit := s.edit
	edit.Listen, edit.Admin, edit.Gate, edit.App = s.ports.envoy, s.ports.envoyAdmin, s.ports.gate, s.appAddress
	if o.guided() {
		var err error
		if edit.Login, err = s.loginEdit(); err != nil {
			return err
		}
	}
	edit.Origins = []string{frontEnd}
	bootstrap, err := envoy.Bootstrap(edit)
	if err != nil {
		return fmt.Errorf("render the Envoy file: %w", err)
	}
	path := filepath.Join(s.dir, "envoy.yaml")
	if err := os.WriteFile(path, bootstrap, 0o600); err != nil {
		return fmt.Errorf("write the Envoy file: %w", err)
	}
	// With hot restart, all Envoys on a machine would share memory.
	proxy, err := startChild("envoy", s.dir, program, append([]string{
		"--config-path", path, "--disable-hot-restart", "--log-level", "warn", "--concurrency", "2"}, envoy.LoginFlags()...)...)
	if err != nil {
		return err
	}
	s.children = append(s.children, proxy)
	return proxy.ready(ctx, s.envoyReady)
}

// envoyReady returns an error while Envoy is not ready for requests.
func (s *stack) envoyReady(ctx context.Context) error {
	admin := "http://" + s.ports.envoyAdmin
	if _, err := get(ctx, admin+"/ready"); err != nil {
		return err
	}
	const healthy = "cluster.jwtgate.membership_healthy"
	stats, err := get(ctx, admin+"/stats?filter=^"+healthy+"$")
	if err != nil {
		return err
	}
	if strings.TrimSpace(stats) != healthy+": 1" {
		return fmt.Errorf("jwtgate is not healthy for Envoy yet: %q", strings.TrimSpace(stats))
	}
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.ports.envoy)
	if err != nil {
		return err
	}
	return connection.Close()
}

// watch ends the demo if a process ends unexpectedly.
func (s *stack) watch() {
	s.closing, s.watched = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(s.watched)
		gate, proxy := s.children[0], s.children[1]
		select {
		case <-s.closing:
		case <-gate.done:
			s.fail(gate.ended())
		case <-proxy.done:
			s.fail(proxy.ended())
		}
	}()
}

// close stops everything that start has started, in reverse order. It removes the
// configurations and logs, unless they help to understand failed, the error of the
// demo.
func (s *stack) close(failed error) error {
	var errs []error
	if s.watched != nil {
		close(s.closing)
		<-s.watched
	}
	for _, c := range slices.Backward(s.children) {
		c.kill()
	}
	if s.app != nil {
		errs = append(errs, s.app.close())
	}
	if s.issuers != nil {
		errs = append(errs, s.issuers.Close())
	}
	helpful := errors.Is(failed, ErrSteps) || errors.Is(failed, errEnded) || errors.Is(failed, errNotReady)
	if s.dir != "" && !helpful {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// get returns the body of a response with status 200; for any other status it returns
// an error. It uses no proxy, since its URLs are on loopback.
func get(ctx context.Context, url string) (string, error) {
	prober := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := prober.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s: %.200q", url, response.Status, strings.TrimSpace(string(body)))
	}
	return string(body), nil
}
