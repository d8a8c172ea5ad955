package envoylint

import (
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const headerType protoreflect.FullName = "envoy.config.core.v3.HeaderValue"

// locations reports answers that lead a browser to a host that the client chooses.
func (l *linter) locations(m *manager) {
	m.find(headerType, func(header *value) {
		name := strings.ToLower(header.get("key").text)
		if name != "location" && name != "refresh" || header.below("request_headers_to_add") {
			return
		}
		if at := header.get("value"); chosenHost(at.text) {
			l.report("redirect-by-client", at, "the client chooses the host of %s", name)
		}
	})
}

// pages reports HTML pages of Envoy that contain a part of the request as it is. Details
// contain the state of a failed callback.
func (l *linter) pages(m *manager) {
	m.find(formatType, func(format *value) {
		if !strings.Contains(strings.ToLower(format.get("content_type").text), "html") {
			return
		}
		format.scalars(func(text string, at *value) {
			for _, found := range command.FindAllStringSubmatch(text, -1) {
				switch ownID := found[1] == "REQ" && strings.EqualFold(found[2], "x-request-id") && m.makesRequestIDs(); {
				case !ownID && ofClient(found[1], found[2]), slices.ContainsFunc(commandRecords(found[1], found[2]), record.ofDetails):
					l.report("page-of-request", at, "the page contains %%%s%%", found[1])
				}
			}
		})
	})
}

// makesRequestIDs reports whether Envoy replaces the request ID of every client.
func (m *manager) makesRequestIDs() bool {
	generate := m.hcm.get("generate_request_id")
	return m.hcm.get("use_remote_address").is() && (generate.is() || !generate.there()) &&
		!m.hcm.has("internal_address_config", "request_id_extension") && !m.hcm.get("preserve_external_request_id").is()
}

// below reports whether a value is in a field with a name.
func (v *value) below(name string) bool {
	for at := v; at != nil; at = at.in {
		if isField(at, name) {
			return true
		}
	}
	return false
}

// hostLiteral matches the beginning of a URL whose host is complete, and hostBegun one whose
// host may go on. A browser reads a slash and another one, or a backslash, as such a beginning.
var (
	hostLiteral = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]+[/?#]|^/[^/\\]|^[?#]|^[^/:\\]+[/?#]`)
	hostBegun   = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]+$|^[^/:\\]+$`)
)

// chosenHost reports whether the host in the format of a Location is a part of the request.
func chosenHost(format string) bool {
	begin, after := "", format
	for {
		found := command.FindStringSubmatchIndex(after)
		if found == nil {
			return false
		}
		begin += after[:found[0]]
		name, argument := group(after, found, 1), group(after, found, 2)
		after = after[found[1]:]
		switch {
		case hostLiteral.MatchString(begin):
			return false
		case !ofClient(name, argument):
			begin += "x"
		default:
			argument = strings.ToLower(argument)
			path := name == "PATH" || argument == pathHeader || argument == originalPath+"?"+pathHeader
			return !path || !hostBegun.MatchString(begin)
		}
	}
}

// ofClient reports whether a command writes a part of the request, other than its scheme.
func ofClient(name, argument string) bool {
	switch name {
	case "REQ", "REQUEST_HEADER", "STREAM_INFO_REQ", "REQ_WITHOUT_QUERY":
		return !strings.EqualFold(argument, ":scheme") && !strings.EqualFold(argument, "x-forwarded-proto")
	case "CEL", "TYPED_CEL":
		return slices.ContainsFunc(celRecords(argument), record.ofRequest)
	}
	return slices.Contains([]string{"PATH", "QUERY_PARAM", "QUERY_PARAMS", "COALESCE", "REQUESTED_SERVER_NAME"}, name)
}

// group returns a group of a match; empty if it did not take part.
func group(text string, match []int, n int) string {
	if match[2*n] < 0 {
		return ""
	}
	return text[match[2*n]:match[2*n+1]]
}
