package envoylint

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// Use is what a project wants from an Envoy file, apart from what jwtgate needs. The zero
// value of a field wants nothing.
type Use struct {
	Origins []string // front ends whose pages call the application
	AppHost string   // of the application, as Envoy connects to it
	AppPort string
	Port    int // on which clients connect to Envoy
	// Login is what the oauth2 filter must have, as paths below its config; nil: Envoy signs
	// nobody in.
	Login []envoy.Setting
}

// routeCORSType is an older form of CorsPolicy, in a virtual host or a route.
const routeCORSType protoreflect.FullName = "envoy.config.route.v3.CorsPolicy"

// Missing returns what the file lacks of a use, a sentence for each with its place, and what
// to write. It does not compare the parts: a file with all of them may still use another
// cluster for a route, or a policy without the origin.
func (f *File) Missing(u Use) []string {
	lines := u.missingOrigins(f.name, f.all)
	if u.AppHost != "" && !slices.ContainsFunc(f.all, func(r *resources) bool { return r.connectsTo(u.AppHost, u.AppPort) }) {
		lines = append(lines, fmt.Sprintf("%s: no cluster has the address %s, port %s; write it as the address of your application's cluster "+
			"(in a file of jwtgate, on the lines marked `edit: app`)", printable(f.name), u.AppHost, u.AppPort))
	}
	if u.Port != 0 && !slices.ContainsFunc(f.all, func(r *resources) bool { return r.listensOn(strconv.Itoa(u.Port)) }) {
		lines = append(lines, fmt.Sprintf("%s: no listener has the port %d; write it as the port of your listener "+
			"(in a file of jwtgate, on the line marked `edit: listen`)", printable(f.name), u.Port))
	}
	return append(lines, u.missingLogin(f.name, f.all)...)
}

// missingLogin returns a line if the file signs nobody in, or a line for each value that is
// another one.
func (u Use) missingLogin(file string, all []*resources) []string {
	var signIns []*value
	for _, r := range all {
		for _, root := range r.roots() {
			for _, filter := range root.messages(oauth2Type) {
				signIns = append(signIns, filter.get("config"))
			}
		}
	}
	var lines []string
	for _, field := range u.Login {
		path := strings.Split(field.Key, ".")
		if len(signIns) == 0 {
			return []string{fmt.Sprintf("%s: has no oauth2 filter, so Envoy signs nobody in; move the file away and run the same command "+
				"again, or copy the filter, the cluster issuer and local_reply_config from envoy/login.yaml of the repository", printable(file))}
		}
		if !slices.ContainsFunc(signIns, func(config *value) bool { return config.get(path...).text == field.Value }) {
			at := signIns[0].get(path...)
			lines = append(lines, fmt.Sprintf("%s: %s is %s; expected %s: change the lines about sign-in, or move the file away and run "+
				"the same command again", printable(at.at.String()), field.Key, quote.Readable(at.text), quote.Readable(field.Value)))
		}
	}
	return lines
}

// missingOrigins returns a line for each origin that no CORS policy of the file allows.
func (u Use) missingOrigins(file string, all []*resources) []string {
	var lists []*value
	for _, r := range all {
		for _, root := range r.roots() {
			for _, policy := range slices.Concat(root.messages(corsPolicyType), root.messages(routeCORSType)) {
				lists = append(lists, policy.get("allow_origin_string_match"))
			}
		}
	}
	var lines []string
	for _, origin := range u.Origins {
		allows := func(list *value) bool {
			return slices.ContainsFunc(list.items, func(one *value) bool { return one.matches(origin) })
		}
		switch {
		case slices.ContainsFunc(lists, allows):
		case len(lists) == 0:
			lines = append(lines, fmt.Sprintf("%s: no CORS policy allows %s, so a browser hides every answer from its pages; "+
				"write cors: {origins: [%q]} in jwtgate.yaml, and jwtgate answers them", printable(file), origin, origin))
		default:
			lines = append(lines, fmt.Sprintf("%s: no CORS policy allows %s, so a browser hides every answer from its pages; "+
				"add { exact: %q } to allow_origin_string_match", printable(lists[0].at.String()), origin, origin))
		}
	}
	return lines
}

// roots are the values that can contain a route.
func (r *resources) roots() []*value {
	roots := slices.Clone(r.listeners)
	for _, name := range slices.Sorted(maps.Keys(r.routes)) {
		roots = append(roots, r.routes[name])
	}
	return append(roots, r.scopes...)
}

// connectsTo reports whether a cluster has an address, or may have it because Envoy
// fetches the addresses of one.
func (r *resources) connectsTo(host, port string) bool {
	for name := range r.clusters {
		endpoints := r.endpoints(name)
		if len(endpoints) == 0 {
			return true
		}
		for _, address := range endpoints {
			socket := address.get("socket_address")
			if sameHost(socket.get("address").text, host) && socket.get("port_value").text == port {
				return true
			}
		}
	}
	return false
}

// listensOn reports whether a listener has a port.
func (r *resources) listensOn(port string) bool {
	return slices.ContainsFunc(r.listeners, func(listener *value) bool {
		addresses := []*value{listener.get("address")}
		for _, more := range listener.get("additional_addresses").items {
			addresses = append(addresses, more.get("address"))
		}
		return slices.ContainsFunc(addresses, func(one *value) bool { return one.get("socket_address", "port_value").text == port })
	})
}
