package envoy

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed envoy.yaml
var shipped string

// Edit is the changes to make to a marked Envoy file. The zero value of a field changes
// nothing.
type Edit struct {
	Listen string // host:port for clients; the port also decides whether Envoy keeps the port in Host
	Admin  string // host:port of Envoy's own admin interface
	Gate   string // host:port of jwtgate, an address or a name; or unix:PATH, its Unix socket
	App    string // host:port of the application, an address or a name

	// Origins are the origins whose scripts may send requests and read the answers, each
	// as a browser sends it: scheme://host or scheme://host:port. Empty but not nil
	// allows none.
	Origins []string
	// Identity is every header name that jwtgate sets or removes, instead of
	// [IdentityNames].
	Identity []string
	// Tokens are further header fields that can contain a token: Envoy sends them to
	// jwtgate, which may remove them.
	Tokens []string
	// Conditions are further header fields that Envoy sends to jwtgate because a `when`
	// reads them.
	Conditions []string
	// SendAll makes Envoy send every header field to jwtgate, for a `when` that computes
	// the names of the fields that it reads.
	SendAll bool

	// EncodedSlash allows %2F in a path, and DoubleSlash //, on every host.
	EncodedSlash, DoubleSlash bool
	// HeaderKB is the limit for request headers in KiB, 60 to 120.
	HeaderKB int
	// Overrides are the override headers that Envoy removes from clients' requests,
	// instead of [OverrideNames]; TrailerOverrides are those that it removes from
	// trailers. Empty but not nil removes none.
	Overrides, TrailerOverrides []string
	// Login adds sign-in; nil: none. Of a file with sign-in, it changes who signs in.
	Login *Login
}

// IdentityNames returns the header names that the shipped file removes from clients'
// requests and that jwtgate may set: those of a jwtgate configuration with the default
// `identity`, and x-user-roles, which many frameworks read.
func IdentityNames() []string {
	return []string{
		"x-user-id", "x-user-name", "x-user-email", "x-user-groups", "x-user-scopes",
		"x-user-client", "x-user-kind", "x-user-issuer", "x-user-roles",
	}
}

// Bootstrap returns the shipped Envoy file with the edit applied: envoy.yaml, or with
// [Edit.Login] login.yaml.
func Bootstrap(edit Edit) ([]byte, error) {
	file := shipped
	if edit.Login != nil {
		var err error
		if file, err = login(); err != nil {
			return nil, err
		}
	}
	return Apply([]byte(file), edit)
}

// Apply applies an edit to a file, which is the shipped Envoy file or one from [Init]. It
// checks the form of every value first, without looking up addresses. It fails if a
// place to change is not marked exactly as often as in the shipped file.
func Apply(file []byte, edit Edit) ([]byte, error) {
	changes, err := edit.changes()
	if err != nil {
		return nil, err
	}
	lines := strings.SplitAfter(string(file), "\n")
	var faults []error
	for _, c := range changes {
		faults = append(faults, c.apply(lines))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return []byte(strings.Join(lines, "")), nil
}

// change is one replacement: on each line with a mark, of which there must be a number,
// the function with replaces the one match of find.
type change struct {
	mark  string
	times int
	find  *regexp.Regexp
	with  func(found string) string
}

// always returns a replacement that ignores the match.
func always(text string) func(string) string { return func(string) string { return text } }

// marks returns the names after `# edit: ` at the end of a line, which are separated by
// commas.
func marks(line string) []string {
	_, names, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " # edit: ")
	return strings.Split(names, ", ")
}

