package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
	"github.com/jwtgate/jwtgate/internal/bench/stat"
	"github.com/jwtgate/jwtgate/internal/signer"
)

// The storm: 10,000 tokens with unknown key ids arrive, while other clients use
// valid tokens and the issuer changes its key.
const (
	storm         = "10,000 unknown key ids"
	stormTokens   = 10_000
	stormRate     = 2000 // a second, which does not saturate the server
	validRate     = 1000
	rotationRate  = 50
	stormCooldown = 5 * time.Second // default of unknown_kid_cooldown
	stormLoads    = 3               // loads that are sent at a fixed rate at the same time
)

// keyServer is the issuer: it publishes a key set that can be replaced.
type keyServer struct {
	url  string
	jwks atomic.Pointer[[]byte]
	http *http.Server
}

func startKeyServer() (*keyServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the issuer: %w", err)
	}
	k := &keyServer{url: "http://" + listener.Addr().String()}
	k.http = &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(*k.jwks.Load()) // a client may close the connection
	})}
	go func() { _ = k.http.Serve(listener) }() // until Close
	return k, nil
}

// stormInput is what one round of the storm needs.
type stormInput struct {
	valid, unknown, rotated sample.Tokens
	before, after           []byte // key sets
}

// storm measures in each round a new server, which knows only one key.
func (b *bench) storm() error {
	for _, g := range b.builds {
		b.run.Rows = append(b.run.Rows, b.row(g, stormSection, "", storm, ""))
	}
	b.each = append(b.each, func(round int) error {
		issuer, err := startKeyServer()
		if err != nil {
			return err
		}
		defer func() { _ = issuer.http.Close() }()
		input, err := b.stormInput(issuer.url)
		if err != nil {
			return err
		}
		// A garbage collection of another server takes up to a tenth of a second on
		// the core of the measured one.
		for _, other := range b.servers {
			defer other.process.Stop()()
		}
		for _, g := range ordered(round, b.builds) {
			if err := b.measureStorm(g, fmt.Sprintf("storm-%d", round), issuer, input); err != nil {
				return err
			}
		}
		return nil
	})
	return nil
}

// stormInput signs tokens of an issuer. The gate verifies no signature of a token
// with an unknown key id, so those are EdDSA tokens, which are signed quickly.
func (b *bench) stormInput(issuer string) (input stormInput, err error) {
	next, err := signer.New("EdDSA")
	if err != nil {
		return input, err
	}
	for _, set := range []struct {
		to    *sample.Tokens
		key   *signer.Key
		kind  sample.Kind
		count int
	}{
		{&input.valid, b.key, sample.Kind{Issuer: issuer}, 100},
		{&input.unknown, b.fast, sample.Kind{Issuer: issuer, Fault: sample.UnknownKID}, stormTokens},
		{&input.rotated, next, sample.Kind{Issuer: issuer}, 10},
	} {
		if *set.to, err = b.minted(set.key, set.kind, set.count); err != nil {
			return input, err
		}
	}
	if input.before, err = signer.KeySet(b.key); err != nil {
		return input, err
	}
	input.after, err = signer.KeySet(b.key, next)
	return input, err
}

// measureStorm measures the valid tokens alone, and then during the storm. The
// issuer changes its key in the middle of the storm.
func (b *bench) measureStorm(g build, name string, issuer *keyServer, input stormInput) error {
	issuer.jwks.Store(&input.before)
	s, err := b.gate(g, name, b.serverCore, gateFile{plain: issuer.url, keys: issuer.url + "/keys.json"})
	if err != nil {
		return err
	}
	defer b.end(g, name)
	length := stormTokens * time.Second / stormRate
	// Each load at a fixed rate occupies one of the runtime's processors while it
	// sleeps, for up to ten milliseconds. One more is needed to read answers in time.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(stormLoads + 1))
	defer pauseGC()()
	proper, err := b.sending(s, input.valid, validRate, allowedAs(input.valid))
	if err != nil {
		return err
	}
	defer proper.Close()
	if err := b.pause(time.Second); err != nil {
		return err
	}
	proper.Start()
	if err := b.pause(length); err != nil {
		return err
	}
	before := proper.Stop()
	unknown, err := b.sending(s, input.unknown, stormRate, deniedFor(0, "key_unknown", "key_pending"))
	if err != nil {
		return err
	}
	defer unknown.Close()
	proper.Start()
	if err := b.pause(length / 2); err != nil {
		return err
	}
	issuer.jwks.Store(&input.after)
	used, stop, err := b.rotation(s, input.rotated)
	if err != nil {
		return err
	}
	defer stop()
	if err := b.pause(length - length/2); err != nil {
		return err
	}
	during := proper.Stop()
	var took time.Duration
	select {
	case took = <-used:
	case <-time.After(stormCooldown + time.Second):
		return fmt.Errorf("%s: the new key was not used within the cooldown", g.prefix+storm)
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
	b.run.Results.put(g.prefix+storm, Rotation, took.Seconds())
	return b.run.Results.putStorm(g.prefix+storm, before, during, unknown.Stop())
}

// putStorm adds the results of one round, unless an answer was wrong.
func (r Results) putStorm(variant string, before, during, unknown load.Window) error {
	for _, w := range []load.Window{before, during, unknown} {
		if w.Failed > 0 {
			return fmt.Errorf("%s: %d wrong answers, the first one: %w", variant, w.Failed, w.Failure)
		}
	}
	if before.Done == 0 || during.Done == 0 {
		return fmt.Errorf("%s: no valid token was answered", variant)
	}
	p99 := stat.Percentile(during.Latencies, 99)
	r.put(variant, P99, micros(p99))
	r.put(variant, Storm, float64(p99)/float64(stat.Percentile(before.Latencies, 99)))
	return nil
}

// sending begins to send at a fixed rate.
func (b *bench) sending(s *server, tokens sample.Tokens, rate float64, validate validator) (*load.Run, error) {
	spec, err := checks(s, sample.Path(), tokens, validate)
	if err != nil {
		return nil, err
	}
	spec.Rate = rate
	return load.Begin(spec)
}

// rotation sends tokens of the new key, and sends to used how long it took until
// the first one was allowed. Until then the gate answers 503, not 401.
func (b *bench) rotation(s *server, tokens sample.Tokens) (used <-chan time.Duration, stop func(), err error) {
	begin := time.Now()
	first := make(chan time.Duration, 1)
	pending, allowed := deniedFor(503, "key_pending"), allowedAs(tokens)
	spec, err := checks(s, sample.Path(), tokens, func(n uint64, a load.Answer) error {
		if allowed(n, a) != nil {
			return pending(n, a)
		}
		select {
		case first <- time.Since(begin):
		default:
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	spec.Rate, spec.Sample = rotationRate, 1
	r, err := load.Begin(spec)
	if err != nil {
		return nil, nil, err
	}
	return first, r.Close, nil
}
