package gate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// A route reads the credential from its own places only. The gate removes the credential
// and keeps the rest of the header or query.
func TestCredentialPlaces(t *testing.T) {
	w := startWith(t, issuersYAML+`
tokens: {from: [bearer, {cookie: session}]}
routes:
  - {name: lenient, match: /lenient, access: optional, if_invalid: anonymous}
  - {name: header,  match: /header,  tokens_from: [{header: x-token}]}
  - {name: socket,  match: /socket,  tokens_from: [{websocket_protocol: jwt}]}
  - {name: query,   match: /query,   tokens_from: [{query: access_token}, bearer]}
  - {name: kept,    match: /kept,    forward: true}
  - {name: alone,   match: /alone,   tokens_from: [bearer, {header: authorization}]}
  - {name: maybe,   match: /maybe,   access: optional}
`)
	raw := mint(t, w.home, claims(nil))
	upgrade := []string{"connection: Upgrade", "upgrade: websocket"}
	for _, row := range []struct {
		name   string
		r      *request.Request
		reason gate.Reason
		// what the application receives of a field; empty: the field is removed
		field, left string
		parameters  []string
	}{
		{"a cookie among others", get("/x", "cookie: a=1; session="+raw+"; b=2"), "allowed", "cookie", "a=1; b=2", nil},
		{"a cookie alone", get("/x", "cookie: session="+raw), "allowed", "cookie", "", nil},
		{"a cookie that is kept", get("/kept", "cookie: session="+raw), "allowed", "cookie", "session=" + raw, nil},
		{"a cookie that failed", get("/lenient", "cookie: a=1; session=null"), "anonymous_invalid", "cookie", "a=1", nil},
		{"another cookie", get("/lenient", "cookie: Session="+raw), "anonymous", "cookie", "Session=" + raw, nil},
		{"a cookie where none is read", get("/header", "cookie: session="+raw),
			"credential_missing", "", "", nil},
		{"a cookie and a token", get("/x", "cookie: session="+raw, bearer(raw)), "credential_ambiguous", "", "", nil},

		{"a header", get("/header", "x-token: "+raw), "allowed", "x-token", "", nil},
		{"Authorization where it is not read", get("/header", "x-token: "+raw, bearer("null")), "allowed", "authorization", "Bearer null", nil},
		{"a token without a scheme", get("/x", "authorization: "+raw), "credential_missing", "", "", nil},
		{"a token of another scheme", get("/maybe", "authorization: DPoP "+raw), "credential_missing", "", "", nil},
		{"a token without a scheme, which is taken out", get("/lenient", "authorization: "+raw), "anonymous_invalid", "authorization", "", nil},
		{"another scheme without a token", get("/lenient", "authorization: Basic YTpi"), "anonymous", "authorization", "Basic YTpi", nil},
		{"a token without a scheme, and a cookie", get("/x", "authorization: JWT "+raw, "cookie: session="+raw),
			"credential_missing", "", "", nil},
		{"a token without a scheme where that is read", get("/alone", "authorization: "+raw), "allowed", "authorization", "", nil},
		{"a Bearer token where both are read", get("/alone", bearer(raw)), "allowed", "authorization", "", nil},
		{"a token without a scheme where it is not read", get("/header", "x-token: "+raw, "authorization: "+raw),
			"allowed", "authorization", raw, nil},

		{"two headers", get("/header", "x-token: "+raw, "x-token: "+raw), "credential_ambiguous", "", "", nil},

		{"a protocol", get("/socket", append(upgrade, "sec-websocket-protocol: jwt, "+raw+", chat")...),
			"allowed", "sec-websocket-protocol", "jwt, chat", nil},

		{"a parameter", get("/query?a=1&access_token=" + raw + "&b=2"), "allowed", "", "", []string{"access_token"}},
		{"a parameter twice", get("/query?access_token=" + raw + "&access_token=" + raw), "credential_ambiguous", "", "", nil},
		{"a parameter and a token", get("/query?access_token="+raw, bearer(raw)), "credential_ambiguous", "", "", nil},
		{"a parameter where none is read", get("/x?access_token=" + raw), "credential_missing", "", "", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := w.decide(t, row.r)
			if d.Reason != row.reason {
				t.Fatalf("%s (%s), want %s", d.Reason, d.InternalDetail, row.reason)
			}
			if !slices.Equal(d.RemoveParameters, row.parameters) {
				t.Errorf("parameters %v are removed, want %v", d.RemoveParameters, row.parameters)
			}
			if row.field == "" {
				return
			}
			if got := strings.Join(forwarded(d, row.r)[row.field], " AND "); got != row.left {
				t.Errorf("the application receives %s %q, want %q", row.field, got, row.left)
			}
		})
	}
}

