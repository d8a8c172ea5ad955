//go:build !race

package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestOverridesDoNotArrive: a header by which an application would use another method, path
// or host than the gate checked does not arrive, even with an Envoy that forwards
// underscores and removes nothing itself. The names are from the frameworks that read them.
func TestOverridesDoNotArrive(t *testing.T) {
	c := startConfigured(t, "routes: [{match: '/public/**', access: public}, {match: '/admin/**', issuers: [cruddur], groups: [admin]}]\n")
	for _, way := range []struct {
		name    string
		through *envoyProxy
		send    sender
	}{
		{"shipped, HTTP/1.1", c.shipped, http1},
		{"shipped, HTTP/2", c.shipped, http2},
		{"bare", startBareEnvoy(t, c.gate.address, c.application.address), http1},
		{"shipped, with nothing that strips before the gate", startUnguardedEnvoy(t, c.gate.address, c.application.address), http1},
	} {
		for _, header := range []string{
			"X-Forwarded-Host: admin.example", "X_Forwarded_Host: admin.example", "Forwarded: host=admin.example",
			"X-Host: admin.example",
			"X-Original-Host: admin.example", "X-Forwarded-Server: admin.example", "X-HTTP-Host-Override: admin.example",
			"SCRIPT_NAME: /public", "script-name: /public", "Script.Name: /public", "X-Script-Name: /public",
			"PATH_INFO: /admin/users", "path-info: /admin/users",
			"X-Forwarded-Prefix: /public", "X-Forwarded-Path: /admin/users", "X-Forwarded-Uri: /admin/users",
			"X-Original-URI: /admin/users", "X-Original-URL: /admin/users", "X-Rewrite-URL: /admin/users",
			"X-Original-Method: DELETE", "X-Forwarded-Method: DELETE",
			"X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "X-HTTP-Method-Override: DELETE",
		} {
			t.Run(way.name+"/"+header, func(t *testing.T) {
				got := way.send(t, way.through.address, call{line: "GET /public/admin/users", headers: []string{header, "x-real-ip: 192.0.2.7"}})
				if got.Status != http.StatusOK {
					t.Fatalf("status %d %s, want 200", got.Status, got.Body)
				}
				received := c.application.only(t).Header
				override, _, _ := strings.Cut(header, ":")
				for name, values := range received {
					if strings.EqualFold(name, override) {
						t.Errorf("the application received %s: %q", name, values)
					}
				}
				if received.Get("X-Real-Ip") == "" {
					t.Error("another header did not arrive")
				}
			})
		}
	}
}
