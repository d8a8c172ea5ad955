package config_test

import (
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// TestPreflightDefault: by default, the gate answers preflights if there are origins.
func TestPreflightDefault(t *testing.T) {
	for _, row := range []struct {
		name, cors string
		want       config.PreflightMode
	}{
		{"nothing", "", config.PreflightCheck},
		{"no keys", "cors: {}\n", config.PreflightCheck},
		{"no origins", "cors: {origins: []}\n", config.PreflightCheck},
		{"origins", "cors: {origins: [\"https://app.example\"]}\n", config.PreflightAnswer},
		{"origins, and check", "cors: {origins: [\"https://app.example\"], preflight: check}\n", config.PreflightCheck},
		{"pass", "cors: {preflight: pass}\n", config.PreflightPass},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := parse(t, pool+row.cors).CORS.Preflight; got != row.want {
				t.Errorf("preflight is %q, want %q", got, row.want)
			}
		})
	}
}

func TestCORS(t *testing.T) {
	c := parse(t,
		pool+`cors: {origins: ["https://app.example"], credentials: true, methods: [PUT, PURGE], headers: [X-CSRF-Token], max_age: 0s}`+"\n")
	compare(t, []valueRow{{"cors", c.CORS, config.CORS{
		Origins: []string{"https://app.example"}, Credentials: true, Preflight: config.PreflightAnswer,
		Methods: []string{"PUT", "PURGE"}, Headers: []string{"x-csrf-token"}, MaxAge: 0 * time.Second,
	}}})
}

func TestCORSMistakes(t *testing.T) {
	const method, header = "; expected a method such as PUT", "; expected a header name such as content-type"
	origins := func(rest string) string { return pool + `cors: {origins: ["https://a.example"], ` + rest + "}\n" }
	check(t, []file{
		{"an answer for nobody", pool + "cors: {preflight: answer}\n", []string{
			`2:19: cors.preflight is answer, but there are no origins, so every preflight would be denied; set origins, or write check`}},
		{"methods that nobody is told", pool + "cors: {methods: [PUT]}\n", []string{
			`2:8: cors.methods has no effect, because preflight is check; write preflight: answer, or remove it`}},
		{"headers that nobody is told", origins("preflight: pass, headers: [a]"), []string{
			`2:57: cors.headers has no effect, because preflight is pass; write preflight: answer, or remove it`}},
		{"any method", origins(`methods: ["*"]`), []string{
			`2:50: cors.methods[0] is "*", which browsers do not support for requests with credentials; list the methods, or remove the key`}},
		{"a method in lower case", origins("methods: [put]"), []string{`2:50: cors.methods[0] is not a method: got "put"` + method}},
		{"a method with a space", origins(`methods: ["GET, PUT"]`), []string{`2:50: cors.methods[0] is not a method: got "GET, PUT"` + method}},
		{"any header", origins(`headers: ["*"]`), []string{
			`2:50: cors.headers[0] is "*", which does not cover authorization; list the names, or remove the key`}},
		{"a list as a header", origins(`headers: ["a, b"]`), []string{`2:50: cors.headers[0] is not a header name: got "a, b"` + header}},
		{"too long to remember", origins("max_age: 25h"), []string{
			`2:49: cors.max_age is out of range: got "25h"; expected a duration with its unit, such as 10m, from 0s to 24h`}},
	})
}
