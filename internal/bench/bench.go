package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/proc"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// bench is one run.
type bench struct {
	ctx     context.Context
	options options
	log     io.Writer
	run     Run

	dir        string // of configurations, sockets and logs; removed at the end
	self       string // this program
	serverCore int
	clientCore int
	knowsCache bool // the gate has tokens.cache_bytes

	key, fast *sample.Key // RS256, and EdDSA where many tokens are minted
	keyFile   string
	jwks      []byte
	tokens    map[string]sample.Tokens
	servers   map[string]*server
	cells     []cell
	edgeOf    map[string]edge         // :: variant -> its listener; nil until Envoy runs
	each      []func(round int) error // measured in each round after the cells
}

// cell is one variant with all that measuring it takes.
type cell struct {
	Row
	spec      load.Spec
	processes []*proc.Process // whose CPU counts
	fill      int             // calls before the first round, so that its tokens are known
}

// sections are what -only chooses from, in the table's order.
func sections() []string {
	return []string{"direct", "rate", "envoy", "tokens", "growth", "memory", "storm"}
}

// needed reports whether a section is to be measured; the goals need fewer.
func (b *bench) needed(section string) bool {
	if b.options.only != "" {
		return slices.Contains(strings.Split(b.options.only, ","), section)
	}
	return !b.options.check || section != "growth" && section != "tokens"
}

// chosen reports whether a variant is to be measured: all are, or those whose name
// holds one of the texts that were asked for, and what they are compared with.
func (o options) chosen(r Row) bool {
	return r.Variant == r.Base || slices.ContainsFunc(strings.Split(o.variants, ";"), func(text string) bool {
		return strings.Contains(r.Variant, text)
	})
}

// windows are how long a variant is measured in each round, and is run before.
func (b *bench) windows() (warm, window time.Duration) {
	if b.options.quick {
		return 150 * time.Millisecond, 600 * time.Millisecond
	}
	return 400 * time.Millisecond, 2 * time.Second
}

func newBench(ctx context.Context, o options, log io.Writer) (*bench, error) {
	for _, section := range strings.Split(o.only, ",") {
		if o.only != "" && !slices.Contains(sections(), section) {
			return nil, fmt.Errorf("there is no section %q; there are %s", section, strings.Join(sections(), ", "))
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	for _, program := range []*string{&o.gate, &o.envoy} {
		if *program, err = filepath.Abs(*program); err != nil {
			return nil, err
		}
		if _, err := os.Stat(*program); err != nil {
			return nil, fmt.Errorf("%w: `make bench` sets it up", err)
		}
	}
	cores, err := proc.Cores()
	if err != nil {
		return nil, err
	}
	b := &bench{
		ctx: ctx, options: o, log: log, self: self, run: describe(o, command(o)),
		serverCore: cores[0], clientCore: cores[len(cores)-1],
		tokens: map[string]sample.Tokens{}, servers: map[string]*server{},
	}
	if len(cores) == 1 {
		b.note("ONE CORE: server and load generator share it, so no ratio means what it says")
	}
	if load := loadAverage(); load > quiet {
		b.note("the machine was busy when the run began (load %.1f): figures are noisy", load)
	}
	if b.dir, err = os.MkdirTemp("", "jwtgate-bench-"); err != nil {
		return nil, fmt.Errorf("make a folder for the run: %w", err)
	}
	return b, nil
}

// quiet is the load average up to which figures are worth something.
const quiet = 1.0

// loadAverage is the system's, of the last minute; 0 where it is not known.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	one, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(one, 64)
	if err != nil {
		return 0
	}
	return load
}

// command is how the run can be made again.
func command(o options) []string {
	words := []string{"make bench"}
	if o.check {
		words = []string{"make bench-check"}
	}
	if o.quick {
		words = append(words, "BENCH=quick")
	}
	if o.only != "" {
		words = append(words, "(only "+o.only+")")
	}
	if o.variants != "" {
		words = append(words, "(variants: "+o.variants+")")
	}
	return words
}

// note says something that the figures are to be read with, now and below them.
func (b *bench) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(b.log, "bench: NOTE: %s\n", text)
	b.run.Notes = append(b.run.Notes, text)
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.log, "bench: "+format+"\n", args...) }

// close ends every program that was started.
func (b *bench) close() {
	for _, s := range b.servers {
		s.process.Kill()
	}
	_ = os.RemoveAll(b.dir) // it is in the system's folder for what is temporary
}

// prepare makes tokens on all cores, starts the servers, and then keeps to one
// core itself.
func (b *bench) prepare() error {
	if err := b.mint(); err != nil {
		return err
	}
	runtime.GOMAXPROCS(2) // one waits for the time of the next call, one reads
	if err := proc.PinSelf(b.clientCore); err != nil {
		return err
	}
	b.say("starting servers on core %d; the load comes from core %d", b.serverCore, b.clientCore)
	if err := b.probe(); err != nil {
		return err
	}
	for _, section := range []struct {
		name string
		add  func() error
	}{
		{"direct", b.direct}, {"rate", b.atRate}, {"envoy", b.throughEnvoy}, {"tokens", b.manyTokens},
		{"growth", b.growth}, {"memory", b.memory}, {"storm", b.storm},
	} {
		if !b.needed(section.name) {
			continue
		}
		if err := section.add(); err != nil {
			return fmt.Errorf("set up %s: %w", section.name, err)
		}
	}
	for i := range b.cells {
		if err := b.warm(&b.cells[i]); err != nil {
			return err
		}
	}
	return nil
}

// rounds measures every variant once a round, one after the other, so that all
// see the machine at its good and at its bad times.
func (b *bench) rounds() error {
	for round := range b.options.rounds {
		begin := time.Now()
		for _, c := range b.cells {
			if err := b.measureTwice(c); err != nil {
				return fmt.Errorf("%s, %s: %w", c.Section, c.Variant, err)
			}
		}
		for _, more := range b.each {
			if err := more(round); err != nil {
				return err
			}
		}
		b.say("round %d of %d took %.0f s", round+1, b.options.rounds, time.Since(begin).Seconds())
	}
	return nil
}

// add takes a variant into the table and the rounds, if it was asked for.
func (b *bench) add(c cell) {
	if !b.options.chosen(c.Row) {
		return
	}
	b.cells = append(b.cells, c)
	b.run.Rows = append(b.run.Rows, c.Row)
}

// pause waits, unless the run is to end.
func (b *bench) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-b.ctx.Done():
		return errors.New("interrupted")
	}
}
