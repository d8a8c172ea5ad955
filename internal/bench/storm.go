package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
	"github.com/jwtgate/jwtgate/internal/bench/stat"
)

// The storm: 10,000 tokens with key ids that nobody has, while proper tokens go
// on and the issuer changes its key.
const (
	storm         = "10,000 unknown kids"
	stormKIDs     = 10_000
	stormRate     = 2000 // a second; the server has room left
	properRate    = 1000
	rotationRate  = 50
	stormCooldown = 5 * time.Second // unknown_kid_cooldown's default
	stormRates    = 3               // loads that are sent at a rate at once
)

// keyServer is the issuer's: it publishes a key set that can be replaced.
type keyServer struct {
	url  string
	jwks atomic.Pointer[[]byte]
	http *http.Server
}

func startKeyServer(jwks []byte) (*keyServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the issuer: %w", err)
	}
	k := &keyServer{url: "http://" + listener.Addr().String()}
	k.jwks.Store(&jwks)
	k.http = &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(*k.jwks.Load()) // a caller who leaves is no fault
	})}
	go func() { _ = k.http.Serve(listener) }() // until Close
	return k, nil
}

// tempest is what one round of the storm needs.
type tempest struct {
	proper, unknown, rotated sample.Tokens
	before, after            []byte // key sets
}

// storm measures in each round a gate that knows no key id yet but the proper one.
func (b *bench) storm() error {
	b.run.Rows = append(b.run.Rows, Row{Section: "Unknown key ids", Variant: storm, Base: "before it"})
	b.each = append(b.each, func(round int) error {
		keys, err := startKeyServer(nil)
		if err != nil {
			return err
		}
		defer func() { _ = keys.http.Close() }()
		t, err := b.tempest(keys.url)
		if err != nil {
			return err
		}
		keys.jwks.Store(&t.before)
		// Others hold what a collection of their garbage takes a tenth of a second
		// for, on the core of the one that is measured.
		for _, other := range b.servers {
			defer other.process.Freeze()()
		}
		name := fmt.Sprintf("storm-%d", round)
		s, err := b.gate(name, b.serverCore, gateFile{plain: keys.url, keys: keys.url + "/keys.json"})
		if err != nil {
			return err
		}
		defer b.stop(name)
		return b.weather(s, keys, t)
	})
	return nil
}

// tempest mints for an issuer. Nobody looks at the signature of a token whose
// key id is unknown, so those are made the quick way.
func (b *bench) tempest(issuer string) (t tempest, err error) {
	next, err := sample.NewKey("EdDSA")
	if err != nil {
		return t, err
	}
	for _, set := range []struct {
		to    *sample.Tokens
		key   *sample.Key
		kind  sample.Kind
		count int
	}{
		{&t.proper, b.key, sample.Kind{Issuer: issuer}, 100},
		{&t.unknown, b.fast, sample.Kind{Issuer: issuer, Fault: sample.UnknownKID}, stormKIDs},
		{&t.rotated, next, sample.Kind{Issuer: issuer}, 10},
	} {
		if *set.to, err = b.minted(set.key, set.kind, set.count, 30*time.Second); err != nil {
			return t, err
		}
	}
	if t.before, err = sample.JWKS(b.key); err != nil {
		return t, err
	}
	t.after, err = sample.JWKS(b.key, next)
	return t, err
}

// weather measures the proper tokens alone, then in the storm, into whose middle
// the rotation falls.
func (b *bench) weather(s *server, keys *keyServer, t tempest) error {
	length := stormKIDs * time.Second / stormRate
	// Whoever sends at a rate holds one of the runtime's processors while it waits
	// for the time of the next call, for as much as ten milliseconds. Were there none
	// left, answers would be read late, and the gate be blamed.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(stormRates + 1))
	defer uncollected()()
	proper, err := b.sending(s, t.proper, properRate, allowedAs(t.proper))
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
	calm := proper.Stop()
	unknown, err := b.sending(s, t.unknown, stormRate, deniedFor(0, "key_unknown", "key_pending"))
	if err != nil {
		return err
	}
	defer unknown.Close()
	proper.Start()
	if err := b.pause(length / 2); err != nil {
		return err
	}
	keys.jwks.Store(&t.after)
	seen, stop, err := b.rotation(s, t.rotated)
	if err != nil {
		return err
	}
	defer stop()
	if err := b.pause(length - length/2); err != nil {
		return err
	}
	rough := proper.Stop()
	var took time.Duration
	select {
	case took = <-seen:
	case <-time.After(2 * stormCooldown):
		return errors.New("the new key was not seen, long after the cooldown")
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
	for _, w := range []load.Window{calm, rough, unknown.Stop()} {
		if w.Failed > 0 {
			return fmt.Errorf("%s: %d answers were not as they should be, the first one: %w", storm, w.Failed, w.Failure)
		}
	}
	if len(calm.Latencies) == 0 || len(rough.Latencies) == 0 {
		return fmt.Errorf("%s: no proper token was answered", storm)
	}
	b.run.Results.put(storm, Storm, float64(stat.Percentile(rough.Latencies, 99))/float64(stat.Percentile(calm.Latencies, 99)))
	b.run.Results.put(storm, Seconds, took.Seconds())
	return nil
}

// sending begins an open loop.
func (b *bench) sending(s *server, tokens sample.Tokens, rate float64, judge judgement) (*load.Run, error) {
	spec, err := check(s, sample.Path(), tokens, judge)
	if err != nil {
		return nil, err
	}
	spec.Rate = rate
	return load.Begin(spec)
}

// rotation sends tokens of the new key, and tells how long it took until the
// first one was allowed. Until then they are an outage, and no bad login.
func (b *bench) rotation(s *server, tokens sample.Tokens) (seen <-chan time.Duration, stop func(), err error) {
	begin := time.Now()
	first := make(chan time.Duration, 1)
	pending, allowed := deniedFor(503, "key_pending"), allowedAs(tokens)
	spec, err := check(s, sample.Path(), tokens, func(n uint64, a load.Answer) error {
		if allowed(n, a) == nil {
			select {
			case first <- time.Since(begin):
			default:
			}
			return nil
		}
		return pending(n, a)
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
