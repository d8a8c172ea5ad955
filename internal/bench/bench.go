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
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/proc"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
	"github.com/jwtgate/jwtgate/internal/signer"
)

// bench is one run.
type bench struct {
	ctx     context.Context
	options options
	log     io.Writer
	run     Run
	builds  []build // the measured one, and the one of -against

	dir        string // of configurations, sockets and logs; removed at the end
	self       string // this program
	serverCore int
	clientCore int

	key, fast *signer.Key // RS256, and EdDSA where many tokens are signed
	keyFile   string
	jwks      []byte
	tokens    map[string]sample.Tokens
	servers   map[string]*server
	cells     []cell
	addresses map[string]bool         // that freeAddress returned
	listeners map[string]string       // :: variant -> its address in Envoy; nil until Envoy runs
	each      []func(round int) error // measured in each round after the cells
}

// build is one jwtgate program.
type build struct {
	program string
	prefix  string // of the names of its variants and servers
	entries bool   // it has tokens.cache_entries, which cache_bytes has replaced
}

// otherPrefix is the prefix of the build that -against names.
const otherPrefix = "other: "

// cell is one variant with everything that measuring it needs.
type cell struct {
	Row
	spec      load.Spec
	processes []*proc.Process // whose CPU time counts
	fill      int             // calls before the first round, so that the tokens are cached
}

// sections returns the sections of the table in their order.
func sections() []string {
	return []string{"direct", "rate", "envoy", "tokens", "growth", "memory", "storm"}
}

// needed reports whether a section is measured. No goal needs the tokens section.
func (b *bench) needed(section string) bool {
	if b.options.only != "" {
		return slices.Contains(strings.Split(b.options.only, ","), section)
	}
	return !b.options.check || section != "tokens"
}

// chosen reports whether -variants names a variant; a base is always chosen.
func (o options) chosen(r Row) bool {
	return r.Variant == r.Base || slices.ContainsFunc(strings.Split(o.variants, ";"), func(text string) bool {
		return strings.Contains(r.Variant, text)
	})
}

// windows returns how long a variant runs in each round before it is measured,
// and how long it is measured.
func (b *bench) windows() (warm, window time.Duration) {
	if b.options.quick {
		return 150 * time.Millisecond, 600 * time.Millisecond
	}
	return 400 * time.Millisecond, 2 * time.Second
}

// quiet is the share of the CPU that other programs may use.
const quiet = 0.05

func newBench(ctx context.Context, o options, log io.Writer) (*bench, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	for _, program := range []*string{&o.gate, &o.against, &o.envoy} {
		if *program == "" {
			continue
		}
		if *program, err = filepath.Abs(*program); err != nil {
			return nil, err
		}
		if _, err := os.Stat(*program); err != nil {
			return nil, fmt.Errorf("%w; `make bench` builds jwtgate and installs Envoy", err)
		}
	}
	cores, err := proc.Cores()
	if err != nil {
		return nil, err
	}
	b := &bench{
		ctx: ctx, options: o, log: log, self: self, run: describe(o, command(o)), builds: []build{{program: o.gate}},
		serverCore: cores[0], clientCore: cores[len(cores)-1],
		tokens: map[string]sample.Tokens{}, servers: map[string]*server{}, addresses: map[string]bool{},
	}
	if o.against != "" {
		b.builds = append(b.builds, build{program: o.against, prefix: otherPrefix})
	}
	if len(cores) == 1 {
		b.notef("ONE CORE: the servers and the load generator share it, so the ratios are wrong")
	}
	if err := b.checkQuiet(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "jwtgate-bench-"); err != nil {
		return nil, fmt.Errorf("create a directory for the run: %w", err)
	}
	if err := os.Mkdir(b.logs(), 0o700); err != nil {
		return nil, fmt.Errorf("create a directory for the logs: %w", err)
	}
	return b, nil
}

// logs is the folder of the servers' output. It is not the folder of their configurations,
// which they watch: each line of one server would wake all the others.
func (b *bench) logs() string { return filepath.Join(b.dir, "logs") }

