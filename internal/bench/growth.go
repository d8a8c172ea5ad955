package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/proc"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// The memory of a gate of its own.
const (
	memoryIdle = "memory, idle"
	memoryHeld = "memory, 10,000 verified tokens held"
)

// plainIssuer is whose tokens are minted by the hundred thousand, for EdDSA.
const plainIssuer = "https://plain.example"

func claimSizes() []int { return []int{sample.DefaultBytes, 2000, 4000, 8000} }

func sizeName(bytes int) string { return fmt.Sprintf("growth: tokens of %d bytes", bytes) }

// growth shows what a verified Check costs as the configuration, the tokens
// that are remembered, and the tokens themselves grow.
func (b *bench) growth() error {
	one := b.tokens[sound].First(1)
	fillers, err := sample.JWKS(b.fast)
	if err != nil {
		return err
	}
	fillerFile, err := b.write("fillers.json", fillers)
	if err != nil {
		return err
	}
	for _, n := range []int{1, 100, 10_000} {
		file := gateFile{routes: n - 1}
		if err := b.grown("routes", fmt.Sprintf("growth: %d routes", n), "growth: 1 routes", file, one); err != nil {
			return err
		}
	}
	for _, n := range []int{1, 100} {
		file := gateFile{issuers: n - 1, fillers: fillerFile}
		if err := b.grown("issuers", fmt.Sprintf("growth: %d issuers", n), "growth: 1 issuers", file, one); err != nil {
			return err
		}
	}
	for _, size := range claimSizes() {
		if err := b.grown("token size", sizeName(size), sizeName(claimSizes()[0]), gateFile{}, b.tokens[sizeName(size)]); err != nil {
			return err
		}
	}
	return b.rememberedTokens(fillerFile)
}

// rememberedTokens holds ever more tokens, each number of them in a gate of its
// own, and asks with all in turn.
func (b *bench) rememberedTokens(keys string) error {
	counts := []int{1, 100, 10_000, 100_000, 1_000_000}
	if b.options.quick {
		counts = counts[:4]
	}
	most := counts[len(counts)-1]
	if !b.knowsCache {
		counts, most = counts[:3], counts[2]
		b.note("more than %d cached tokens were left out: there is no cache whose size could be set", most)
	}
	if err := proc.PinSelf(b.allCores()...); err != nil {
		return err
	}
	tokens, err := b.minted(b.fast, sample.Kind{Issuer: plainIssuer, Bytes: 800}, most, time.Minute)
	if err := proc.PinSelf(b.clientCore); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	for _, n := range counts {
		n = min(n, tokens.Len())
		name := fmt.Sprintf("growth: %d cached tokens", n)
		file := gateFile{plain: plainIssuer, keys: keys, cache: max(2*n, 1000)}
		if err := b.grown("cached tokens (EdDSA)", name, "growth: 1 cached tokens", file, tokens.First(n)); err != nil {
			return err
		}
		held, err := b.watchMemory(name)
		if err != nil {
			return err
		}
		if n == tokens.Len() {
			break
		}
		// The next step holds ten times as many.
		if room := availableMemory(); 10*held.Anonymous > room/2 {
			b.note("more than %d cached tokens were left out: they take %d MB, and %d MB are free", n, held.Anonymous>>20, room>>20)
			break
		}
	}
	return nil
}

func (b *bench) allCores() []int {
	if b.serverCore == b.clientCore {
		return []int{b.serverCore}
	}
	return []int{b.serverCore, b.clientCore}
}

// grown adds one variant, saturated and at a fixed rate, in a gate of its own.
func (b *bench) grown(axis, name, base string, file gateFile, tokens sample.Tokens) error {
	v := direct{
		name:   name,
		server: func(core int) (*server, error) { return b.gate(plainName(name), core, file) },
		tokens: tokens, judge: allowedAs(tokens),
	}
	first, err := b.cellOf("", "", base, v)
	if err != nil {
		return err
	}
	known, err := b.send(first.spec, uint64(tokens.Len()), fillLimit)
	if err != nil {
		return fmt.Errorf("%s, before the first round: %w", name, err)
	}
	if known := int(known); known < tokens.Len() {
		v.tokens, v.name = tokens.First(known), fmt.Sprintf("%s, of which %d became known in %v", name, known, fillLimit)
		v.judge = allowedAs(v.tokens)
	}
	for _, prefix := range []string{"", atRate} {
		section := "Growth, " + axis + ", saturated"
		if prefix != "" {
			section = "Growth, " + axis + ", at 4,000/s"
		}
		c, err := b.cellOf(section, prefix, base, v)
		if err != nil {
			return err
		}
		if prefix != "" {
			c.spec.Rate = openLoop
		}
		b.add(c)
	}
	return nil
}

// plainName is a variant's name as part of a file's.
func plainName(name string) string {
	plain := []byte(name)
	for i, c := range plain {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			plain[i] = '-'
		}
	}
	return string(plain)
}

// watchMemory notes in each round what the gate of a grown variant holds, and
// returns what it holds now.
func (b *bench) watchMemory(name string) (proc.Memory, error) {
	s := b.servers[plainName(name)]
	row := "memory, " + name
	b.run.Rows = append(b.run.Rows, Row{Section: "Memory", Variant: row, Base: "none"})
	b.each = append(b.each, func(int) error { return b.noteMemory(row, s) })
	return s.process.Memory()
}

// availableMemory is what the system could give, in bytes (MemAvailable of
// /proc/meminfo); 0 where it is not known.
func availableMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kib int64
	_, rest, _ := strings.Cut(string(text), "MemAvailable:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib << 10
}

func (b *bench) noteMemory(row string, s *server) error {
	m, err := s.process.Memory()
	if err != nil {
		return err
	}
	b.run.Results.put(row, Anonymous, float64(m.Anonymous))
	b.run.Results.put(row, Resident, float64(m.Resident))
	return nil
}

// memory measures a fresh gate in each round: idle, and when it has verified
// 10,000 tokens, each twice.
func (b *bench) memory() error {
	for _, row := range []string{memoryIdle, memoryHeld} {
		b.run.Rows = append(b.run.Rows, Row{Section: "Memory", Variant: row, Base: "none"})
	}
	tokens := b.tokens[sound]
	b.each = append(b.each, func(round int) error {
		name := fmt.Sprintf("memory-%d", round)
		s, err := b.gate(name, b.serverCore, gateFile{})
		if err != nil {
			return err
		}
		defer b.stop(name)
		if err := b.pause(time.Second); err != nil { // what it does at its start is over
			return err
		}
		if err := b.noteMemory(memoryIdle, s); err != nil {
			return err
		}
		spec, err := check(s, sample.Path(), tokens, allowedAs(tokens))
		if err != nil {
			return err
		}
		if _, err := b.send(spec, 2*manyTokens, fillLimit); err != nil {
			return fmt.Errorf("%s: %w", memoryHeld, err)
		}
		return b.noteMemory(memoryHeld, s)
	})
	return nil
}