// apply changes lines in place. After an error, their content is undefined.
func (c change) apply(lines []string) error {
	seen := 0
	for i, line := range lines {
		if !slices.Contains(marks(line), c.mark) {
			continue
		}
		seen++
		found := c.find.FindAllStringIndex(line, -1)
		if len(found) != 1 {
			return fmt.Errorf("envoy file, line %d: the line marked %q does not contain the text to replace", i+1, "edit: "+c.mark)
		}
		from, to := found[0][0], found[0][1]
		lines[i] = line[:from] + c.with(line[from:to]) + line[to:]
	}
	if seen != c.times {
		return fmt.Errorf("envoy file: got %d lines marked %q; expected %d", seen, "edit: "+c.mark, c.times)
	}
	return nil
}

// changes returns the changes of an edit, or an error that names every invalid value.
func (e Edit) changes() ([]change, error) {
	changes, fault := e.addresses()
	faults := []error{fault}
	if e.Origins != nil {
		list, err := originList(e.Origins)
		faults = append(faults, err)
		changes = append(changes, change{mark: "origins", times: 1, find: regexp.MustCompile(`\[.*\]`), with: always(list)})
	}
	if e.Identity != nil {
		pattern, err := namePattern(e.Identity)
		faults = append(faults, err)
		old, _ := namePattern(IdentityNames())
		changes = append(changes, change{
			mark: "identity", times: 4, find: regexp.MustCompile(regexp.QuoteMeta(old)), with: always(pattern),
		})
	}
	for _, further := range []func() ([]change, error){e.sent, e.relaxed, e.headerLimit, e.login} {
		more, fault := further()
		changes, faults = append(changes, more...), append(faults, fault)
	}
	return changes, errors.Join(faults...)
}

// addresses returns the changes of addresses.
func (e Edit) addresses() ([]change, error) {
	var changes []change
	var faults []error
	for _, a := range []struct {
		mark, value string
		times       int
	}{
		{"listen", e.Listen, 1}, {"admin", e.Admin, 1}, {"gate", e.Gate, 1},
		{"app", e.App, 2}, // once for HTTP/1.1, once for gRPC
	} {
		path, isSocket := strings.CutPrefix(a.value, "unix:")
		switch {
		case a.value == "":
		case a.mark == "gate" && isSocket:
			if !socketPath.MatchString(path) {
				faults = append(faults, fmt.Errorf("got the address %q; expected the absolute path of a socket, "+
					"of letters, digits, dots, dashes and underscores, with at most 107 bytes", a.value))
			}
			pipe := always(fmt.Sprintf("pipe: { path: %q }", path))
			changes = append(changes, change{mark: a.mark, times: a.times, find: socketAddress, with: pipe},
				// Envoy does not resolve a path, and would wait for a host name.
				change{mark: "gate-type", times: 1, find: regexp.MustCompile(`type: STRICT_DNS`), with: always("type: STATIC")})
		default:
			host, port, err := splitAddress(a.value)
			faults = append(faults, err)
			changes = append(changes, change{mark: a.mark, times: a.times, find: socketAddress,
				with: always(fmt.Sprintf("socket_address: { address: %s, port_value: %d }", host, port))})
			if a.mark == "listen" {
				changes = append(changes, hostPort(port))
			}
		}
	}
	return changes, errors.Join(faults...)
}

// hostPort returns the change of what Envoy does with the port in Host, for the port that
// it listens on. Clients of port 80 or 443 send none. Any other port has to stay: the
// application would otherwise redirect its clients to a port where Envoy does not listen.
func hostPort(listen int) change {
	strip := listen == 80 || listen == 443
	return change{mark: "host-port", times: 1, find: regexp.MustCompile(`strip_any_host_port: (true|false)`),
		with: always(fmt.Sprintf("strip_any_host_port: %t", strip))}
}

var (
	socketAddress = regexp.MustCompile(`socket_address: \{ address: [^ ,{}]+, port_value: [0-9]+ \}`)
	// socketPath matches paths of sockets (sun_path of unix(7) has 108 bytes, the last
	// one zero) without characters that are special in YAML.
	socketPath = regexp.MustCompile(`^/[A-Za-z0-9_./-]{1,106}$`)
)