// checkQuiet notes that other programs use the machine; no page is written then.
func (b *bench) checkQuiet() error {
	before := readCPUTicks()
	if err := b.pause(2 * time.Second); err != nil {
		return err
	}
	share := busyShare(before, readCPUTicks())
	if share <= quiet {
		return nil
	}
	if b.options.markdown != "" {
		return fmt.Errorf("other programs use %.0f %% of the CPU; expected at most %.0f %% for a documentation page", share*100, quiet*100)
	}
	b.notef("other programs used %.0f %% of the CPU when the run began: the results are not precise", share*100)
	return nil
}

// command returns the command that repeats the run.
func command(o options) string {
	words := []string{"make bench"}
	switch {
	case o.check:
		words = []string{"make bench-check"}
	case o.markdown != "":
		words = []string{"make bench-pages"}
	}
	if o.quick {
		words = append(words, "BENCH=quick")
	}
	if o.against != "" {
		words = append(words, "AGAINST=PROGRAM")
	}
	if o.only != "" {
		words = append(words, "(only "+o.only+")")
	}
	if o.variants != "" {
		words = append(words, "(variants: "+o.variants+")")
	}
	return strings.Join(words, " ")
}

// notef logs something that a reader of the results must know, and adds it to the
// report.
func (b *bench) notef(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	b.logf("NOTE: %s", text)
	b.run.Notes = append(b.run.Notes, text)
}

func (b *bench) logf(format string, args ...any) { fmt.Fprintf(b.log, "bench: "+format+"\n", args...) }

// close ends every program that was started.
func (b *bench) close() {
	for _, s := range b.servers {
		s.process.Kill()
	}
	_ = os.RemoveAll(b.dir) // in the system's temporary directory
}

// prepare signs tokens on all cores, restricts this process to one core, and
// starts the servers.
func (b *bench) prepare() error {
	if err := b.mint(); err != nil {
		return err
	}
	runtime.GOMAXPROCS(2) // at a fixed rate one goroutine sleeps in its thread while another reads
	if err := proc.PinSelf(b.clientCore); err != nil {
		return err
	}
	b.logf("starting servers on core %d; the load generator runs on core %d", b.serverCore, b.clientCore)
	for i := range b.builds {
		if err := b.probe(&b.builds[i]); err != nil {
			return err
		}
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
		if err := b.fill(&b.cells[i]); err != nil {
			return err
		}
	}
	return nil
}

// rounds measures every variant once in each round, one after the other, so that
// a time at which the machine is slow affects all variants.
func (b *bench) rounds() error {
	warm, window := b.windows()
	least := time.Duration(len(b.cells)*b.options.rounds) * (warm + window)
	b.logf("%d variants in %d rounds take %v; memory and storm take up to 20 s a round and build more",
		len(b.cells), b.options.rounds, least.Round(time.Second))
	for round := range b.options.rounds {
		begin := time.Now()
		for _, c := range ordered(round, b.cells) {
			if err := b.measureTwice(c); err != nil {
				return fmt.Errorf("%s, %s: %w", c.Section, c.Variant, err)
			}
		}
		for _, measure := range b.each {
			if err := measure(round); err != nil {
				return err
			}
		}
		b.logf("round %d of %d took %.0f s", round+1, b.options.rounds, time.Since(begin).Seconds())
	}
	return nil
}

// ordered returns the list for a round: backwards in every second one, so that
// neither of two builds is always measured first.
func ordered[T any](round int, list []T) []T {
	list = slices.Clone(list)
	if round%2 == 1 {
		slices.Reverse(list)
	}
	return list
}

// row returns the row of a variant of a build. The row of the measured build also
// names the same variant of the other build.
func (b *bench) row(g build, section, prefix, name, base string) Row {
	r := Row{Section: section, Variant: prefix + g.prefix + name, Base: base}
	if len(b.builds) > 1 && g.prefix == "" {
		r.Other = prefix + otherPrefix + name
	}
	return r
}

// add adds a variant to the table and to the rounds.
func (b *bench) add(c cell) {
	b.cells = append(b.cells, c)
	b.run.Rows = append(b.run.Rows, c.Row)
}

// pause waits, unless the run is interrupted.
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
