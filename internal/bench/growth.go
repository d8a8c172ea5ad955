package main

import (
	"fmt"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/proc"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
	"github.com/jwtgate/jwtgate/internal/signer"
)

// The variants of the memory section, whose servers are new in each round.
const (
	memoryIdle = "memory, idle"
	memoryHeld = "memory, 10,000 cached tokens"
)

// plainIssuer is the issuer of the many EdDSA tokens.
const plainIssuer = "https://plain.example"

func tokenSizes() []int { return []int{sample.DefaultBytes, 2000, 4000, 8000} }

func routesName(n int) string     { return fmt.Sprintf("growth: %d routes", n) }
func issuersName(n int) string    { return fmt.Sprintf("growth: %d issuers", n) }
func sizeName(bytes int) string   { return fmt.Sprintf("growth: tokens of %d bytes", bytes) }
func cachedName(n int) string     { return fmt.Sprintf("growth: %d cached tokens", n) }
func memoryOf(name string) string { return "memory, " + name }

// growth measures a verified Check with more and more routes, issuers and cached
// tokens, and with longer and longer tokens.
func (b *bench) growth() error {
	one := b.tokens[valid].First(1)
	fillers, err := signer.KeySet(b.fast)
	if err != nil {
		return err
	}
	fillerFile, err := b.write("fillers.json", fillers)
	if err != nil {
		return err
	}
	for _, n := range []int{1, 100, 10_000} {
		v := variant{name: routesName(n), base: routesName(1), file: gateFile{routes: n - 1}, tokens: one}
		if err := b.addGrowth("routes", v); err != nil {
			return err
		}
	}
	for _, n := range []int{1, 100} {
		v := variant{name: issuersName(n), base: issuersName(1), file: gateFile{issuers: n - 1, fillers: fillerFile}, tokens: one}
		if err := b.addGrowth("issuers", v); err != nil {
			return err
		}
	}
	for _, size := range tokenSizes() {
		v := variant{name: sizeName(size), base: sizeName(tokenSizes()[0]), tokens: b.tokens[sizeName(size)]}
		if err := b.addGrowth("token size", v); err != nil {
			return err
		}
	}
	return b.cachedTokens(fillerFile)
}

// cachedTokens measures servers with more and more cached tokens, all of which
// are used in turn, and their memory.
func (b *bench) cachedTokens(keys string) error {
	counts := []int{1, 100, 10_000, 100_000}
	if err := proc.PinSelf(b.serverCore, b.clientCore); err != nil {
		return err
	}
	tokens, err := b.minted(b.fast, sample.Kind{Issuer: plainIssuer, Bytes: 800}, counts[len(counts)-1])
	if err := proc.PinSelf(b.clientCore); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	for _, n := range counts {
		v := variant{
			name: cachedName(n), base: cachedName(1), tokens: tokens.First(min(n, tokens.Len())),
			file: gateFile{plain: plainIssuer, keys: keys, cache: max(2*n, 1000)},
		}
		if err := b.addGrowth("cached tokens (EdDSA)", v); err != nil {
			return err
		}
		for _, g := range b.builds {
			if s, running := b.servers[fileName(g.prefix+v.name)]; running {
				b.run.Rows = append(b.run.Rows, b.row(g, memorySection, "", memoryOf(v.name), ""))
				b.each = append(b.each, func(int) error { return b.putMemory(g.prefix+memoryOf(v.name), s) })
			}
		}
	}
	return nil
}

// addGrowth adds a variant with its own server, saturated and at a fixed rate.
func (b *bench) addGrowth(axis string, v variant) error {
	v.gate, v.validate, v.fill = v.name, allowedAs(v.tokens), v.tokens.Len()
	if err := b.addVariant("Growth, "+axis+", saturated", "", v); err != nil {
		return err
	}
	return b.addVariant("Growth, "+axis+", at 4,000/s", atRate, v)
}

func (b *bench) putMemory(row string, s *server) error {
	m, err := s.process.Memory()
	if err != nil {
		return err
	}
	b.run.Results.put(row, Anonymous, float64(m.Anonymous))
	b.run.Results.put(row, Resident, float64(m.Resident))
	return nil
}

// memory measures a new server in each round: idle, and after it has verified
// 10,000 tokens, each twice.
func (b *bench) memory() error {
	for _, name := range []string{memoryIdle, memoryHeld} {
		for _, g := range b.builds {
			b.run.Rows = append(b.run.Rows, b.row(g, memorySection, "", name, ""))
		}
	}
	b.each = append(b.each, func(round int) error {
		for _, g := range ordered(round, b.builds) {
			if err := b.measureMemory(g, fmt.Sprintf("memory-%d", round)); err != nil {
				return err
			}
		}
		return nil
	})
	return nil
}

func (b *bench) measureMemory(g build, name string) error {
	s, err := b.gate(g, name, b.serverCore, gateFile{})
	if err != nil {
		return err
	}
	defer b.end(g, name)
	if err := b.pause(time.Second); err != nil { // until its start is over
		return err
	}
	if err := b.putMemory(g.prefix+memoryIdle, s); err != nil {
		return err
	}
	tokens := b.tokens[valid]
	spec, err := checks(s, sample.Path(), tokens, allowedAs(tokens))
	if err != nil {
		return err
	}
	if _, err := b.send(spec, 2*tokenCount); err != nil {
		return fmt.Errorf("%s: %w", memoryHeld, err)
	}
	return b.putMemory(g.prefix+memoryHeld, s)
}
