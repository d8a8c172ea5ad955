package envoylint

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/terminal"
)

// Gate is what one jwtgate configuration reads, sets, removes and relaxes, and
// therefore needs from Envoy.
type Gate = envoy.Needs

// Finding is one setting that violates a rule.
type Finding struct {
	Rule Rule
	Pos  config.Pos
	Path string // static_resources.listeners[0].name
	Text string // what is wrong here
	Fix  string // what to write here
	// Note is set for a finding that does not change the exit code: its severity is
	// Note, or the platform has no field for it.
	Note bool
}

// File is an Envoy file that was read: a bootstrap, xDS resources, or a dump.
type File struct {
	name string
	root *value
	all  []*resources
}

// Read reads an Envoy file. An error means that the file cannot be checked, and says what to
// do.
func Read(name string, data []byte) (*File, error) {
	root, err := parse(name, data)
	if err != nil {
		return nil, printableError{err}
	}
	all, err := resourcesOf(name, root)
	if err != nil {
		return nil, printableError{err}
	}
	return &File{name: name, root: root, all: all}, nil
}

// Lint returns the findings of the file, for a release of Envoy, whatever the file says about
// it. The zero version is that of the dump; without one, rules about releases report nothing.
// An error means that the file cannot be checked, and says what to do.
func (f *File) Lint(gate Gate, platform Platform, version Version) (*Report, error) {
	report, err := f.lint(gate, platform, version)
	if err != nil {
		return nil, printableError{err}
	}
	return report, nil
}

func (f *File) lint(gate Gate, platform Platform, version Version) (*Report, error) {
	report := &Report{File: f.name}
	rules := map[string]Rule{}
	for _, rule := range Rules() {
		rules[rule.ID] = rule
	}
	table, err := readReleases()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded table of Envoy's versions: %w", err)
	}
	var failed error
	for _, one := range f.all {
		checked := *one // the file stays as it was read
		if version != (Version{}) {
			checked.version, checked.versionAt = version, f.root
		}
		l := &linter{
			table:     table,
			resources: &checked, gate: gate, platform: platform, rules: rules, reported: map[key]bool{},
			managers: map[*value][]*manager{}, gates: map[string]bool{}, byName: map[string][]*value{}, bytes: map[*value][]destination{},
		}
		failed = cmp.Or(failed, l.addTo(report))
	}
	if report.Managers+report.Idle == 0 {
		return nil, failed
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return report, nil
}

// addTo checks the resources, and adds what it finds to a report.
func (l *linter) addTo(r *Report) error {
	inbound, outbound := l.split()
	for _, listener := range inbound {
		name := listener.get("name").text
		l.byName[name] = append(l.byName[name], listener)
	}
	managers := l.managersOf(inbound)
	r.Skipped = append(r.Skipped, namesOf(outbound)...)
	for _, m := range managers {
		l.managers[m.listener] = append(l.managers[m.listener], m)
	}
	if len(managers) == 0 {
		return l.noHTTP(r.File, outbound)
	}
	idle := l.run(inbound, managers)
	r.Findings, r.Managers, r.Idle = append(r.Findings, l.found...), r.Managers+len(managers)-idle, r.Idle+idle
	return nil
}

// linter checks the resources of one Envoy.
type linter struct {
	*resources
	gate     Gate
	platform Platform
	rules    map[string]Rule // :: id -> rule
	table    releases
	found    []Finding
	reported map[key]bool
	managers map[*value][]*manager // :: listener -> its connection managers
	gates    map[string]bool       // :: names of the gate's clusters
	byName   map[string][]*value   // :: name -> inbound listeners
	bytes    map[*value][]destination
	entries  map[*value]entries // nil until it is needed
}

// key identifies a finding, so that a setting of a virtual host, which the linter
// visits with each of the host's routes, is reported once.
type key struct {
	id, path string
	pos      config.Pos
}

// report adds a finding at a value, once.
func (l *linter) report(id string, at *value, format string, args ...any) {
	l.reportFix(id, at, "", format, args...)
}

