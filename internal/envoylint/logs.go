package envoylint

import (
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// record is a part of requests or of their answers that Envoy writes into a log or a trace.
type record struct {
	at   *value
	what recorded
	name string // of a header in lower case, empty: every header; or of a parameter
	// unless are paths of requests whose record does not contain it.
	unless []string
	most   int // how many characters of it; 0: all
}

// recorded is a kind of part.
type recorded int

const (
	requestHeader  recorded = iota // :path is with its query
	responseHeader                 // of the answer
	parameter                      // of the query
	codeDetails                    // why Envoy answered as it did
	attribute                      // another part that a client chooses; it has no query
)

const (
	pathHeader     = ":path"
	originalPath   = "x-envoy-original-path"
	defaultPathTag = 256 // Envoy's max_path_tag_length
	// customTagType is a tag of a trace or of a gRPC access log.
	customTagType protoreflect.FullName = "envoy.type.tracing.v3.CustomTag"
	formatType    protoreflect.FullName = "envoy.config.core.v3.SubstitutionFormatString"
	routeTracing  protoreflect.FullName = "envoy.config.route.v3.Tracing"
)

// logs reports access logs and traces that may contain tokens, or what a sign-in consists of.
func (l *linter) logs(m *manager) {
	logs := append(slices.Clone(m.hcm.get("access_log").items), m.listener.get("access_log").items...)
	m.find(accessLogType, func(log *value) {
		if slices.Contains(logs, log) {
			return
		}
		l.unreadFormats(log, "log") // of requests to an application: it gets no callback
		for _, r := range append(formatRecords(log), ownRecords(log)...) {
			l.tokenRecord(r, "log")
		}
	})
	for _, log := range logs {
		l.unreadFormats(log, "log")
		excludes := excluding(log.get("filter"))
		for _, r := range append(formatRecords(log), ownRecords(log)...) {
			l.tokenRecord(r, "log")
			l.signInRecord(m, r, "log", excludes)
		}
	}
	traces := traceRecords(m.hcm.get("tracing"))
	m.find(routeTracing, func(tracing *value) { traces = append(traces, formatRecords(tracing)...) })
	for _, r := range traces {
		l.tokenRecord(r, "trace")
		l.signInRecord(m, r, "trace", excluding(&value{}))
	}
}

// unreadFormats reports formats that are in another file or in a variable of the environment.
func (l *linter) unreadFormats(v *value, of string) {
	for _, format := range v.messages(formatType) {
		if at := format.get("text_format_source"); at.has("filename", "environment_variable") {
			l.reportFix("unknown", at, "write it as inline_string", "lint-envoy does not read the %s's format, which is not in this file", of)
		}
	}
}

// tokenRecord reports a record that may contain a token that the gate reads.
func (l *linter) tokenRecord(r record, where string) {
	path := r.name == pathHeader || r.name == originalPath
	switch {
	case r.what == requestHeader && r.name == "":
		l.report("token-logged", r.at, "the %s contains every header, and so tokens", where)
	case r.what == requestHeader && slices.Contains(l.gate.Tokens, r.name):
		l.report("token-logged", r.at, "the %s contains %s, which may contain a token", where, r.name)
	case r.what == requestHeader && path && l.gate.QueryTokens && r.most != 1:
		l.report("token-logged", r.at, "the %s contains the query of the path, which may contain a token", where)
	case r.what == parameter && l.gate.QueryTokens && r.name == "":
		l.report("token-logged", r.at, "the %s contains the query of the path, which may contain a token", where)
	}
}

// signInRecord reports a record that contains what a sign-in by an oauth2 filter consists of.
func (l *linter) signInRecord(m *manager, r record, where string, excludes func(path string) bool) {
	if len(m.signIns()) == 0 {
		return
	}
	hidden := func(path string) bool { return r.without(path) || excludes(path) }
	what := ""
	switch {
	case r.what == responseHeader && (r.name == "location" || r.name == ""):
		what = "the location of redirects: the state of a sign-in, and the ID token of a sign-out"
	case r.what == responseHeader && r.name == "set-cookie":
		what = "cookies of sessions"
	case r.what == requestHeader && r.name == "cookie" && !slices.Contains(l.gate.Tokens, "cookie"):
		what = "cookies of sessions, in which the filter has decrypted the tokens"
	case !r.ofCallback() || m.everyCallback(hidden):
		return
	case r.what == codeDetails:
		what = "the details of a failed callback, with its code and state"
	default:
		what = "the query of a callback, with its code and state"
	}
	l.report("oauth2-code-logged", r.at, "the %s contains %s", where, what)
}

// ofRequest reports whether a record is a part of the request.
func (r record) ofRequest() bool { return r.what != responseHeader && r.what != codeDetails }

// ofDetails reports whether a record is why Envoy answered as it did.
func (r record) ofDetails() bool { return r.what == codeDetails }

// ofCallback reports whether a record contains the code or the state of a callback.
func (r record) ofCallback() bool {
	switch r.what {
	case codeDetails:
		return true
	case parameter:
		return slices.Contains([]string{"", "code", "state"}, r.name)
	case requestHeader:
		return r.name == pathHeader || r.name == ""
	}
	return false
}

// without reports whether a record of a request with a path contains none of its query.
func (r record) without(path string) bool {
	short := r.name == pathHeader && r.most > 0 && r.most <= len(path)+1
	return short || slices.Contains(r.unless, path)
}

// excluding returns whether the filter of an access log excludes every request with a path,
// whatever its query. It parses the filter's expressions once for all paths.
func excluding(filter *value) func(path string) bool {
	each := func(list string) (all []func(path string) bool) {
		for _, inner := range filter.get(list, "filters").items {
			all = append(all, excluding(inner))
		}
		return all
	}
	every, some := each("and_filter"), each("or_filter")
	header := filter.get("header_filter", "header")
	prefix := header.get("string_match", "prefix")
	inverted := header.get("invert_match").is() && header.get("name").text == pathHeader && prefix.there()
	var paths []string
	if settings := filter.get("extension_filter", "typed_config"); settings.has("expression") {
		paths = celExcluded(settings.get("expression").text)
	}
	return func(path string) bool {
		excludes := func(inner func(string) bool) bool { return inner(path) }
		logs := func(inner func(string) bool) bool { return !inner(path) }
		return slices.ContainsFunc(every, excludes) || len(some) > 0 && !slices.ContainsFunc(some, logs) ||
			inverted && strings.HasPrefix(path, prefix.text) || slices.Contains(paths, path)
	}
}

// everyCallback reports whether a condition holds for the path of each callback. If the path
// is not one exact text, it does not.
func (m *manager) everyCallback(holds func(path string) bool) bool {
	paths, exact := m.callbacks()
	return exact && !slices.ContainsFunc(paths, func(path string) bool { return !holds(path) })
}

// ownRecords returns what an access logger records without a format.
func ownRecords(log *value) []record {
	kind, settings := log.get("typed_config").typed()
	switch short(kind) {
	case "HttpGrpcAccessLogConfig":
		all := []record{{at: log, what: requestHeader, name: pathHeader}, {at: log, what: codeDetails}}
		for list, what := range map[string]recorded{
			"additional_request_headers_to_log": requestHeader, "additional_response_headers_to_log": responseHeader,
		} {
			for _, at := range settings.get(list).items {
				all = append(all, record{at: at, what: what, name: strings.ToLower(at.text)})
			}
		}
		return all
	case "StdoutAccessLog", "StderrAccessLog", "FileAccessLog":
		own := settings.has("log_format", "json_format", "typed_json_format") || settings.has("format") && settings.get("format").text != ""
		if !own {
			return []record{{at: log, what: requestHeader, name: pathHeader}} // Envoy's default format
		}
	}
	return nil
}

// traceRecords returns what the settings of traces record. Envoy adds the URL to each trace.
func traceRecords(tracing *value) []record {
	if !tracing.there() {
		return nil
	}
	most := tracing.get("max_path_tag_length")
	url := record{at: tracing, what: requestHeader, name: pathHeader, most: max(1, int(most.number(defaultPathTag)))}
	return append(formatRecords(tracing), url)
}

// formatRecords returns what the formats and the custom tags in a value record.
func formatRecords(v *value) []record {
	var all []record
	v.formats(func(text string, at *value) {
		for _, r := range recordsOf(text) {
			r.at = at
			all = append(all, r)
		}
	})
	for _, tag := range v.messages(customTagType) {
		if at := tag.get("request_header", "name"); at.there() {
			all = append(all, record{at: at, what: requestHeader, name: strings.ToLower(at.text)})
		}
	}
	return all
}

// recordsOf returns what a format records.
func recordsOf(format string) []record {
	var all []record
	for _, c := range commandsOf(format) {
		most := c.most
		if most > 0 && (c.name == "CEL" || c.name == "TYPED_CEL") && !celIsPath(c.argument) {
			most = 0 // the beginning of the result need not be the beginning of the path
		}
		for _, r := range commandRecords(c.name, c.argument) {
			r.most = most
			all = append(all, r)
		}
	}
	return all
}

// commandRecords returns what a command of a format records.
func commandRecords(name, argument string) []record {
	switch name {
	case "REQ", "REQUEST_HEADER", "STREAM_INFO_REQ":
		return headerRecords(requestHeader, argument)
	case "REQ_WITHOUT_QUERY":
		return slices.DeleteFunc(headerRecords(requestHeader, argument), func(r record) bool {
			return r.name == pathHeader || r.name == originalPath
		})
	case "RESP", "RESPONSE_HEADER":
		return headerRecords(responseHeader, argument)
	case "PATH":
		query, source, _ := strings.Cut(argument, ":")
		switch {
		case query == "NQ":
			return nil
		case source == "ORIG":
			return headerRecords(requestHeader, originalPath)
		}
		return headerRecords(requestHeader, pathHeader)
	case "QUERY_PARAM":
		return []record{{what: parameter, name: argument}}
	case "QUERY_PARAMS":
		return []record{{what: parameter}}
	case "RESPONSE_CODE_DETAILS":
		return []record{{what: codeDetails}}
	case "CEL", "TYPED_CEL":
		return celRecords(argument)
	case "COALESCE":
		return coalesceRecords(argument)
	}
	return nil
}

// headerRecords returns the headers of NAME?ALTERNATIVE.
func headerRecords(what recorded, names string) []record {
	var all []record
	for name := range strings.SplitSeq(strings.ToLower(names), "?") {
		all = append(all, record{what: what, name: name})
	}
	return all
}

// coalesceRecords returns what the commands in the JSON of a COALESCE record.
func coalesceRecords(text string) []record {
	var list struct {
		Operators []json.RawMessage `json:"operators"`
	}
	if json.Unmarshal([]byte(text), &list) != nil {
		return nil // Envoy does not start with it
	}
	var all []record
	for _, raw := range list.Operators {
		var one struct{ Command, Param string }
		if json.Unmarshal(raw, &one) != nil && json.Unmarshal(raw, &one.Command) != nil {
			continue
		}
		if one.Command != "COALESCE" { // one in another does not end its JSON
			all = append(all, commandRecords(one.Command, one.Param)...)
		}
	}
	return all
}
