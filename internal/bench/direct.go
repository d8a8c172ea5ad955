package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/proc"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
	"github.com/jwtgate/jwtgate/internal/signer"
)

// The variants that goals and other variants are compared with.
const (
	noop         = "no-op (grpc-go, full unmarshal)"
	verified10k  = "jwtgate, verified, 10,000 tokens"
	firstSeen    = "jwtgate, first seen, RS256"
	noCredential = "jwtgate, no credential"
	expiredToken = "jwtgate, expired token"
	withWhen     = "jwtgate, verified, with a when"
	withAudit    = "jwtgate, verified, with audit lines"
	atRate       = "4,000/s: " // prefix of the variants at a fixed rate
)

// How calls are sent to the servers.
const (
	connections = 2
	inFlight    = 32 // on each connection
	fixedRate   = 4000
	tokenCount  = 10_000
)

// Sets of tokens, and paths with other rules.
const (
	valid, expired, forged = "valid", "expired", "forged"

	adminPath, whenPath = "/api/admin/orders/42", "/api/users/42/orders"
)

// mint creates the keys and the tokens that most sections use.
func (b *bench) mint() error {
	b.logf("creating keys and tokens")
	var err error
	if b.key, err = signer.New("RS256"); err != nil {
		return err
	}
	if b.fast, err = signer.New("EdDSA"); err != nil {
		return err
	}
	if b.jwks, err = signer.KeySet(b.key); err != nil {
		return err
	}
	if b.keyFile, err = b.write("keys.json", b.jwks); err != nil {
		return err
	}
	type set struct {
		name  string
		kind  sample.Kind
		count int
	}
	sets := []set{
		{valid, sample.Kind{}, tokenCount},
		{expired, sample.Kind{Fault: sample.Expired}, 100},
		{forged, sample.Kind{Fault: sample.Forged}, 100},
	}
	if b.needed("growth") {
		for _, size := range tokenSizes() {
			sets = append(sets, set{sizeName(size), sample.Kind{Bytes: size}, 100})
		}
	}
	for _, s := range sets {
		if b.tokens[s.name], err = b.minted(b.key, s.kind, s.count); err != nil {
			return err
		}
	}
	return nil
}

// minted signs tokens for at most a minute, and notes if that was too short.
func (b *bench) minted(key *signer.Key, kind sample.Kind, count int) (sample.Tokens, error) {
	const limit = time.Minute
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	tokens, err := sample.Mint(ctx, key, kind, count)
	switch {
	case err != nil:
		return tokens, err
	case b.ctx.Err() != nil:
		return tokens, b.ctx.Err()
	case tokens.Len() == 0:
		return tokens, fmt.Errorf("no token was signed within %v", limit)
	case tokens.Len() < count:
		b.notef("only %d of %d tokens were signed within %v", tokens.Len(), count, limit)
	}
	return tokens, nil
}

// checks describes the load of CheckRequests with these tokens in turn, or
// without a token if there are none.
func checks(s *server, path string, tokens sample.Tokens, validate validator) (load.Spec, error) {
	request, err := sample.NewRequest(path, tokens.Size())
	if err != nil {
		return load.Spec{}, err
	}
	message := func(to []byte, _ uint64) []byte { return request.Append(to, nil) }
	if tokens.Len() > 0 {
		message = func(to []byte, n uint64) []byte { return request.Append(to, tokens.At(n)) }
	}
	return load.Spec{
		Network: s.network, Address: s.address, Connections: connections, InFlight: inFlight,
		// As Envoy's gRPC client sends them, except for a longer deadline.
		Fields: []load.Field{
			{Name: ":method", Value: "POST"}, {Name: ":path", Value: "/envoy.service.auth.v3.Authorization/Check"},
			{Name: ":authority", Value: "jwtgate"}, {Name: ":scheme", Value: "http"},
			{Name: "te", Value: "trailers"}, {Name: "grpc-timeout", Value: "10S"}, {Name: "content-type", Value: "application/grpc"},
			{Name: "x-envoy-internal", Value: "true"}, {Name: "x-forwarded-for", Value: "10.0.3.17"},
			{Name: "x-envoy-expected-rq-timeout-ms", Value: "250"},
		},
		Message: message, Validate: validate,
	}, nil
}

