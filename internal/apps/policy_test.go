//go:build apps

package apps

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// policy is who has a right to a handler. It is written from the configuration
// by hand and from the side of the application: it sees which handler ran, and
// nothing of how the request was spelled.
type policy func(r handlerRun, c caller) bool

// readmePolicy is what the README's configuration promises.
func readmePolicy(r handlerRun, c caller) bool {
	switch r.Handler {
	case "health", "home":
		return true
	case "admin-users", "admin-report":
		return c.groups == "admin"
	case "profile":
		return c.token != "" && c.subject == r.ID
	default: // no route matches: any valid token
		return c.token != ""
	}
}

// probesPolicy is what testdata/probes.yaml promises.
func probesPolicy(r handlerRun, c caller) bool {
	switch r.Handler {
	case "post-read", "page":
		return true
	case "post-delete", "admin-home":
		return c.groups == "admin"
	case "message-delete":
		return false
	case "tenant":
		return tenantPolicy(r.Host, c)
	default: // any valid token
		return c.token != ""
	}
}

// tenantPolicy is who has a right to a host's page. The application compares
// hosts without letter case, port and final dot, as a server with several names
// does.
func tenantPolicy(host string, c caller) bool {
	if only, _, err := net.SplitHostPort(host); err == nil {
		host = only
	}
	switch strings.TrimSuffix(strings.ToLower(host), ".") {
	case "public.example":
		return true
	case "admin.example":
		return c.groups == "admin"
	default:
		return c.token != ""
	}
}

// exchange is a request that was sent, and what became of it.
type exchange struct {
	row      row
	by       caller
	protocol string
	probe    string
	answer   answer
	err      error
}

// judge returns what is wrong with an exchange, given the handlers that ran for
// it.
func (e exchange) judge(rights policy, runs []handlerRun) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if e.err != nil {
		fault("no answer: %v", e.err)
	}
	for _, r := range runs {
		anybody := rights(r, caller{})
		switch {
		case !rights(r, e.by):
			fault("handler %s ran (%s %s, host %s) and the caller has no right to it", r.Handler, r.Method, r.Path, r.Host)
		case r.User != "nobody" && r.User != e.by.subject:
			fault("handler %s received user %q", r.Handler, r.User)
		case !anybody && (r.User != e.by.subject || r.Groups != e.by.groups):
			fault("handler %s received user %q in groups %q; expected %q in %q", r.Handler, r.User, r.Groups, e.by.subject, e.by.groups)
		}
	}
	switch {
	case e.row.want != "":
		if e.answer.status != http.StatusOK || len(runs) != 1 || runs[0].Handler != e.row.want {
			fault("status %d, reason %q, handlers %v; expected 200 from handler %s", e.answer.status, e.answer.reason(), runs, e.row.want)
		}
	case e.row.reason != "":
		if got := e.answer.reason(); got != e.row.reason {
			fault("status %d, reason %q; expected reason %q", e.answer.status, got, e.row.reason)
		}
	case strings.EqualFold(e.row.method, "OPTIONS") || e.row.attack == asGRPC:
		// Frameworks answer OPTIONS by themselves, and to gRPC a denial has status 200.
	case len(runs) == 0 && e.answer.status >= 200 && e.answer.status < 300:
		fault("status %d, and no handler recorded the request", e.answer.status)
	}
	return faults
}