// splitAddress returns the two parts of host:port, with the host in its YAML form.
func splitAddress(value string) (host string, port int, err error) {
	host, portText, err := net.SplitHostPort(value)
	if err != nil {
		return "", 0, fmt.Errorf("got the address %q; expected HOST:PORT", value)
	}
	number, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || number == 0 {
		return "", 0, fmt.Errorf("got the address %q; expected a port from 1 to 65535", value)
	}
	switch ip := net.ParseIP(host); {
	case ip != nil && strings.Contains(host, ":"):
		host = strconv.Quote(host) // a bare colon would end the YAML scalar
	case ip == nil && !hostName.MatchString(host):
		return "", 0, fmt.Errorf("got the address %q; expected an IP address or a host name before the port", value)
	}
	return host, int(number), nil
}

// hostName matches names that a resolver accepts, without characters that are special in
// YAML. The underscore is for names of containers.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`)

// originList renders origins as the list of Envoy's CORS policy.
func originList(origins []string) (string, error) {
	if len(origins) == 0 {
		return "[]", nil
	}
	var faults []error
	items := make([]string, len(origins))
	for i, origin := range origins {
		faults = append(faults, checkOrigin(origin))
		items[i] = fmt.Sprintf("{ exact: %q }", origin)
	}
	return "[ " + strings.Join(items, ", ") + " ]", errors.Join(faults...)
}

// checkOrigin checks that an origin has the form that browsers send (RFC 6454 section
// 6.2), since any other never matches.
func checkOrigin(origin string) error {
	if bare := strings.TrimRight(origin, "/"); bare != origin && checkOrigin(bare) == nil {
		return fmt.Errorf("got the origin %q; expected it without the final slash, as browsers send it: %s", origin, bare)
	}
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != origin {
		return fmt.Errorf("got the origin %q; expected the form that browsers send, such as https://app.example or http://localhost:3000", origin)
	}
	port := u.Port()
	if !hostName.MatchString(u.Hostname()) || strings.ToLower(origin) != origin {
		return fmt.Errorf("got the origin %q; expected a host name or an IPv4 address, in lower case", origin)
	}
	if (u.Scheme == "http" && port == "80") || (u.Scheme == "https" && port == "443") || strings.HasSuffix(u.Host, ":") {
		return fmt.Errorf("got the origin %q; expected it without the scheme's default port, which browsers do not send", origin)
	}
	return nil
}

// fieldName matches the header names of a jwtgate configuration.
var fieldName = regexp.MustCompile(`^[a-z0-9]+([-_][a-z0-9]+)*$`)

// namePattern returns the expression of [everySpelling], or an error if a name is not
// plain and could change more of the file.
func namePattern(names []string) (string, error) {
	if len(names) == 0 {
		return "", errors.New("identity: a header name is missing")
	}
	for _, name := range names {
		if !fieldName.MatchString(name) {
			return "", fmt.Errorf("identity: got %q; expected a header name of lower-case letters, digits and single dashes", name)
		}
	}
	return everySpelling(names), nil
}

// everySpelling returns a regular expression for every spelling of header names that a
// server may read as the same: a separator in a name matches any byte other than a letter
// or digit. Names that differ only in their last word share a group, to keep the file
// readable.
func everySpelling(names []string) string {
	var stems []string
	words := map[string][]string{} // :: stem, with its separator -> last words
	for _, name := range names {
		cut := strings.LastIndexAny(name, "-_") + 1
		stem := strings.NewReplacer("-", "[^a-z0-9]", "_", "[^a-z0-9]").Replace(name[:cut])
		if words[stem] == nil {
			stems = append(stems, stem)
		}
		words[stem] = append(words[stem], name[cut:])
	}
	for i, stem := range stems {
		if group := words[stem]; len(group) > 1 {
			stems[i] = stem + "(" + strings.Join(group, "|") + ")"
		} else {
			stems[i] = stem + group[0]
		}
	}
	return strings.Join(stems, "|")
}
