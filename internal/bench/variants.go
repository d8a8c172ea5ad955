package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/proc"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// The variants that goals and other variants are compared with.
const (
	nothing     = "no-op (grpc-go, full unmarshal)"
	unread      = "grpc-go alone (reads nothing, a constant answer)"
	naive       = "naive (golang-jwt, no cache), 10,000 tokens"
	verified1   = "jwtgate, verified, 1 token"
	verified10k = "jwtgate, verified, 10,000 tokens"
	firstSeen   = "jwtgate, first seen, RS256"
	atRate      = "4,000/s: " // stands before the variants at a fixed rate
)

// How the servers are asked.
const (
	connections = 2
	inFlight    = 32 // on each connection
	openLoop    = 4000
	manyTokens  = 10_000
)

// Sets of tokens, and paths that differ in what is asked of them.
const (
	sound, expired, forged, fastTokens = "sound", "expired", "forged", "fast"

	adminPath, whenPath = "/api/admin/orders/42", "/api/users/42/orders"
)

// mint makes the keys and the tokens that most sections use.
func (b *bench) mint() error {
	b.say("making keys and tokens")
	var err error
	if b.key, err = sample.NewKey("RS256"); err != nil {
		return err
	}
	if b.fast, err = sample.NewKey("EdDSA"); err != nil {
		return err
	}
	if b.jwks, err = sample.JWKS(b.key); err != nil {
		return err
	}
	if b.keyFile, err = b.write("keys.json", b.jwks); err != nil {
		return err
	}
	sets := []struct {
		name  string
		key   *sample.Key
		kind  sample.Kind
		count int
	}{
		{sound, b.key, sample.Kind{}, manyTokens},
		{expired, b.key, sample.Kind{Fault: sample.Expired}, 100},
		{forged, b.key, sample.Kind{Fault: sample.Forged}, 100},
	}
	if b.needed("growth") {
		for _, size := range claimSizes() {
			sets = append(sets, struct {
				name  string
				key   *sample.Key
				kind  sample.Kind
				count int
			}{sizeName(size), b.key, sample.Kind{Bytes: size}, 100})
		}
	}
	for _, set := range sets {
		if b.tokens[set.name], err = b.minted(set.key, set.kind, set.count, time.Minute); err != nil {
			return err
		}
	}
	return nil
}

// minted signs tokens, for so long at most, and says so if that was too short.
func (b *bench) minted(key *sample.Key, kind sample.Kind, count int, limit time.Duration) (sample.Tokens, error) {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	tokens, err := sample.Mint(ctx, key, kind, count)
	switch {
	case err != nil:
		return tokens, err
	case b.ctx.Err() != nil:
		return tokens, b.ctx.Err()
	case tokens.Len() == 0:
		return tokens, fmt.Errorf("not one token was made in %v", limit)
	case tokens.Len() < count:
		b.note("only %d of %d tokens were made in %v", tokens.Len(), count, limit)
	}
	return tokens, nil
}

func (b *bench) write(name string, data []byte) (path string, err error) {
	path = filepath.Join(b.dir, name)
	return path, os.WriteFile(path, data, 0o600)
}

// check is the load of CheckRequests with these tokens in turn; without tokens
// the calls have none.
func check(s *server, path string, tokens sample.Tokens, judge judgement) (load.Spec, error) {
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
		// As Envoy's gRPC client sends them, but for a deadline that only a server
		// which stands still can miss.
		Fields: []load.Field{
			{Name: ":method", Value: "POST"}, {Name: ":path", Value: "/envoy.service.auth.v3.Authorization/Check"},
			{Name: ":authority", Value: "jwtgate"}, {Name: ":scheme", Value: "http"},
			{Name: "te", Value: "trailers"}, {Name: "grpc-timeout", Value: "10S"}, {Name: "content-type", Value: "application/grpc"},
			{Name: "x-envoy-internal", Value: "true"}, {Name: "x-forwarded-for", Value: "10.0.3.17"},
			{Name: "x-envoy-expected-rq-timeout-ms", Value: "250"},
		},
		Message: message, Judge: judge,
	}, nil
}

// direct is one row of the table of variants that are asked without an Envoy.
type direct struct {
	name   string
	server func(core int) (*server, error)
	path   string // empty: the usual one
	tokens sample.Tokens
	judge  judgement
	fill   int
}

// directVariants is the table itself. A new variant is a line of it.
func (b *bench) directVariants() []direct {
	all := b.tokens[sound]
	peer := func(kind string) func(int) (*server, error) {
		return func(core int) (*server, error) { return b.peer(kind, core) }
	}
	gate := func(name string, file gateFile) func(int) (*server, error) {
		return func(core int) (*server, error) { return b.gate(name, core, file) }
	}
	usual := gate("usual", gateFile{})
	denied := func(status int32, reasons ...string) judgement { return deniedFor(status, reasons...) }
	return []direct{
		{nothing, peer("nothing"), "", all, allowedPlainly, 0},
		{unread, peer("bytes"), "", all, allowedPlainly, 0},
		{naive, peer("naive"), "", all, allowedAs(all), 0},
		{verified1, usual, "", all.First(1), allowedAs(all.First(1)), 1},
		{verified10k, usual, "", all, allowedAs(all), manyTokens},
		{firstSeen, gate("no-cache", gateFile{noCache: true}), "", all, allowedAs(all), 0},
		{"jwtgate, no credential", usual, "", sample.Tokens{}, denied(401, "credential_missing"), 0},
		{"jwtgate, expired token", usual, "", b.tokens[expired], denied(401, "expired"), 0},
		{"jwtgate, forged token", usual, "", b.tokens[forged], denied(401, "signature_invalid"), 0},
		{"jwtgate, group missing", usual, adminPath, all, denied(403, "group_missing"), 0},
		{"jwtgate, verified, with a when", usual, whenPath, all, allowedAs(all), 0},
		{"jwtgate, verified, with audit lines", gate("audit", gateFile{audit: true}), "", all, allowedAs(all), manyTokens},
	}
}

// cellOf starts what a variant needs. prefix stands before its name.
func (b *bench) cellOf(section, prefix, base string, v direct) (cell, error) {
	s, err := v.server(b.serverCore)
	if err != nil {
		return cell{}, err
	}
	path := v.path
	if path == "" {
		path = sample.Path()
	}
	spec, err := check(s, path, v.tokens, v.judge)
	return cell{
		Row:  Row{Section: section, Variant: prefix + v.name, Base: prefix + base},
		spec: spec, processes: []*proc.Process{s.process}, fill: v.fill,
	}, err
}

func (b *bench) direct() error {
	for _, v := range b.directVariants() {
		c, err := b.cellOf("Direct gRPC, saturated: 2 connections x 32 in flight", "", nothing, v)
		if err != nil {
			return err
		}
		b.add(c)
	}
	return nil
}

// atRate asks at a fixed rate, which leaves nothing to batch: what a sidecar sees.
func (b *bench) atRate() error {
	for _, v := range b.directVariants()[:6] {
		c, err := b.cellOf("Direct gRPC, open loop at 4,000/s", atRate, nothing, v)
		if err != nil {
			return err
		}
		c.spec.Rate = openLoop
		b.add(c)
	}
	return nil
}