// reportFix is report with a fix for this one place.
func (l *linter) reportFix(id string, at *value, fix, format string, args ...any) {
	this := key{id, at.path(), at.at}
	if l.reported[this] {
		return
	}
	l.reported[this] = true
	rule := l.rules[id] // each id has a rule (TestRulesAreComplete)
	f := Finding{
		Rule: rule, Pos: at.at, Path: this.path, Text: fmt.Sprintf(format, args...),
		Fix: cmp.Or(fix, rule.Fix), Note: rule.Severity == Note,
	}
	platform := rule.fix(l.platform)
	if strings.Contains(this.path, "bootstrap.static_resources") || strings.Contains(this.path, "static_listeners") {
		platform = PlatformFix{} // the platform's fields do not change the bootstrap's part of a dump
	}
	switch {
	case platform.Field != "":
		f.Fix = platform.Field
	case platform.Without != "":
		f.Fix, f.Note = platform.Without, true
	}
	l.found = append(l.found, f)
}

// run makes every check. It returns how many of the managers reach no application.
func (l *linter) run(listeners []*value, managers []*manager) (idle int) {
	for _, listener := range listeners {
		l.fetchedFilters(listener)
	}
	names := l.gateFilters(managers)
	for _, name := range names {
		l.gates[name.text] = true
	}
	for _, m := range managers {
		l.adminRoutes(m)
		switch {
		case l.alreadyChecked(m.listener):
			l.internalManager(m)
		case l.forwards(m):
			l.manager(m)
		default: // it only redirects or answers requests itself
			idle++
		}
	}
	for _, name := range names {
		l.cluster(name)
	}
	l.bypasses(listeners, managers)
	l.start(managers)
	l.guards()
	l.release()
	l.adminInterface()
	l.reportUnread()
	return idle
}

// manager checks a connection manager that forwards to an application.
func (l *linter) manager(m *manager) {
	l.edge(m)
	l.relaxed(m)
	l.releaseRules(m)
	l.logs(m)
	l.locations(m)
	l.pages(m)
	asks := false
	for _, c := range m.chains {
		l.unreadFilters(c)
		if len(c.gate) == 0 {
			l.reportMissing(c)
			continue
		}
		asks = true
		l.hopsOfChain(c)
		l.order(c)
		l.signIn(c)
		l.rewrites(c)
		l.trailers(c)
		for _, i := range c.gate {
			for _, settings := range c.filters[i].inside(extAuthzType) {
				l.authz(c, c.filters[i], settings)
			}
		}
	}
	if asks {
		l.earlyStrip(m)
		l.localReplies(m)
	}
}

// fetchedFilters reports network filters whose configuration is not in the file.
func (l *linter) fetchedFilters(listener *value) {
	if at := listener.get("fcds_config"); at.there() {
		l.reportFix("not-read", at, dumpFix, "Envoy fetches filter chains of this listener, which are not in this file")
	}
	for _, network := range listener.messages(networkFilter) {
		if at, name := network.get("config_discovery"), network.get("name").text; at.there() && l.filters[name] == nil {
			l.reportFix("not-read", at, dumpFix, "Envoy fetches the configuration of the network filter %s, which is not in this file", name)
		}
	}
}

// internalManager checks a connection manager whose requests have all been checked by
// another one of the file.
func (l *linter) internalManager(m *manager) {
	for _, c := range m.chains {
		l.unreadFilters(c)
		l.rewrites(c)
		l.trailers(c)
	}
}

// unreadFilters reports the filters of a chain whose type or configuration is not in
// the file.
func (l *linter) unreadFilters(c *chain) {
	for _, f := range c.filters {
		f.settings.walk(func(v *value) bool { // filters of composites and of the router
			if isField(v, "config_discovery") && v.there() {
				l.reportFix("not-read", v, dumpFix,
					"the filter %s runs filters whose configurations Envoy fetches, and which are not in this file", f.name)
			}
			return true
		})
		switch {
		case f.absent:
			l.reportFix("not-read", f.entry.get("config_discovery"), dumpFix,
				"Envoy fetches the configuration of the filter %s, which is not in this file", f.name)
		case f.kind == "" && f.entry.get("typed_config").there():
			l.report("not-read", f.entry.get("typed_config"), "the typed_config of the filter %s has no @type", f.name)
		case f.kind == "":
			l.report("not-read", f.entry, "the filter %s has no typed_config", f.name)
		}
	}
}