// A browser sends a cookie whatever site causes the request. So a cookie is accepted only on
// requests that change nothing, or that the site itself or a listed origin has caused.
func TestCrossSite(t *testing.T) {
	w := startWith(t, issuersYAML+`
tokens: {from: [{cookie: session, origins: ["https://app.example"]}]}
routes:
  - {name: optional, match: /optional, access: optional}
  - {name: lenient,  match: /lenient,  access: optional, if_invalid: anonymous}
`)
	cookie := "cookie: session=" + mint(t, w.home, claims(nil))
	for i, row := range []struct {
		method, target, fields string
		want                   gate.Reason
	}{
		{"GET", "/x", "", "allowed"},
		{"HEAD", "/x", "origin: https://evil.example", "allowed"},
		{"POST", "/x", "", "cross_site"},
		{"POST", "/x", "origin: https://evil.example", "cross_site"},
		{"POST", "/x", "origin: https://api.example.evil.example", "cross_site"},
		{"POST", "/x", "origin: null", "cross_site"},
		{"POST", "/x", "sec-fetch-site: cross-site", "cross_site"},
		{"POST", "/x", "sec-fetch-site: same-site", "cross_site"},
		{"POST", "/x", "sec-fetch-site: same-origin", "allowed"},
		{"POST", "/x", "sec-fetch-site: none", "allowed"},
		{"POST", "/x", "origin: https://api.example:8443", "allowed"},
		{"DELETE", "/x", "origin: https://app.example", "allowed"},
		{"DELETE", "/x", "origin: http://app.example", "cross_site"},
		{"GET", "/x", "upgrade: websocket", "cross_site"},
		{"GET", "/x", "upgrade: websocket|origin: https://app.example", "allowed"},
		{"POST", "/optional", "origin: https://evil.example", "cross_site"},
		{"POST", "/lenient", "origin: https://evil.example", "anonymous_invalid"},
	} {
		t.Run(fmt.Sprintf("%d %s %s %s", i, row.method, row.target, row.fields), func(t *testing.T) {
			fields := []string{cookie}
			if row.fields != "" {
				fields = append(fields, strings.Split(row.fields, "|")...)
			}
			r := requestOf(row.method, row.target, fields...)
			d := w.decide(t, r)
			if d.Reason != row.want {
				t.Fatalf("%s (%s), want %s", d.Reason, d.InternalDetail, row.want)
			}
			if d.Verdict == gate.VerdictAllow && len(forwarded(d, r)["cookie"]) > 0 {
				t.Error("the credential is forwarded")
			}
		})
	}
}

// A relaxation applies to its hosts only.
func TestRelaxationsAreOfTheirHost(t *testing.T) {
	w := startWith(t, issuersYAML+`
relax: {all: [encoded_percent], hosts: {old.example: [encoded_slash, semicolon, method_override, original_url]}}
routes: [{name: open, match: /open/**, access: public}, {name: admin, match: /admin/**, access: deny}]
`)
	for _, row := range []struct {
		host, target string
		want         gate.Reason
	}{
		{"new.example", "/open/a%2Fb", "path_refused"},
		{"old.example", "/open/a%2Fb", "public"},
		{"OLD.example.:8080", "/open/a%2Fb", "public"},
		{"old.example.evil.example", "/open/a%2Fb", "path_refused"},
		{"old.example,new.example", "/open/a%2Fb", "path_refused"}, // not a host
		{"old.example,new.example", "/open/a", "host_refused"},
		{"old.example", "/open/..%2Fadmin", "path_refused"},
		{"old.example", "/open/..;/admin", "path_refused"},
		{"old.example", "/admin;x=1", "route_denied"},
		{"new.example", "/open/50%25", "public"},
	} {
		t.Run(row.host+row.target, func(t *testing.T) {
			r := get(row.target)
			r.Authority = row.host
			if d := w.decide(t, r); d.Reason != row.want {
				t.Errorf("%s (%s), want %s", d.Reason, d.InternalDetail, row.want)
			}
		})
	}
	for host, open := range map[string]bool{"new.example": false, "old.example": true} {
		r := get("/open/x", "X-HTTP-Method-Override: PUT", "x_original_url: /admin", "x-user-id: root")
		r.Authority = host
		got := forwarded(w.decide(t, r), r)
		for _, name := range []string{"x-http-method-override", "x_original_url"} {
			if _, kept := got[name]; kept != open {
				t.Errorf("%s: %s is forwarded: %v, want %v", host, name, kept, open)
			}
		}
		if len(identityOf(got)) > 0 {
			t.Errorf("%s: the application receives %v", host, identityOf(got))
		}
	}
}
