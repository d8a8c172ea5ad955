package envoylint

import (
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const headerType protoreflect.FullName = "envoy.config.core.v3.HeaderValue"

// refreshBegin matches what is before the URL of a Refresh header.
var refreshBegin = regexp.MustCompile(`(?i)^[^;,]*[;,]\s*(?:url\s*=\s*)?["']?`)

// locations reports answers that lead a browser to a host that the client chooses.
func (l *linter) locations(m *manager) {
	m.find(headerType, func(header *value) {
		name := strings.ToLower(header.get("key").text)
		if name != "location" && name != "refresh" || header.below("request_headers_to_add") {
			return
		}
		at := header.get("value")
		text := at.text
		if name == "refresh" {
			text = text[len(refreshBegin.FindString(text)):]
		}
		if chosenHost(text) {
			l.report("redirect-by-client", at, "the client chooses the host of %s", name)
		}
	})
}

// pages reports HTML pages of Envoy that contain a part of the request as it is. Details
// contain the state of a failed callback.
func (l *linter) pages(m *manager) {
	m.find(formatType, func(format *value) {
		if !format.mayBeHTML() {
			return
		}
		l.unreadFormats(format, "page")
		format.formats(func(text string, at *value) {
			for _, c := range commandsOf(text) {
				switch ownID := c.name == "REQ" && strings.EqualFold(c.argument, "x-request-id") && m.makesRequestIDs(); {
				case !ownID && ofClient(c.name, c.argument), slices.ContainsFunc(commandRecords(c.name, c.argument), record.ofDetails):
					l.report("page-of-request", at, "the page contains %%%s%%", c.name)
				}
			}
		})
	})
}

// mayBeHTML reports whether a browser may read what a format makes as a page. The type is that
// of the format, or of a header which replaces it.
func (v *value) mayBeHTML() bool {
	if isMarkup(v.get("content_type").text) {
		return true
	}
	for at := v.in; at != nil; at = at.in {
		for _, name := range []protoreflect.Name{"headers_to_add", "response_headers_to_add"} {
			if at.message == nil || at.message.Fields().ByName(name) == nil {
				continue
			}
			for _, option := range at.get(string(name)).items {
				header := option.get("header")
				if strings.EqualFold(header.get("key").text, "content-type") && isMarkup(header.get("value").text) {
					return true
				}
			}
		}
	}
	return false
}

// isMarkup reports whether a media type is one in which a browser runs scripts, or unknown.
func isMarkup(mediaType string) bool {
	mediaType = strings.ToLower(mediaType)
	return strings.Contains(mediaType, "html") || strings.Contains(mediaType, "xml") || strings.Contains(mediaType, "%")
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
	const most = 300 // more than a scheme and a host
	begin := ""
	for _, c := range commandsOf(format) {
		client := ofClient(c.name, c.argument)
		if len(begin) >= most && client {
			return true
		} else if len(begin) >= most {
			continue
		}
		begin = addressBegin(begin + c.before[:min(len(c.before), most)])
		switch {
		case hostLiteral.MatchString(begin):
			return false
		case !client:
			begin += "x"
		default:
			argument := strings.ToLower(c.argument)
			path := c.name == "PATH" || argument == pathHeader || argument == originalPath+"?"+pathHeader
			return !path || !hostBegun.MatchString(begin)
		}
	}
	return false
}

// addressBegin returns the beginning of a URL without what a browser leaves out.
func addressBegin(text string) string {
	return strings.TrimLeft(strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(text), " ")
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