// variant is a variant that is called without Envoy.
type variant struct {
	name     string
	peer     string   // the kind of the server; empty: jwtgate
	gate     string   // the name of the jwtgate, with this configuration
	file     gateFile //
	base     string   // a variant of the same build; empty: no-op
	rate     bool     // measured at a fixed rate too
	path     string   // empty: the usual one
	tokens   sample.Tokens
	validate validator
	fill     int
}

// variants returns the variants of the direct section.
func (b *bench) variants() []variant {
	all := b.tokens[valid]
	one := all.First(min(1, all.Len()))
	list := []variant{
		{name: noop, peer: peerNoop, rate: true, tokens: all, validate: allowed},
		{name: "grpc-go alone (decodes nothing, constant answer)", peer: peerBytes, rate: true, tokens: all, validate: allowed},
		{name: "naive (golang-jwt, no cache), 10,000 tokens", peer: peerNaive, rate: true, tokens: all, validate: allowedAs(all)},
		{name: "jwtgate, verified, 1 token", rate: true, tokens: one, validate: allowedAs(one), fill: 1},
		{name: verified10k, rate: true, tokens: all, validate: allowedAs(all), fill: tokenCount},
		{
			name: firstSeen, rate: true, gate: "no-cache", file: gateFile{noCache: true},
			tokens: all, validate: allowedAs(all),
		},
		{name: noCredential, validate: deniedFor(401, "credential_missing")},
		{name: expiredToken, tokens: b.tokens[expired], validate: deniedFor(401, "expired")},
		{name: "jwtgate, forged token", tokens: b.tokens[forged], validate: deniedFor(401, "signature_invalid")},
		{name: "jwtgate, group missing", path: adminPath, tokens: all, validate: deniedFor(403, "group_missing")},
		{name: withWhen, path: whenPath, tokens: all, validate: allowedAs(all)},
		{name: withAudit, gate: "audit", file: gateFile{audit: true}, tokens: all, validate: allowedAs(all), fill: tokenCount},
	}
	for i := range list {
		if list[i].gate == "" {
			list[i].gate = "usual"
		}
	}
	return list
}

// addVariant starts what a variant needs, and adds it for each build. The prefix
// of its name is empty or [atRate].
func (b *bench) addVariant(section, prefix string, v variant) error {
	builds := b.builds
	if v.peer != "" {
		builds = []build{{}}
	}
	for _, g := range builds {
		base := prefix + noop
		if v.base != "" {
			base = prefix + g.prefix + v.base
		}
		row := b.row(g, section, prefix, v.name, base)
		if v.peer != "" {
			row.Other = ""
		}
		if !b.options.chosen(row) {
			continue
		}
		s, err := b.serverOf(g, v)
		if err != nil {
			return err
		}
		path := v.path
		if path == "" {
			path = sample.Path()
		}
		spec, err := checks(s, path, v.tokens, v.validate)
		if err != nil {
			return err
		}
		c := cell{Row: row, spec: spec, processes: []*proc.Process{s.process}, fill: v.fill}
		if prefix == atRate {
			c.spec.Rate, c.fill = fixedRate, 0
		}
		b.add(c)
	}
	return nil
}

func (b *bench) serverOf(g build, v variant) (*server, error) {
	if v.peer != "" {
		return b.peer(v.peer, b.serverCore)
	}
	return b.gate(g, v.gate, b.serverCore, v.file)
}

func (b *bench) direct() error {
	for _, v := range b.variants() {
		if err := b.addVariant("Direct gRPC, saturated: 2 connections x 32 in flight", "", v); err != nil {
			return err
		}
	}
	return nil
}

// atRate measures at a fixed rate that rarely has two requests at a time, as for
// a sidecar.
func (b *bench) atRate() error {
	for _, v := range b.variants() {
		if !v.rate {
			continue
		}
		if err := b.addVariant("Direct gRPC, open loop at 4,000/s", atRate, v); err != nil {
			return err
		}
	}
	return nil
}
