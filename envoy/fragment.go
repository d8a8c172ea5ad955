package envoy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Piece is a part of the shipped Envoy file that goes into an existing Envoy
// configuration. It is a YAML document, without indentation.
type Piece struct {
	Title string
	Where string // its place, to follow "It goes "
	YAML  string // with the comments and marks of the shipped file
}

// Fragment returns what an existing Envoy configuration needs for jwtgate, in the order
// of the file: parts of the shipped file, with the edits for an existing jwtgate
// configuration, or as they are for nil. They contain no listener, route, CORS policy or
// address of an application. An address of jwtgate that Envoy cannot call is an error.
func Fragment(of *Existing) ([]Piece, error) {
	var edit Edit
	if of != nil {
		o := InitOptions{Existing: of}
		if err := o.checkExisting(); err != nil {
			return nil, err
		}
		edit = of.Needs.Edit()
		if listen := o.listen(); listen != defaultListen {
			edit.Gate = listen
		}
	}
	file, err := Bootstrap(edit)
	if err != nil {
		return nil, err
	}
	return piecesOf(string(file))
}

// managerPath is the path of the connection manager in the shipped file.
func managerPath() []string {
	return []string{"static_resources:", "listeners:", "- name: edge", "filter_chains:", "- filters:",
		"- name: envoy.filters.network.http_connection_manager", "typed_config:"}
}

// ownOptions are the connection manager's options that belong to the application, and
// those that are pieces of their own.
func ownOptions() []string {
	return []string{`"@type":`, "stat_prefix:", "upgrade_configs:", "access_log:", "local_reply_config:", "route_config:",
		"early_header_mutation_extensions:", "http_filters:"}
}

// piecesOf cuts the pieces out of a file with the structure of the shipped one.
func piecesOf(file string) ([]Piece, error) {
	c := cutter{lines: strings.SplitAfter(file, "\n")}
	manager := managerPath()
	filters := append(slices.Clone(manager), "http_filters:")
	pieces := []Piece{
		{"the limit for regular expressions",
			"at the top level of the file. " +
				"If the file has a layered_runtime already, add only the item to its layers, with another name than theirs.",
			c.block("layered_runtime:")},
		{"the connection manager's options",
			"into the typed_config of each envoy.filters.network.http_connection_manager that forwards requests to an application. " +
				"Replace an option that is there already; of a block, such as common_http_protocol_options, replace or add its fields.",
			c.children(manager, ownOptions())},
		{"headers that clients must not send",
			"into the same typed_config. If it has early_header_mutation_extensions already, add the item to them, as the first one.",
			c.block(append(slices.Clone(manager), "early_header_mutation_extensions:")...)},
		{"the port in Host", "into the route_config of the same typed_config, or into the RouteConfiguration that it fetches.",
			c.block(append(slices.Clone(manager), "route_config:", "ignore_port_in_host_matching:")...)},
		{"the filter for trailers", "into http_filters of the same typed_config, as the first filter.",
			c.block(append(slices.Clone(filters), "- name: envoy.filters.http.header_mutation")...)},
		{"the filter that calls jwtgate",
			"into http_filters of the same typed_config: after envoy.filters.http.cors, and before envoy.filters.http.router and each filter " +
				"that answers requests itself or uses the identity headers. A rate limit by address can stay before it.",
			c.block(append(slices.Clone(filters), "- name: envoy.filters.http.ext_authz")...)},
		{"the cluster of jwtgate", "into static_resources.clusters.", c.block("static_resources:", "clusters:", "- name: jwtgate")},
		{"the idle timeout of an application",
			"into each cluster of an application. If it has HttpProtocolOptions already, add only common_http_protocol_options to them. " +
				"The time has to be shorter than the application's own: gunicorn 2 s, Node and uvicorn 5 s.",
			c.block("static_resources:", "clusters:", "- name: app\n", "typed_extension_protocol_options:")},
	}
	return pieces, errors.Join(c.faults...)
}

