package envoylint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// resources are the parts of one Envoy's configuration that the rules check.
type resources struct {
	listeners   []*value
	clusters    map[string]*value // :: name -> cluster
	assignments map[string]*value // :: name of a cluster or a service -> endpoints that Envoy fetched
	routes      map[string]*value // :: name -> route configuration that Envoy fetches by name
	scopes      []*value          // scoped route configurations that Envoy fetched
	filters     map[string]*value // :: name -> filter configuration that Envoy fetches by name
	admin       *value            // missing if the file has none
	runtime     []*value          // the layers of runtime values that the file sets
	layers      []*value          // all layers of the runtime
	parts       []*value          // the listeners, clusters and routes, with their regular expressions
	// bootstrapRead is set if the file has a bootstrap, and ownRegexEngine if that replaces RE2.
	bootstrapRead, ownRegexEngine bool
	fetchesClusters               bool
	// runtimeKnown is set if no layer of the runtime comes from elsewhere.
	runtimeKnown bool
	node         string // the id of the Envoy; empty if the file has none
	version      Version
	versionAt    *value // where the version is from
	fetched      *value // the bootstrap's source of further listeners; nil if there is none
	dump         bool   // from a running Envoy, so that nothing is missing
	*typer
}

func newResources() *resources {
	return &resources{
		clusters: map[string]*value{}, assignments: map[string]*value{}, routes: map[string]*value{}, filters: map[string]*value{},
		admin: &value{}, typer: newTyper(),
	}
}

// resourcesOf finds the resources, those of each Envoy apart, in a bootstrap, in the
// answer of /config_dump (whole, or a part by ?resource=), in the output of tools that
// wrap such answers of one or several Envoys, and in a file of xDS resources.
func resourcesOf(file string, root *value) ([]*resources, error) {
	r := newResources()
	dumps := dumpsIn(root, 0)
	switch {
	case root.get("static_resources").there() || root.get("dynamic_resources").there():
		// First, since a part of a bootstrap may look like a dump.
		r.root(root, bootstrapType)
		r.bootstrap(root)
	case len(dumps) > 0:
		return resourcesOfDumps(file, dumps)
	case root.get("resources").there():
		r.resourceList(root.get("resources"))
	case root.get("kind").there() && root.get("api_version").there():
		return nil, fmt.Errorf("%s: got a Kubernetes manifest (%s); expected Envoy's configuration: lint the /config_dump of the proxy's pod",
			root.at, root.get("kind").text)
	default:
		return nil, fmt.Errorf("%s: expected an Envoy bootstrap (with static_resources), xDS resources (under resources) or "+
			"the admin interface's dump; to get that: curl http://ADMIN/config_dump > dump.json", root.at)
	}
	if err := r.usable(file); err != nil {
		return nil, err
	}
	return []*resources{r}, nil
}

