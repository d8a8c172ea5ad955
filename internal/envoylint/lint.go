package envoylint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// Gate is what an Envoy file has to fit: what one jwtgate configuration reads,
// sets and removes. Header names are in lower case.
type Gate struct {
	Identity []string // set, or never believed of a client
	// Overrides are headers by which a client makes applications act on another
	// method, URL or host, as far as they are removed everywhere; Removed are all of
	// them that are removed somewhere.
	Overrides, Removed []string
	Tokens             []string // headers in which a token may stand
	TakenOut           []string // headers that a token is taken out of
	Sets               []string // what is set beside the identity headers
	Reads              []string // beside those in Identity and Removed
	ReadsAny           bool     // and any other
	QueryTokens        bool     // a token may stand in the query
	Routes             []string // names
	AnswersCORS        bool     // scripts can read the gate's denials, and a preflight needs no token
	TLS, ClientTLS     bool     // TLS is spoken, and a client certificate wanted
	Port               string   // that is listened on; empty for a Unix socket
	// Holes that are opened by name, in which Envoy has to follow.
	EncodedSlash, DoubleSlash bool
	CaseSensitive             bool // every application distinguishes /a from /A
}

// Finding is one setting that a rule is about.
type Finding struct {
	Rule Rule
	Pos  config.Pos
	Path string // static_resources.listeners[0].name
	Text string // what is found here
	Mend string // what to write here
	// Note marks what is no reason to fail: a remark, or what the platform
	// cannot set.
	Note bool
}

// Lint reads an Envoy file and returns what it finds in it. An error is of a file
// that cannot be looked at; it says what to do.
func Lint(file string, data []byte, gate Gate, platform Platform) (*Report, error) {
	report, err := look(file, data, gate, platform)
	if err != nil {
		return nil, printableError{err}
	}
	return report, nil
}

func look(file string, data []byte, gate Gate, platform Platform) (*Report, error) {
	root, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	resources, err := resourcesOf(file, root)
	if err != nil {
		return nil, err
	}
	l := &linter{resources: resources, gate: gate, platform: platform, rules: map[string]Rule{}, reported: map[key]bool{}}
	for _, rule := range Rules() {
		l.rules[rule.ID] = rule
	}
	managers := resources.managers()
	if len(managers) == 0 {
		return nil, fmt.Errorf("%s: %w", file, errNoHTTP)
	}
	l.all(managers)
	slices.SortStableFunc(l.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return &Report{File: file, Findings: l.found, Managers: len(managers)}, nil
}

// linter looks at one file.
type linter struct {
	*resources
	gate     Gate
	platform Platform
	rules    map[string]Rule // :: id -> rule
	found    []Finding
	reported map[key]bool
}

// key is what makes two findings the same one: what a virtual host sets is met
// with each of its routes.
type key struct {
	id, path string
	pos      config.Pos
}

// report notes what a rule is about at a value, once.
func (l *linter) report(id string, at *value, format string, args ...any) {
	l.reportMend(id, at, "", format, args...)
}

// reportMend is report with a mend for this one place.
func (l *linter) reportMend(id string, at *value, mend, format string, args ...any) {
	this := key{id, at.path(), at.at}
	if l.reported[this] {
		return
	}
	l.reported[this] = true
	rule := l.rules[id] // there is one for each id (TestRulesAreWhole)
	f := Finding{
		Rule: rule, Pos: at.at, Path: this.path, Text: fmt.Sprintf(format, args...),
		Mend: cmp.Or(mend, rule.Mend), Note: rule.Opens == Remark,
	}
	switch way := rule.way(l.platform); {
	case way.Field != "":
		f.Mend = way.Field
	case way.Without != "":
		f.Mend, f.Note = way.Without, true
	}
	l.found = append(l.found, f)
}

// all makes every check.
func (l *linter) all(managers []*manager) {
	names := l.gateFilters(managers)
	for _, m := range managers {
		forwards := l.forwards(m)
		if !forwards {
			continue // it redirects, or answers by itself: there is no application behind it
		}
		l.edge(m)
		l.accessLogs(m)
		if len(m.gate) == 0 {
			l.report("ext-authz-missing", m.hcm.get("http_filters"), "no ext_authz filter here asks the gate")
			continue
		}
		l.asked(m)
		l.order(m)
		l.rewrites(m)
		l.earlyStrip(m)
		l.trailers(m)
		l.localReplies(m)
		for _, i := range m.gate {
			l.authz(m, m.filters[i])
		}
	}
	for _, name := range names {
		l.cluster(name)
	}
	l.bypasses(managers)
	l.adminInterface()
}

// adminInterface looks at where Envoy can be told what to do.
func (l *linter) adminInterface() {
	socket := l.admin.get("address", "socket_address")
	if address := socket.get("address"); address.there() && !loopback(address.text) {
		l.report("admin-open", address, "the admin interface listens on %s", address.text)
	}
}

func loopback(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

// bypasses looks for ways to an application that no request takes.
func (l *linter) bypasses(managers []*manager) {
	applications := map[string]bool{}
	for _, m := range managers {
		for _, name := range m.clusters() {
			applications[name] = true
		}
	}
	for _, listener := range l.listeners {
		if listener.get("traffic_direction").either("OUTBOUND", "2") {
			continue
		}
		for _, network := range networkFilters(listener) {
			name, proxy := network.typed()
			if to := proxy.get("cluster"); short(name) == "TcpProxy" && applications[to.text] {
				l.report("tcp-bypass", to, "bytes are forwarded to %s, unchecked", to.text)
			}
		}
	}
}
