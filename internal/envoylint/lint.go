package envoylint

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/terminal"
)

// Gate is what an Envoy file has to fit: what one jwtgate configuration reads,
// sets, removes and relaxes.
type Gate = envoy.Needs

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
	all, err := resourcesOf(file, root)
	if err != nil {
		return nil, err
	}
	report := &Report{File: file}
	var failed error
	for _, one := range all {
		if err := report.add(file, one, gate, platform); err != nil {
			failed = cmp.Or(failed, err)
		}
	}
	if report.Managers+report.Idle == 0 {
		return nil, failed
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return report, nil
}

// add looks at what one Envoy has.
func (r *Report) add(file string, resources *resources, gate Gate, platform Platform) error {
	l := &linter{
		resources: resources, gate: gate, platform: platform, rules: map[string]Rule{}, reported: map[key]bool{},
		managers: map[*value][]*manager{}, gates: map[string]bool{}, byName: map[string][]*value{}, bytes: map[*value][]destination{},
	}
	for _, rule := range Rules() {
		l.rules[rule.ID] = rule
	}
	looked, outbound := resources.split()
	for _, listener := range looked {
		l.byName[listener.get("name").text] = append(l.byName[listener.get("name").text], listener)
	}
	managers := resources.managersOf(looked)
	r.Skipped = append(r.Skipped, namesOf(outbound)...)
	for _, m := range managers {
		l.managers[m.listener] = append(l.managers[m.listener], m)
	}
	if len(managers) == 0 {
		return resources.noHTTP(file, outbound)
	}
	idle := l.all(looked, managers)
	r.Findings, r.Managers, r.Idle = append(r.Findings, l.found...), r.Managers+len(managers)-idle, r.Idle+idle
	return nil
}

// linter looks at one file.
type linter struct {
	*resources
	gate     Gate
	platform Platform
	rules    map[string]Rule // :: id -> rule
	found    []Finding
	reported map[key]bool
	managers map[*value][]*manager // :: listener -> its connection managers
	gates    map[string]bool       // :: name of a cluster of the gate
	byName   map[string][]*value   // :: name -> listeners that clients call
	bytes    map[*value][]destination
	ways     map[*value]ways // nil until it is asked for
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
	way := rule.way(l.platform)
	if strings.Contains(this.path, "bootstrap.static_resources") || strings.Contains(this.path, "static_listeners") {
		way = Way{} // the platform's own fields do not reach what a dump has from the bootstrap
	}
	switch {
	case way.Field != "":
		f.Mend = way.Field
	case way.Without != "":
		f.Mend, f.Note = way.Without, true
	}
	l.found = append(l.found, f)
}

// all makes every check. It returns how many of the managers reach no application.
func (l *linter) all(listeners []*value, managers []*manager) (idle int) {
	for _, listener := range listeners {
		l.fetchedFilters(listener)
	}
	names := l.gateFilters(managers)
	for _, name := range names {
		l.gates[name.text] = true
	}
	for _, m := range managers {
		l.adminRoutes(m)
		if l.behindOthers(m.listener) { // what leads there has to ask the gate
			l.behind(m)
			continue
		}
		if l.forwards(m) {
			l.manager(m)
		} else { // it redirects, or answers by itself: there is no application behind it
			idle++
		}
	}
	for _, name := range names {
		l.cluster(name)
	}
	l.bypasses(listeners, managers)
	l.guards()
	l.adminInterface()
	l.unreads()
	return idle
}

// manager looks at a connection manager that forwards to an application.
func (l *linter) manager(m *manager) {
	l.edge(m)
	l.relaxed(m)
	l.accessLogs(m)
	asks := false
	for _, c := range m.chains {
		l.readable(c)
		if len(c.gate) == 0 {
			l.missing(c)
			continue
		}
		asks = true
		l.asked(c)
		l.order(c)
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
		l.reportMend("not-read", at, dumpMend, "Envoy fetches filter chains of this listener, which are not read")
	}
	for _, network := range listener.messages(networkFilter) {
		if at, name := network.get("config_discovery"), network.get("name").text; at.there() && l.filters[name] == nil {
			l.reportMend("not-read", at, dumpMend, "the configuration of the network filter %s is fetched, and is not in this file", name)
		}
	}
}

