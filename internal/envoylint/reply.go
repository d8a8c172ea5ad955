package envoylint

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
)

// localReplies reports rewriting of denials, which are local replies of Envoy with the
// flag UAEX.
func (l *linter) localReplies(m *manager) {
	replies := m.hcm.get("local_reply_config")
	if at := replies.get("body_format"); at.there() && !keepsBody(at) {
		l.report("local-reply-overwrites", at, "every local reply gets this body, including denials")
	}
	for _, mapper := range replies.get("mappers").items {
		mayBeDenial := func(status int) bool { return mayMatch(mapper.get("filter"), status) }
		if !slices.ContainsFunc([]int{400, 401, 403, 503}, mayBeDenial) {
			continue
		}
		if m.forPeople(mapper.get("filter")) {
			if at := mapper.get("status_code"); at.there() && !refuses(at.text) {
				l.report("local-reply-overwrites", at, "a page for people answers denials with the status %s", at.text)
			}
			continue
		}
		for _, name := range []string{"status_code", "body", "body_format_override"} {
			if at := mapper.get(name); at.there() && !(name == "body_format_override" && keepsBody(at)) {
				l.report("local-reply-overwrites", at, "this replaces a part of denials")
			}
		}
	}
}

// refuses reports whether a status tells browsers, caches and monitoring that the page is
// not the one that was asked for: a redirect to the sign-in, or an error of the client.
func refuses(status string) bool {
	return status == "302" || status == "303" || len(status) == 3 && status[0] == '4'
}

// forPeople reports whether a filter matches only navigations of a browser, or the callback
// of an oauth2 filter, which the gate does not answer: pages for people replace nothing that
// a program reads.
func (m *manager) forPeople(filter *value) bool {
	conditions := celConditions(filter.get("extension_filter").get("typed_config", "expression").text)
	callbacks, _ := m.callbacks()
	return slices.ContainsFunc(conditions, func(condition ast.Expr) bool {
		path, equal := celPathIs(condition)
		return celNavigation(condition) || path != "" && equal && slices.Contains(callbacks, path)
	})
}

// callbacks returns paths at which oauth2 filters answer the issuer's redirects, each once,
// and whether these are all of them: a matcher may be for more than one exact text, and of
// many paths it returns some, since they are compared with each log.
func (m *manager) callbacks() (paths []string, exact bool) {
	const most = 1000
	if m.callbacksKnown {
		return m.callbackPaths, m.callbacksExact
	}
	found := map[string]bool{}
	exact = true
	for _, config := range m.signIns() {
		path := config.get("redirect_path_matcher", "path")
		one := path.get("exact")
		if !one.there() || len(found) == most {
			exact = false
			continue
		}
		found[one.text] = true
		exact = exact && !path.get("ignore_case").is()
	}
	m.callbackPaths, m.callbacksExact, m.callbacksKnown = slices.Sorted(maps.Keys(found)), exact, true
	return m.callbackPaths, exact
}

// keepsBody reports whether a format is only the reply's own body.
func keepsBody(format *value) bool {
	text := format.get("text_format_source", "inline_string").text + format.get("text_format").text
	return strings.TrimSpace(text) == "%LOCAL_REPLY_BODY%"
}

// mayMatch reports whether an access log filter may match a denial with a status. An
// unknown filter may.
func mayMatch(filter *value, status int) bool {
	if any := filter.get("or_filter", "filters"); any.there() {
		return slices.ContainsFunc(any.items, func(one *value) bool { return mayMatch(one, status) })
	}
	for _, one := range filter.get("and_filter", "filters").items {
		if !mayMatch(one, status) {
			return false
		}
	}
	if comparison := filter.get("status_code_filter", "comparison"); comparison.there() {
		return compare(comparison, status)
	}
	if flags := filter.get("response_flag_filter", "flags"); len(flags.items) > 0 {
		return slices.ContainsFunc(flags.items, func(flag *value) bool { return flag.text == "UAEX" })
	}
	if extension := filter.get("extension_filter"); extension.there() {
		expression := extension.get("typed_config", "expression").text
		byDetails := strings.Contains(expression, "code_details")
		return expression != "" && (!byDetails || strings.Contains(expression, "ext_authz_denied"))
	}
	return true
}

// compare makes Envoy's comparison of a status.
func compare(comparison *value, status int) bool {
	want, err := strconv.Atoi(comparison.get("value", "default_value").text)
	if err != nil {
		return true
	}
	switch op := comparison.get("op"); {
	case op.either("GE"):
		return status >= want
	case op.either("LE"):
		return status <= want
	case op.either("NE"):
		return status != want
	default:
		return status == want
	}
}
