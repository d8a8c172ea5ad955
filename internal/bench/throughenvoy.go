package main

import (
	"fmt"
	"net"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/proc"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// The variants behind Envoy that goals are about.
const (
	noAuth    = "Envoy: no authentication"
	jwtAuthn  = "Envoy: jwt_authn as shipped"
	envoyNoop = "Envoy: ext_authz to no-op"
	envoyGate = "Envoy: ext_authz to jwtgate"

	manySuffix = ", 10,000 tokens" // of the variants with as many tokens
)

// envoyVariant is a variant that is called through Envoy.
type envoyVariant struct {
	name   string
	filter func(cluster string) (string, error)
	server string // the cluster of ext_authz; empty: Envoy alone
	named  bool   // the application gets the identity
}

// gate reports whether ext_authz calls jwtgate.
func (v envoyVariant) gate() bool { return v.server != "" && v.server != peerNoop }

// cluster returns the name of the variant's cluster for a build.
func (v envoyVariant) cluster(g build) string { return fileName(g.prefix + v.server) }

func (b *bench) envoyVariants() []envoyVariant {
	jwt := func(settings ...string) func(string) (string, error) {
		return func(string) (string, error) { return jwtFilter(b.jwks, settings...), nil }
	}
	full := func(cluster string) (string, error) { return extAuthz(cluster, false) }
	slim := func(cluster string) (string, error) { return extAuthz(cluster, true) }
	return []envoyVariant{
		{noAuth, func(string) (string, error) { return "", nil }, "", false},
		{jwtAuthn, jwt(), "", true},
		{"Envoy: jwt_authn with a cache of 20,000", jwt("jwt_cache_config: { jwt_cache_size: 20000 }"), "", true},
		{envoyNoop, full, peerNoop, false},
		{"Envoy: ext_authz to no-op, slim", slim, peerNoop, false},
		{envoyGate, full, "gate", true},
		{"Envoy: ext_authz to jwtgate, slim", slim, "gate", true},
		{"Envoy: ext_authz to jwtgate, Unix socket", full, "socket", true},
		{"Envoy: ext_authz to jwtgate, slim, Unix socket", slim, "socket", true},
	}
}

// buildsOf returns the builds with which a variant is measured.
func (b *bench) buildsOf(v envoyVariant) []build {
	if v.gate() {
		return b.builds
	}
	return []build{{}}
}

// upstreams starts the servers that ext_authz calls. Envoy has one core alone;
// these servers share the other one with the load generator.
func (b *bench) upstreams() (list []upstream, err error) {
	add := func(name string, s *server, err error) error {
		if err != nil {
			return err
		}
		b.servers[name] = s
		address, err := endpoint(s.network, s.address)
		list = append(list, upstream{name, address})
		return err
	}
	s, err := b.peer(peerNoop, b.clientCore)
	if err := add(peerNoop, s, err); err != nil {
		return nil, err
	}
	for _, g := range b.builds {
		for name, file := range map[string]gateFile{"gate": {}, "socket": {socket: true}} {
			s, err := b.gate(g, name, b.clientCore, file)
			if err := add(fileName(g.prefix+name), s, err); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// startEnvoy starts Envoy with a listener for each variant and build.
func (b *bench) startEnvoy() error {
	upstreams, err := b.upstreams()
	if err != nil {
		return err
	}
	var list []listener
	b.listeners = map[string]string{}
	for _, v := range b.envoyVariants() {
		for _, g := range b.buildsOf(v) {
			filter, err := v.filter(v.cluster(g))
			if err != nil {
				return err
			}
			address, err := b.freeAddress()
			if err != nil {
				return err
			}
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return err
			}
			list = append(list, listener{Name: fmt.Sprintf("listener%d", len(list)), Port: port, Filter: filter})
			b.listeners[g.prefix+v.name] = address
		}
	}
	admin, err := b.freeAddress()
	if err != nil {
		return err
	}
	file, err := bootstrap(admin, list, upstreams)
	if err != nil {
		return err
	}
	path, err := b.write("envoy.yaml", []byte(file))
	if err != nil {
		return err
	}
	_, err = b.start("envoy", b.serverCore, &server{}, func() error { return getOK("http://" + admin + "/ready") },
		b.options.envoy, "-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn")
	return err
}

// throughEnvoy measures one token, and manyTokens 10,000 in turn.
func (b *bench) throughEnvoy() error {
	return b.addEnvoy("Through Envoy, one token: 4 connections x 16 in flight", "", b.tokens[valid].First(1))
}

func (b *bench) manyTokens() error {
	return b.addEnvoy("Through Envoy, 10,000 tokens in turn", manySuffix, b.tokens[valid])
}

func (b *bench) addEnvoy(section, suffix string, tokens sample.Tokens) error {
	if b.listeners == nil {
		if err := b.startEnvoy(); err != nil {
			return err
		}
	}
	var fields []load.Field
	for _, f := range sample.Fields(sample.Path()) {
		// Envoy adds these; clients do not send them.
		if f.Name != "x-forwarded-for" && f.Name != "x-forwarded-proto" && f.Name != "x-request-id" {
			fields = append(fields, f)
		}
	}
	credentials := make([][]byte, tokens.Len())
	for i := range credentials {
		credentials[i] = load.Literal("authorization", "Bearer "+string(tokens.At(uint64(i))))
	}
	for _, v := range b.envoyVariants() {
		validate := validator(forwarded)
		if v.named {
			validate = forwardedAs(tokens)
		}
		for _, g := range b.buildsOf(v) {
			c := cell{
				Row: b.row(g, section, "", v.name+suffix, jwtAuthn+suffix),
				spec: load.Spec{
					Network: "tcp", Address: b.listeners[g.prefix+v.name], Connections: 4, InFlight: 16, Fields: fields,
					Extra: func(to []byte, n uint64) []byte { return append(to, credentials[n%uint64(len(credentials))]...) },
					Echo:  userHeader, Validate: validate,
				},
				processes: []*proc.Process{b.servers["envoy"].process}, fill: tokens.Len(),
			}
			if v.server != "" {
				c.processes = append(c.processes, b.servers[v.cluster(g)].process)
			}
			if !v.gate() {
				c.Other = ""
			}
			if b.options.chosen(c.Row) {
				b.add(c)
			}
		}
	}
	return nil
}
