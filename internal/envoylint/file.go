package envoylint

import (
	"errors"
	"fmt"
	"strings"
)

// resources are the parts of a file that are looked at, wherever they stand in
// it.
type resources struct {
	listeners []*value
	clusters  map[string]*value // :: name -> cluster
	routes    map[string]*value // :: name -> route configuration that is fetched by name
	filters   map[string]*value // :: name -> filter that is fetched by name
	admin     *value            // missing where the file does not say
	dump      bool              // an Envoy told it, and so resources are all there
}

// resourcesOf finds the resources in a bootstrap, in the answer of /config_dump
// (whole, or a part by ?resource=), in what tools print around such an answer,
// and in a file of xDS resources.
func resourcesOf(file string, root *value) (*resources, error) {
	r := &resources{clusters: map[string]*value{}, routes: map[string]*value{}, filters: map[string]*value{}, admin: &value{}}
	switch dumps := dumpsIn(root, 0); {
	case len(dumps) > 0:
		r.dump = true
		for _, one := range dumps {
			r.readDump(one)
		}
	case root.get("static_resources").there() || root.get("dynamic_resources").there():
		r.bootstrap(root)
	case root.get("resources").kind == list:
		for _, one := range root.get("resources").items {
			r.resource(one)
		}
	case root.get("kind").there() && (root.get("apiVersion").there() || root.get("api_version").there()):
		return nil, fmt.Errorf("%s: this is a Kubernetes manifest (%s), not what Envoy runs; ask the proxy's pod for its /config_dump and lint that", root.at, root.get("kind").text)
	default:
		return nil, fmt.Errorf("%s: this is no Envoy file; write a bootstrap (with static_resources), or the answer of the admin port: curl http://ADMIN/config_dump > dump.json", root.at)
	}
	if len(r.listeners) == 0 {
		what := "the file has no listener"
		if !r.dump && root.get("dynamic_resources").there() {
			what = "this bootstrap fetches its listeners"
		}
		return nil, fmt.Errorf("%s: %s, so there is nothing to look at; lint what Envoy runs: curl http://ADMIN/config_dump > dump.json", file, what)
	}
	return r, nil
}

// errNoHTTP is of a file whose listeners speak no HTTP.
var errNoHTTP = errors.New("no listener has an HTTP connection manager, so no request could be checked; is it the Envoy that clients call?")

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

// bootstrap takes what a bootstrap itself holds.
func (r *resources) bootstrap(root *value) {
	r.admin = root.get("admin")
	r.listeners = append(r.listeners, root.get("static_resources", "listeners").items...)
	for _, one := range root.get("static_resources", "clusters").items {
		r.clusters[one.get("name").text] = one
	}
}

// readDump takes what an Envoy says that it runs. Of what is being replaced it takes
// what serves.
func (r *resources) readDump(configs *value) {
	own := false // listeners and clusters have parts of their own
	for _, part := range configs.items {
		switch name := short(typeName(part.get("@type").text)); name {
		case "BootstrapConfigDump":
			r.admin = part.get("bootstrap", "admin")
			continue
		case "ListenersConfigDump", "ClustersConfigDump", "RoutesConfigDump", "EcdsConfigDump":
			own = own || name == "ListenersConfigDump"
			for _, list := range part.fields {
				if !strings.Contains(list.name, "warming") {
					r.entries(list.items)
				}
			}
		default:
			r.entries([]*value{part}) // one entry, by ?resource=
		}
	}
	for _, part := range configs.items {
		if bootstrap := part.get("bootstrap"); bootstrap.there() && !own && len(r.listeners) == 0 {
			r.bootstrap(bootstrap)
		}
	}
}

// entries takes the resources out of the entries of a part of a dump.
func (r *resources) entries(all []*value) {
	for _, one := range all {
		for _, where := range []*value{
			one.get("listener"), one.get("active_state", "listener"), one.get("cluster"), one.get("route_config"), one.get("ecds_filter"),
		} {
			if where.there() {
				r.resource(where)
			}
		}
	}
}

// resource takes one resource, by its type.
func (r *resources) resource(v *value) {
	switch name, message := v.typed(); short(name) {
	case "Listener":
		r.listeners = append(r.listeners, message)
	case "Cluster":
		r.clusters[message.get("name").text] = message
	case "RouteConfiguration":
		r.routes[message.get("name").text] = message
	case "TypedExtensionConfig":
		r.filters[message.get("name").text] = message.get("typed_config")
	}
}

// manager is one HTTP connection manager with what belongs to it.
type manager struct {
	listener, hcm *value
	filters       []filter
	// routes is the route configuration, missing where the file does not have it.
	routes *value
	gate   []int // which filters ask the gate
}

// filter is one HTTP filter.
type filter struct {
	name     string
	entry    *value
	kind     string // the full name of its message
	settings *value
	disabled bool // by default: routes switch it on
}

// managers returns every HTTP connection manager that clients' requests come
// through. A mesh proxy's outbound listeners are for what the application itself
// calls.
func (r *resources) managers() []*manager {
	var all []*manager
	for _, listener := range r.listeners {
		if listener.get("traffic_direction").either("OUTBOUND", "2") {
			continue
		}
		for _, network := range networkFilters(listener) {
			if name, hcm := network.typed(); short(name) == "HttpConnectionManager" {
				all = append(all, r.manager(listener, hcm))
			}
		}
	}
	return all
}

// networkFilters are the configurations of a listener's network filters, in
// every filter chain.
func networkFilters(listener *value) []*value {
	var all []*value
	chains := listener.get("filter_chains").items
	if last := listener.get("default_filter_chain"); last.there() {
		chains = append(chains[:len(chains):len(chains)], last)
	}
	for _, chain := range chains {
		for _, one := range chain.get("filters").items {
			all = append(all, one.get("typed_config"))
		}
	}
	if api := listener.get("api_listener", "api_listener"); api.there() {
		all = append(all, api)
	}
	return all
}

func (r *resources) manager(listener, hcm *value) *manager {
	m := &manager{listener: listener, hcm: hcm, routes: hcm.get("route_config")}
	if name := hcm.get("rds", "route_config_name").text; name != "" {
		m.routes = hcm.get("rds").absent("routes")
		if found, ok := r.routes[name]; ok {
			m.routes = found
		}
	}
	for _, entry := range hcm.get("http_filters").items {
		f := filter{name: entry.get("name").text, entry: entry, disabled: entry.get("disabled").is()}
		config := entry.get("typed_config")
		if found, ok := r.filters[f.name]; ok && entry.get("config_discovery").there() {
			config = found
		}
		f.kind, f.settings = config.typed()
		m.filters = append(m.filters, f)
	}
	return m
}
