package main

import (
	"fmt"
	"net"
	"path/filepath"

	"github.com/jwtgate/jwtgate/internal/bench/load"
	"github.com/jwtgate/jwtgate/internal/bench/proc"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// The variants behind Envoy that goals are about.
const (
	noAuth           = "Envoy: no authentication"
	jwtAuthn         = "Envoy: jwt_authn as shipped"
	envoyNothing     = "Envoy: ext_authz to no-op"
	envoyNothingSlim = "Envoy: ext_authz to no-op, slim"
	envoyFull        = "Envoy: ext_authz to jwtgate"
	envoySlim        = "Envoy: ext_authz to jwtgate, slim"

	inTurn = ", 10,000 tokens" // stands behind the variants with as many
)

// behind is one row of the table of variants that are asked through Envoy.
type behind struct {
	name   string
	filter func() (string, error)
	server string // among the upstreams; empty: Envoy alone
	named  bool   // the application is told who calls
}

// behindVariants is the table itself; a new variant is a line of it.
func (b *bench) behindVariants() []behind {
	jwt := func(settings ...string) func() (string, error) {
		return func() (string, error) { return jwtFilter(b.jwks, settings...), nil }
	}
	ext := func(cluster string, slim bool) func() (string, error) {
		return func() (string, error) { return authz(cluster, slim) }
	}
	return []behind{
		{noAuth, func() (string, error) { return "", nil }, "", false},
		{jwtAuthn, jwt(), "", true},
		{"Envoy: jwt_authn with a cache of 20,000", jwt("jwt_cache_config: { jwt_cache_size: 20000 }"), "", true},
		{envoyNothing, ext("nothing", false), "nothing", false},
		{envoyNothingSlim, ext("nothing", true), "nothing", false},
		{envoyFull, ext("gate", false), "gate", true},
		{envoySlim, ext("gate", true), "gate", true},
		{"Envoy: ext_authz to jwtgate, Unix socket", ext("socket", false), "socket", true},
		{"Envoy: ext_authz to jwtgate, slim, Unix socket", ext("socket", true), "socket", true},
	}
}

// edges starts Envoy with a listener for each variant, and what it asks. Envoy
// has a core to itself; what it asks shares the client's.
func (b *bench) edges() (map[string]edge, error) {
	var upstreams []upstream
	for _, u := range []struct {
		name  string
		start func() (*server, error)
	}{
		{"nothing", func() (*server, error) { return b.peer("nothing", b.clientCore) }},
		{"gate", func() (*server, error) { return b.gate("gate", b.clientCore, gateFile{}) }},
		{"socket", func() (*server, error) { return b.gate("socket", b.clientCore, gateFile{socket: true}) }},
	} {
		s, err := u.start()
		if err != nil {
			return nil, err
		}
		b.servers[u.name] = s // the peer's own name holds its core
		where, err := endpoint(s.network, s.address)
		if err != nil {
			return nil, err
		}
		upstreams = append(upstreams, upstream{u.name, where})
	}
	var list []edge
	byName := map[string]edge{}
	for i, v := range b.behindVariants() {
		filter, err := v.filter()
		if err != nil {
			return nil, err
		}
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		e := edge{Name: fmt.Sprintf("edge%d", i), Port: port, Filter: filter, address: address}
		list = append(list, e)
		byName[v.name] = e
	}
	return byName, b.startEnvoy(list, upstreams)
}

func (b *bench) startEnvoy(edges []edge, upstreams []upstream) error {
	admin, err := freeAddress()
	if err != nil {
		return err
	}
	file, err := bootstrap(admin, edges, upstreams)
	if err != nil {
		return err
	}
	path, err := b.write("envoy.yaml", []byte(file))
	if err != nil {
		return err
	}
	p, err := proc.Start("envoy", filepath.Join(b.dir, "envoy.log"), b.serverCore, nil,
		b.options.envoy, "-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn")
	if err != nil {
		return err
	}
	b.servers["envoy"] = &server{process: p}
	return p.Ready(b.ctx, readyWithin, func() error { return answers("http://" + admin + "/ready") })
}

// throughEnvoy measures one hot token, and manyTokens 10,000 in turn.
func (b *bench) throughEnvoy() error {
	return b.behind("Through Envoy, one token: 4 connections x 16 in flight", "", b.tokens[sound].First(1))
}

func (b *bench) manyTokens() error {
	return b.behind("Through Envoy, 10,000 tokens in turn", inTurn, b.tokens[sound])
}

func (b *bench) behind(section, suffix string, tokens sample.Tokens) error {
	if b.edgeOf == nil {
		var err error
		if b.edgeOf, err = b.edges(); err != nil {
			return err
		}
	}
	fields := make([]load.Field, 0, len(sample.Fields(sample.Path())))
	for _, f := range sample.Fields(sample.Path()) {
		// What Envoy adds by itself is not the client's to send.
		if f.Name != "x-forwarded-for" && f.Name != "x-forwarded-proto" && f.Name != "x-request-id" {
			fields = append(fields, f)
		}
	}
	credentials := make([][]byte, tokens.Len())
	for i := range credentials {
		credentials[i] = load.Literal("authorization", "Bearer "+string(tokens.At(uint64(i))))
	}
	for _, v := range b.behindVariants() {
		judge := judgement(passedPlainly)
		if v.named {
			judge = passedAs(tokens)
		}
		processes := []*proc.Process{b.servers["envoy"].process}
		if v.server != "" {
			processes = append(processes, b.servers[v.server].process)
		}
		b.add(cell{
			Row: Row{Section: section, Variant: v.name + suffix, Base: jwtAuthn + suffix},
			spec: load.Spec{
				Network: "tcp", Address: b.edgeOf[v.name].address, Connections: 4, InFlight: 16, Fields: fields,
				Extra: func(to []byte, n uint64) []byte { return append(to, credentials[n%uint64(len(credentials))]...) },
				Echo:  seenHeader, Judge: judge,
			},
			processes: processes, fill: tokens.Len(),
		})
	}
	return nil
}
