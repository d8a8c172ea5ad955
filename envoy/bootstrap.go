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

// Edit says what is to differ from a marked Envoy file. The zero value of a
// field leaves its places as they are.
type Edit struct {
	Listen string // host:port that clients call
	Admin  string // host:port of Envoy's own admin interface
	Gate   string // host:port of jwtgate, an address or a name; or unix:PATH, its Unix socket
	App    string // host:port of the application, an address or a name

	// Origins are those whose scripts may call and read the answers, each as a
	// browser sends it: scheme://host or scheme://host:port. Empty but not nil
	// allows none.
	Origins []string
	// Identity is every header name that jwtgate sets or strips, in place of
	// [IdentityNames].
	Identity []string
	// Tokens are further header fields that hold a token: jwtgate is sent them,
	// and may take them out.
	Tokens []string
	// Conditions are further header fields that jwtgate is sent since a `when`
	// reads them.
	Conditions []string
	// SendAll sends jwtgate every header field, for a `when` that reads fields
	// whose names cannot be told beforehand.
	SendAll bool

	// EncodedSlash lets through %2F in a path, and DoubleSlash //, on every host.
	EncodedSlash, DoubleSlash bool
	// HeaderKB is the limit for request headers in KiB, 60 to 120.
	HeaderKB int
	// Overrides are the override headers that are removed from clients' requests, in
	// place of [OverrideNames]; TrailerOverrides are those that are removed from
	// their trailers. Empty but not nil removes none.
	Overrides, TrailerOverrides []string
}

// IdentityNames returns the header names that the shipped file strips from
// clients' requests and lets jwtgate set: those of a jwtgate configuration that
// leaves `identity` at its defaults, and x-user-roles, which many frameworks
// read.
func IdentityNames() []string {
	return []string{
		"x-user-id", "x-user-name", "x-user-email", "x-user-groups", "x-user-scopes",
		"x-user-client", "x-user-kind", "x-user-issuer", "x-user-roles",
	}
}

// Bootstrap returns the shipped Envoy file with the edit applied.
func Bootstrap(edit Edit) ([]byte, error) { return Apply([]byte(shipped), edit) }

// Apply returns file, which is the shipped Envoy file or one that [Init] made
// of it, with the edit applied. Every value is checked for its form first; no
// address is looked up. It fails if a place that the edit is to change is not
// marked exactly as often as in the shipped file.
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

// change is one edit: on each line that is marked with mark, of which there
// must be times, the one part that find matches becomes what with makes of it.
type change struct {
	mark  string
	times int
	find  *regexp.Regexp
	with  func(found string) string
}

// always returns text whatever was found.
func always(text string) func(string) string { return func(string) string { return text } }

// marks returns the names behind `# edit: ` at the end of a line, which commas
// part.
func marks(line string) []string {
	_, names, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " # edit: ")
	return strings.Split(names, ", ")
}

// apply changes lines in place. After an error lines are of no use.
func (c change) apply(lines []string) error {
	seen := 0
	for i, line := range lines {
		if !slices.Contains(marks(line), c.mark) {
			continue
		}
		seen++
		found := c.find.FindAllStringIndex(line, -1)
		if len(found) != 1 {
			return fmt.Errorf("envoy file, line %d: the line marked %q does not hold what the edit is to replace", i+1, "edit: "+c.mark)
		}
		from, to := found[0][0], found[0][1]
		lines[i] = line[:from] + c.with(line[from:to]) + line[to:]
	}
	if seen != c.times {
		return fmt.Errorf("envoy file: %d lines are marked %q, not %d", seen, "edit: "+c.mark, c.times)
	}
	return nil
}

// changes turns the edit into changes, or names every value of a wrong form.
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
	for _, further := range []func() ([]change, error){e.sent, e.relaxed, e.headerLimit} {
		more, fault := further()
		changes, faults = append(changes, more...), append(faults, fault)
	}
	return changes, errors.Join(faults...)
}

// addresses are the changes of who listens where.
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
				faults = append(faults, fmt.Errorf("address %q: a socket's path is absolute, of letters, digits, dots, dashes and underscores, and at most 107 bytes long", a.value))
			}
			changes = append(changes, change{mark: a.mark, times: a.times, find: socketAddress, with: always(fmt.Sprintf("pipe: { path: %q }", path))},
				// Of a path there is nothing to look up, and Envoy would wait for a name.
				change{mark: "gate-type", times: 1, find: regexp.MustCompile(`type: STRICT_DNS`), with: always("type: STATIC")})
		default:
			host, port, err := splitAddress(a.value)
			faults = append(faults, err)
			changes = append(changes, change{mark: a.mark, times: a.times, find: socketAddress,
				with: always(fmt.Sprintf("socket_address: { address: %s, port_value: %d }", host, port))})
		}
	}
	return changes, errors.Join(faults...)
}

var (
	socketAddress = regexp.MustCompile(`socket_address: \{ address: [^ ,{}]+, port_value: [0-9]+ \}`)
	// socketPath takes a path that a socket can have (sun_path of unix(7) holds
	// 108 bytes, the last one zero) and that means nothing to YAML.
	socketPath = regexp.MustCompile(`^/[A-Za-z0-9_./-]{1,106}$`)
)

// splitAddress returns the two parts of host:port, the host as YAML writes it.
func splitAddress(value string) (host string, port int, err error) {
	host, portText, err := net.SplitHostPort(value)
	if err != nil {
		return "", 0, fmt.Errorf("address %q is not HOST:PORT", value)
	}
	number, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || number == 0 {
		return "", 0, fmt.Errorf("address %q: the port must be a number from 1 to 65535", value)
	}
	switch ip := net.ParseIP(host); {
	case ip != nil && strings.Contains(host, ":"):
		host = strconv.Quote(host) // a bare colon would end the YAML scalar
	case ip == nil && !hostName.MatchString(host):
		return "", 0, fmt.Errorf("address %q: %q is neither an IP address nor a host name", value, host)
	}
	return host, int(number), nil
}

// hostName takes what a resolver does, and nothing that means something to
// YAML. The underscore is for container names.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`)

// originList renders origins as the list that Envoy's CORS policy takes.
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

// checkOrigin holds an origin to the form that browsers send (RFC 6454 section
// 6.2): any other would never match.
func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != origin {
		return fmt.Errorf("origin %q must be written as browsers send it, such as https://app.example or http://localhost:3000", origin)
	}
	port := u.Port()
	if !hostName.MatchString(u.Hostname()) || strings.ToLower(origin) != origin {
		return fmt.Errorf("origin %q: the host must be a name or an IPv4 address, in lower case", origin)
	}
	if (u.Scheme == "http" && port == "80") || (u.Scheme == "https" && port == "443") || strings.HasSuffix(u.Host, ":") {
		return fmt.Errorf("origin %q: browsers leave out the scheme's own port", origin)
	}
	return nil
}

// fieldName takes the header names that a jwtgate configuration can hold.
var fieldName = regexp.MustCompile(`^[a-z0-9]+([-_][a-z0-9]+)*$`)

// namePattern returns the expression of [everySpelling], or an error if one of the
// names could change more of the file than itself.
func namePattern(names []string) (string, error) {
	if len(names) == 0 {
		return "", errors.New("identity: no header name is given")
	}
	for _, name := range names {
		if !fieldName.MatchString(name) {
			return "", fmt.Errorf("identity: %q is not a header name of lower-case letters, digits and single dashes", name)
		}
	}
	return everySpelling(names), nil
}

// everySpelling returns a regular expression for header names in every spelling that a
// server may take for them: a separator in a name matches any byte other than a letter
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