// behind looks at a connection manager to which only others lead.
func (l *linter) behind(m *manager) {
	for _, c := range m.chains {
		l.readable(c)
		l.rewrites(c)
		l.trailers(c)
	}
}

// readable reports the filters of a chain of which nothing is known.
func (l *linter) readable(c *chain) {
	for _, f := range c.filters {
		f.settings.walk(func(v *value) bool { // those of composites and of the router
			if isField(v, "config_discovery") && v.there() {
				l.reportMend("not-read", v, dumpMend, "the filter %s runs others whose configurations are fetched, and are not read", f.name)
			}
			return true
		})
		switch {
		case f.absent:
			l.reportMend("not-read", f.entry.get("config_discovery"), dumpMend, "the configuration of the filter %s is fetched, and is not in this file", f.name)
		case f.kind == "" && f.entry.get("typed_config").there():
			l.report("not-read", f.entry.get("typed_config"), "the typed_config of the filter %s has no @type", f.name)
		case f.kind == "":
			l.report("not-read", f.entry, "the filter %s has no typed_config", f.name)
		}
	}
}

// missing reports a chain in which the gate is not asked.
func (l *linter) missing(c *chain) {
	if c.upgrade == "" {
		l.report("ext-authz-missing", c.at, "no ext_authz filter here asks the gate")
		return
	}
	l.report("ext-authz-missing", c.at, "requests that upgrade to %s take these filters, and no ext_authz filter among them asks the gate", c.upgrade)
}

// dumpMend is the way to what is not in the file.
const dumpMend = "lint the running Envoy's /config_dump, which has it"

// unreads reports what could not be read: on the path of a request a finding,
// since a way around the gate may be in it, and elsewhere a note.
func (l *linter) unreads() {
	if l.fetched != nil {
		l.reportMend("not-read", l.fetched, dumpMend, "Envoy fetches further listeners, which are not in this file")
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

// adminInterface looks at where Envoy can be told what to do.
func (l *linter) adminInterface() {
	socket := l.admin.get("address", "socket_address")
	if address := socket.get("address"); address.there() && !loopback(address.text) {
		l.report("admin-open", address, "the admin interface listens on %s", address.text)
	}
}

// adminRoutes looks for routes that lead clients to the admin interface without a
// check, beyond what metrics and probes need.
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

// guards looks for runtime guards, which change how Envoy reads and forwards requests.
// Two are known not to: they say how the OAuth2 filter encrypts its cookies, and
// Envoy Gateway sets them everywhere.
func (l *linter) guards() {
	var look func(v *value, key string)
	look = func(v *value, key string) {
		switch feature, guard := strings.CutPrefix(key, "envoy.reloadable_features."); {
		case !guard || v.kind != scalar:
		case feature == "oauth2_legacy_cbc_decrypt_compat", feature == "oauth2_use_gcm_encryption":
		default:
			l.report("not-read", v, "the runtime guard %s changes what Envoy does, and lint-envoy does not know how", key)
		}
		for _, f := range v.fields {
			look(f.value, strings.TrimPrefix(key+"."+f.name, "."))
		}
	}
	for _, layer := range l.runtime {
		look(layer, "")
	}
}

// sameHost reports whether two addresses are one, as far as they say.
func sameHost(a, b string) bool {
	one := func(host string) string {
		if host = strings.ToLower(host); host == "localhost" {
			return "127.0.0.1"
		}
		return host
	}
	return one(a) == one(b)
}

func loopback(host string) bool {
	return host == "localhost" || host == "::1" || loopbackV4.MatchString(host)
}

// loopbackV4 are the addresses of 127.0.0.0/8.
var loopbackV4 = regexp.MustCompile(`^127(\.[0-9]{1,3}){3}$`)

// addresses are those of a cluster's endpoints, each in one form.
func (l *linter) addresses(name string) []string {
	var all []string
	for _, address := range l.endpoints(name) {
		socket := address.get("socket_address")
		host := strings.ToLower(socket.get("address").text)
		if host = strings.TrimPrefix(host, "::ffff:"); loopback(host) || host == "0.0.0.0" || host == "::" {
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

// namesOf are the names of listeners, or where they stand.
func namesOf(listeners []*value) []string {
	var names []string
	for _, one := range listeners {
		names = append(names, cmp.Or(one.get("name").text, one.path()))
	}
	return names
}