// cutter cuts blocks out of a YAML file by the beginnings of their lines, so that they
// keep their comments and marks.
type cutter struct {
	lines  []string
	faults []error
}

// indent is the number of spaces at the beginning of a line; -1 for a line without
// content or with a comment only.
func indent(line string) int {
	text := strings.TrimLeft(line, " ")
	if strings.TrimSpace(text) == "" || strings.HasPrefix(text, "#") {
		return -1
	}
	return len(line) - len(text)
}

// block returns the block at a path of beginnings of lines, with the comment before it
// and without indentation.
func (c *cutter) block(path ...string) string {
	from, to := c.find(path)
	return c.text(from, to)
}

// find returns the lines of the block at a path.
func (c *cutter) find(path []string) (from, to int) {
	from, to = 0, len(c.lines)
	for _, begin := range path {
		var found []int
		for i := from; i < to; i++ {
			if strings.HasPrefix(strings.TrimLeft(c.lines[i], " "), begin) && indent(c.lines[i]) >= 0 {
				found = append(found, i)
			}
		}
		if len(found) == 0 {
			c.faults = append(c.faults, fmt.Errorf("envoy file: no line begins with %q in %q", begin, path))
			return 0, 0
		}
		// Of several, the outermost one; two of them would be ambiguous.
		slices.SortStableFunc(found, func(a, b int) int { return indent(c.lines[a]) - indent(c.lines[b]) })
		if len(found) > 1 && indent(c.lines[found[0]]) == indent(c.lines[found[1]]) {
			c.faults = append(c.faults, fmt.Errorf("envoy file: several lines begin with %q in %q", begin, path))
			return 0, 0
		}
		from = found[0]
		to = c.end(from, to)
	}
	return from, to
}

// end returns the end of the block that begins on a line, within a limit.
func (c *cutter) end(from, limit int) int {
	own := indent(c.lines[from])
	isItem := strings.HasPrefix(strings.TrimLeft(c.lines[from], " "), "- ")
	end := from + 1 // after the last line with content
	for i := from + 1; i < limit; i++ {
		deep := indent(c.lines[i])
		item := strings.HasPrefix(strings.TrimLeft(c.lines[i], " "), "- ")
		if deep >= 0 && (deep < own || deep == own && (isItem || !item)) {
			break
		}
		if deep >= 0 {
			end = i + 1
		}
	}
	return end
}

// children returns the blocks directly in the mapping at a path, except those that
// begin with one of these.
func (c *cutter) children(path, except []string) string {
	from, to := c.find(path)
	var text strings.Builder
	for i := from + 1; i < to; {
		if indent(c.lines[i]) < 0 {
			i++
			continue
		}
		end := c.end(i, to)
		begins := func(begin string) bool { return strings.HasPrefix(strings.TrimLeft(c.lines[i], " "), begin) }
		if !slices.ContainsFunc(except, begins) {
			text.WriteString(c.text(i, end))
		}
		i = end
	}
	return text.String()
}

// comment returns the first line of the comment directly before a line; the line itself if
// there is none.
func (c *cutter) comment(line int) int {
	by := strings.Repeat(" ", indent(c.lines[line]))
	for line > 0 && strings.HasPrefix(c.lines[line-1], by+"#") {
		line--
	}
	return line
}

// text returns lines and the comment directly before them, without the indentation of
// the first line.
func (c *cutter) text(from, to int) string {
	if from >= to {
		return ""
	}
	by := strings.Repeat(" ", indent(c.lines[from]))
	var text strings.Builder
	for _, line := range c.lines[c.comment(from):to] {
		text.WriteString(strings.TrimPrefix(line, by))
	}
	return text.String()
}

// remove removes the block at a path, with the comment before it.
func (c *cutter) remove(path ...string) {
	if from, to := c.find(path); from < to {
		c.lines = slices.Delete(c.lines, c.comment(from), to)
	}
}
