package envoylint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// resources are the parts of a file that are looked at, wherever they stand in
// it.
type resources struct {
	listeners   []*value
	clusters    map[string]*value // :: name -> cluster
	assignments map[string]*value // :: name of a cluster or a service -> its endpoints, where they are fetched
	routes      map[string]*value // :: name -> route configuration that is fetched by name
	scopes      []*value          // scoped route configurations that are fetched
	filters     map[string]*value // :: name -> configuration of a filter that is fetched by name
	admin       *value            // missing where the file does not say
	runtime     []*value          // the layers of runtime values that the file sets
	// runtimeKnown: the file has all values that the runtime can have.
	runtimeKnown bool
	node         string // the id of the Envoy; empty where the file does not say
	fetched      *value // where a bootstrap says that listeners are fetched; nil if it does not
	dump         bool   // an Envoy told it, and so resources are all there
	*typer
}

func newResources() *resources {
	return &resources{
		clusters: map[string]*value{}, assignments: map[string]*value{}, routes: map[string]*value{}, filters: map[string]*value{},
		admin: &value{}, typer: newTyper(),
	}
}

// resourcesOf finds the resources in a bootstrap, in the answer of /config_dump
// (whole, or a part by ?resource=), in what tools print around such answers of one
// Envoy or of several, and in a file of xDS resources: those of each Envoy apart.
func resourcesOf(file string, root *value) ([]*resources, error) {
	r := newResources()
	dumps := dumpsIn(root, 0)
	switch {
	case root.get("static_resources").there() || root.get("dynamic_resources").there():
		// First: what else is in a bootstrap may look like a dump.
		r.root(root, bootstrapType)
		r.bootstrap(root)
	case len(dumps) > 0:
		return resourcesOfDumps(file, dumps)
	case root.get("resources").there():
		r.resourceList(root.get("resources"))
	case root.get("kind").there() && root.get("api_version").there():
		return nil, fmt.Errorf("%s: this is a Kubernetes manifest (%s), not what Envoy runs; ask the proxy's pod for its /config_dump and lint that",
			root.at, root.get("kind").text)
	default:
		return nil, fmt.Errorf("%s: expected an Envoy bootstrap (with static_resources), xDS resources (under resources) or the answer of the admin port; "+
			"to get that: curl http://ADMIN/config_dump > dump.json", root.at)
	}
	if err := r.empty(file); err != nil {
		return nil, err
	}
	return []*resources{r}, nil
}