// reportMissing reports a chain without a filter that calls the gate.
func (l *linter) reportMissing(c *chain) {
	if c.upgrade == "" {
		l.report("ext-authz-missing", c.at, "no ext_authz filter here calls the gate")
		return
	}
	l.report("ext-authz-missing", c.at,
		"requests that upgrade to %s take these filters, none of which is an ext_authz filter that calls the gate", c.upgrade)
}

// dumpFix is the fix for parts of the configuration that are not in the file.
const dumpFix = "lint the running Envoy's /config_dump, which has it"

// reportUnread reports what the typer could not read. On the path of a request that is
// a finding, since requests may bypass the gate there, and elsewhere a note.
func (l *linter) reportUnread() {
	if l.fetched != nil {
		l.reportFix("not-read", l.fetched, dumpFix, "Envoy fetches further listeners, which are not in this file")
	}
	for _, m := range l.unreadOrder {
		text := m.text
		if m.more > 0 {
			text += fmt.Sprintf(" (and in %s more)", terminal.Count(m.more, "place"))
		}
		if m.path {
			l.report("not-read", m.at, "%s", text)
		} else {
			l.report("unknown", m.at, "%s", text)
		}
	}
}

// adminInterface checks the address of Envoy's admin interface.
func (l *linter) adminInterface() {
	socket := l.admin.get("address", "socket_address")
	if address := socket.get("address"); address.there() && !config.LoopbackHost(address.text) {
		l.report("admin-open", address, "the admin interface listens on %s", address.text)
	}
}

// adminRoutes reports routes that lead clients to the admin interface without a check,
// except for metrics and probes.
func (l *linter) adminRoutes(m *manager) {
	for _, h := range m.hops() {
		if !l.isAdmin(h.cluster()) || m.asks(h) {
			continue
		}
		match := h.route.get("match")
		harmless := slices.ContainsFunc(pathMatches(), func(kind string) bool {
			path := match.get(kind).text
			return strings.HasPrefix(path, "/stats") || strings.HasPrefix(path, "/ready")
		})
		if !harmless {
			l.report("admin-open", match, "a route leads clients to the admin interface")
		}
	}
}

// guards reports runtime guards, which change how Envoy reads and forwards requests. Those
// of the table are harmless with the value that keeps a fix, and those of a fix that is
// off by default have a rule of their own.
func (l *linter) guards() {
	var look func(v *value, key string)
	look = func(v *value, key string) {
		if strings.HasPrefix(key, "envoy.reloadable_features.") && v.kind == scalar {
			l.guard(v, key)
		}
		for _, f := range v.fields {
			look(f.value, strings.TrimPrefix(key+"."+f.name, "."))
		}
	}
	for _, layer := range l.runtime {
		look(layer, "")
	}
}

// guard reports one runtime guard.
func (l *linter) guard(v *value, key string) {
	fix, on, known := l.table.guarded(key)
	switch {
	case known && (fix.OptIn || v.text == strconv.FormatBool(on)):
	case known && v.text == strconv.FormatBool(!on):
		l.report("fix-switched-off", v, "the runtime guard %s switches off the fix of %s", key, fix.ID)
	default:
		l.report("not-read", v, "the runtime guard %s changes what Envoy does, and lint-envoy does not know how", key)
	}
}

// sameHost reports whether two hosts are the same, without looking up names.
func sameHost(a, b string) bool {
	one := func(host string) string {
		if host = strings.ToLower(host); host == "localhost" {
			return "127.0.0.1"
		}
		return host
	}
	return one(a) == one(b)
}

// addresses returns those of a cluster's endpoints, each in one form.
func (l *linter) addresses(name string) []string {
	var all []string
	for _, address := range l.endpoints(name) {
		socket := address.get("socket_address")
		host := strings.ToLower(socket.get("address").text)
		if host = strings.TrimPrefix(host, "::ffff:"); config.LoopbackHost(host) || host == "0.0.0.0" || host == "::" {
			host = "localhost"
		}
		switch port := cmp.Or(socket.get("port_value").text, socket.get("named_port").text); {
		case address.has("pipe"):
			all = append(all, "unix:"+address.get("pipe", "path").text)
		case host != "":
			all = append(all, host+":"+port)
		}
	}
	return all
}

// namesOf returns the names of listeners, or the paths of those without a name.
func namesOf(listeners []*value) []string {
	var names []string
	for _, one := range listeners {
		names = append(names, cmp.Or(one.get("name").text, one.path()))
	}
	return names
}