// resourcesOfDumps returns the resources of each Envoy whose dump has listeners, and an
// error if no dump has any.
func resourcesOfDumps(file string, dumps []*value) ([]*resources, error) {
	var all []*resources
	var empty error
	for _, dump := range dumps {
		r := newResources()
		r.dump = true
		r.readDump(dump)
		if err := r.usable(file); err != nil {
			empty = cmp.Or(empty, err)
		} else {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return nil, empty
	}
	return all, nil
}

// usable returns an error if the resources cannot be read, or have no listener.
func (r *resources) usable(file string) error {
	if r.err != nil {
		return r.err
	}
	if len(r.listeners) == 0 {
		what := "the file has no listener"
		if r.fetched != nil {
			what = "this bootstrap fetches its listeners"
		} else {
			what += r.firstUnread()
		}
		return fmt.Errorf("%s: %s, so there is nothing to check; lint the running Envoy's configuration: "+
			"curl http://ADMIN/config_dump > dump.json", file, what)
	}
	return nil
}

// firstUnread describes the first thing that could not be read, preferably on the path
// of a request; it is empty if there is none.
func (r *resources) firstUnread() string {
	if len(r.unreadOrder) == 0 {
		return ""
	}
	first := r.unreadOrder[max(0, slices.IndexFunc(r.unreadOrder, func(one *unread) bool { return one.path }))]
	return fmt.Sprintf(" that lint-envoy can read (line %d: %s)", first.at.at.Line, first.text)
}

// noHTTP is the error of a file without an inbound listener for HTTP.
func (r *resources) noHTTP(file string, outbound []*value) error {
	what := r.firstUnread()
	if len(r.managersOf(outbound)) > 0 {
		return fmt.Errorf("%s: the only listeners with an HTTP connection manager%s are a sidecar's outbound ones (%s), "+
			"to which clients do not connect; lint the Envoy to which they connect", file, what, some(namesOf(outbound)))
	}
	return fmt.Errorf("%s: no listener has an HTTP connection manager%s, so there is nothing to check; "+
		"is it the Envoy to which clients connect?", file, what)
}

// dumpsIn finds the answers of /config_dump, which tools put under the names of
// namespaces and pods.
func dumpsIn(v *value, depth int) []*value {
	if configs := v.get("configs"); configs.kind == list && len(configs.items) > 0 && configs.items[0].get("@type").there() {
		return []*value{configs}
	}
	var found []*value
	if depth < 4 {
		for _, f := range v.fields {
			found = append(found, dumpsIn(f.value, depth+1)...)
		}
		for _, item := range v.items {
			found = append(found, dumpsIn(item, depth+1)...)
		}
	}
	return found
}

// resourceList collects the resources of a file of xDS resources, which is a list or a
// single resource.
func (r *resources) resourceList(all *value) {
	if all.kind != list {
		all.wrap()
	}
	for _, one := range all.items {
		r.any(one, false)
		r.collect(one)
	}
}

// bootstrap collects the resources of a typed bootstrap.
func (r *resources) bootstrap(root *value) {
	r.settings(root)
	for _, name := range []string{"lds_config", "lds_resources_locator"} {
		if lds := root.get("dynamic_resources", name); lds.there() {
			r.fetched = lds
		}
	}
	r.collect(root.get("static_resources", "listeners"))
	r.collect(root.get("static_resources", "clusters"))
	r.parts = append(r.parts, root.get("static_resources"))
}

// settings reads a bootstrap's settings of the Envoy itself.
func (r *resources) settings(bootstrap *value) {
	r.admin, r.node, r.runtime, r.runtimeKnown = bootstrap.get("admin"), bootstrap.get("node", "id").text, nil, true
	r.bootstrapRead, r.ownRegexEngine = true, bootstrap.get("default_regex_engine").there()
	r.readVersion(bootstrap.get("node", "user_agent_build_version"))
	r.layers = bootstrap.get("layered_runtime", "layers").items
	r.fetchesClusters = hasAny(bootstrap.get("dynamic_resources"), "cds_config", "cds_resources_locator")
	for _, layer := range r.layers {
		r.runtime = append(r.runtime, layer.get("static_layer"))
		// An admin layer does not count: only users of the admin interface can set it.
		r.runtimeKnown = r.runtimeKnown && !hasAny(layer, "disk_layer", "rtds_layer")
	}
}

// readVersion reads the version that Envoy writes into a dump.
func (r *resources) readVersion(build *value) {
	number := build.get("version")
	if !number.there() {
		return
	}
	part := func(name string) int { return int(number.get(name).number(0)) }
	r.version = Version{
		Major: part("major_number"), Minor: part("minor_number"), Patch: part("patch"),
	}
	r.versionAt = build
	for _, f := range build.get("metadata").fields {
		if f.name == "build.label" { // of a build that is not a release
			r.version.Label = f.text
		}
	}
}

// runtimeOpen reports whether a runtime key may have a value that is not in the file.
func (r *resources) runtimeOpen(key string) bool { return key != "" && !r.runtimeKnown }

// runtimeValue is the value that the file sets for a runtime key, as one field or as
// nested fields; nil if there is none.
func (r *resources) runtimeValue(key string) *value {
	for _, layer := range slices.Backward(r.runtime) {
		if found := layer.dotted(key); found != nil && key != "" {
			return found
		}
	}
	return nil
}

// dotted is the value at a key that is one name or a path of names with dots; nil if
// there is none.
func (v *value) dotted(key string) *value {
	for _, f := range v.fields {
		if f.name == key {
			return f.value
		}
		if rest, ok := strings.CutPrefix(key, f.name+"."); ok {
			if found := f.dotted(rest); found != nil {
				return found
			}
		}
	}
	return nil
}

// readDump collects the resources that a running Envoy serves. Resources that are
// warming or draining do not count.
func (r *resources) readDump(configs *value) {
	own := false // the dump has listeners apart from the bootstrap
	var bootstrap *value
	for _, part := range configs.items {
		r.any(part, false)
		switch name, message := part.typed(); short(name) {
		case "BootstrapConfigDump":
			bootstrap = message.get("bootstrap")
			r.settings(bootstrap)
		case "ListenersConfigDump":
			own = true
			r.collect(message)
		default:
			r.collect(message)
		}
	}
	if bootstrap != nil && !own && len(r.listeners) == 0 {
		r.bootstrap(bootstrap)
	}
}

// collect adds the resources in a value, by their types, except those that do not serve
// yet or any longer.
func (r *resources) collect(v *value) {
	v.walk(func(one *value) bool {
		if one.field != nil {
			switch name := string(one.field.Name()); {
			case strings.Contains(name, "warming"), name == "draining_state", name == "error_state":
				return false
			case name == "static_route_configs": // the listeners contain them
				return false
			}
		}
		return !r.add(one)
	})
}

// add adds a value if it is a resource.
func (r *resources) add(v *value) bool {
	switch {
	case v.isMessage(listenerType):
		r.listeners = append(r.listeners, v)
	case v.isMessage(clusterType):
		r.addNamed(r.clusters, "clusters", v.get("name").text, v)
	case v.isMessage(endpointsType):
		r.assignments[v.get("cluster_name").text] = v
	case v.isMessage(routeConfigType):
		r.addNamed(r.routes, "route configurations", v.get("name").text, v)
	case v.isMessage(scopedRouteType):
		r.scopes = append(r.scopes, v)
	case v.isMessage(extensionType):
		r.addNamed(r.filters, "fetched filters", v.get("name").text, v.get("typed_config"))
	default:
		return false
	}
	return true
}

// addNamed adds a resource by its name. If two resources have the same name, the file
// does not show which one serves where.
func (r *resources) addNamed(known map[string]*value, kind, name string, v *value) {
	if _, twice := known[name]; twice {
		r.unread(v, true, "there are two %s with the name %q, and the file does not show which one serves where", kind, name)
	}
	known[name] = v
}