// resourcesOfDumps are the resources of each Envoy whose dump has listeners. The error
// is that none has.
func resourcesOfDumps(file string, dumps []*value) ([]*resources, error) {
	var all []*resources
	var empty error
	for _, dump := range dumps {
		r := newResources()
		r.dump = true
		r.readDump(dump)
		if err := r.empty(file); err != nil {
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

// empty is the error of resources that cannot be read, or have no listener.
func (r *resources) empty(file string) error {
	if r.err != nil {
		return r.err
	}
	if len(r.listeners) == 0 {
		what := "the file has no listener"
		switch {
		case r.fetched != nil:
			what = "this bootstrap fetches its listeners"
		case len(r.unreadOrder) > 0:
			what += " that lint-envoy can read (" + r.firstUnread() + ")"
		}
		return fmt.Errorf("%s: %s, so there is nothing to look at; lint what Envoy runs: curl http://ADMIN/config_dump > dump.json", file, what)
	}
	return nil
}

// firstUnread is the first thing that could not be read, on the path of a request
// if there is one.
func (r *resources) firstUnread() string {
	first := r.unreadOrder[0]
	for _, one := range r.unreadOrder {
		if one.path && !first.path {
			first = one
		}
	}
	return fmt.Sprintf("line %d: %s", first.at.at.Line, first.text)
}

// noHTTP is the error of a file in which no listener that clients call speaks
// HTTP.
func (r *resources) noHTTP(file string, outbound []*value) error {
	what := ""
	if len(r.unreadOrder) > 0 {
		what = " that lint-envoy can read (" + r.firstUnread() + ")"
	}
	if len(r.managersOf(outbound)) > 0 {
		return fmt.Errorf("%s: the only listeners with an HTTP connection manager%s are a sidecar's outbound ones (%s), which clients do not call; lint the Envoy that they call",
			file, what, some(namesOf(outbound)))
	}
	return fmt.Errorf("%s: no listener has an HTTP connection manager%s, so no request could be checked; is it the Envoy that clients call?", file, what)
}

// dumpsIn finds the answers of /config_dump: tools put them under the names of
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

// resourceList takes a file of xDS resources. A lone one is a list of one.
func (r *resources) resourceList(all *value) {
	if all.kind != list {
		all.wrap()
	}
	for _, one := range all.items {
		r.any(one, false)
		r.collect(one)
	}
}

// bootstrap takes what a bootstrap, which has its types, itself holds.
func (r *resources) bootstrap(root *value) {
	r.about(root)
	for _, name := range []string{"lds_config", "lds_resources_locator"} {
		if lds := root.get("dynamic_resources", name); lds.there() {
			r.fetched = lds
		}
	}
	r.collect(root.get("static_resources", "listeners"))
	r.collect(root.get("static_resources", "clusters"))
}

// about takes what a bootstrap says of the Envoy itself.
func (r *resources) about(bootstrap *value) {
	r.admin, r.node, r.runtime, r.runtimeKnown = bootstrap.get("admin"), bootstrap.get("node", "id").text, nil, true
	for _, layer := range bootstrap.get("layered_runtime", "layers").items {
		r.runtime = append(r.runtime, layer.get("static_layer"))
		// What the admin interface sets is for whoever may use that.
		r.runtimeKnown = r.runtimeKnown && !hasAny(layer, "disk_layer", "rtds_layer")
	}
}

// runtimeOpen reports whether a runtime key may have a value that the file does not
// show.
func (r *resources) runtimeOpen(key string) bool { return key != "" && !r.runtimeKnown }

// runtimeValue is the value that the file sets for a runtime key, in one field or
// in one for each part of the key; nil if there is none.
func (r *resources) runtimeValue(key string) *value {
	for _, layer := range slices.Backward(r.runtime) {
		if found := layer.dotted(key); found != nil && key != "" {
			return found
		}
	}
	return nil
}

// dotted is the value below a mapping whose keys, joined with dots, are the key.
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

// readDump takes what an Envoy says that it runs. Of what is being replaced it takes
// what serves.
func (r *resources) readDump(configs *value) {
	own := false // listeners and clusters have parts of their own
	var bootstrap *value
	for _, part := range configs.items {
		r.any(part, false)
		switch name, message := part.typed(); short(name) {
		case "BootstrapConfigDump":
			bootstrap = message.get("bootstrap")
			r.about(bootstrap)
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

// collect takes the resources that are in a value, by their types, except those
// that are not serving yet or no longer.
func (r *resources) collect(v *value) {
	v.walk(func(one *value) bool {
		if one.field != nil {
			switch name := string(one.field.Name()); {
			case strings.Contains(name, "warming"), name == "draining_state", name == "error_state":
				return false
			case name == "static_route_configs": // the listeners have them
				return false
			}
		}
		return !r.take(one)
	})
}

// take takes a value if it is a resource.
func (r *resources) take(v *value) bool {
	switch {
	case v.isMessage(listenerType):
		r.listeners = append(r.listeners, v)
	case v.isMessage(clusterType):
		r.once(r.clusters, "clusters", v.get("name").text, v)
	case v.isMessage(endpointsType):
		r.assignments[v.get("cluster_name").text] = v
	case v.isMessage(routeConfigType):
		r.once(r.routes, "route configurations", v.get("name").text, v)
	case v.isMessage(scopedRouteType):
		r.scopes = append(r.scopes, v)
	case v.isMessage(extensionType):
		r.once(r.filters, "fetched filters", v.get("name").text, v.get("typed_config"))
	default:
		return false
	}
	return true
}

// once notes a resource by its name. Which of two that have one name serves where is
// not known.
func (r *resources) once(known map[string]*value, kind, name string, v *value) {
	if _, twice := known[name]; twice {
		r.unread(v, true, "there are two %s of the name %q, and which one serves where is not known", kind, name)
	}
	known[name] = v
}
