package config_test

import (
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// TestPreflightDefault: the gate answers preflights where it knows who may call.
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
	c := parse(t, pool+`cors: {origins: ["https://app.example"], credentials: true, methods: [PUT, PURGE], headers: [X-CSRF-Token], max_age: 0s}`+"\n")
	compare(t, []valueRow{{"cors", c.CORS, config.CORS{
		Origins: []string{"https://app.example"}, Credentials: true, Preflight: config.PreflightAnswer,
		Methods: []string{"PUT", "PURGE"}, Headers: []string{"x-csrf-token"}, MaxAge: 0 * time.Second,
	}}})
}

func TestCORSMistakes(t *testing.T) {
	const method, header = "; write a method such as PUT", "; write a header name such as content-type"
	origins := func(rest string) string { return pool + `cors: {origins: ["https://a.example"], ` + rest + "}\n" }
	check(t, []file{
		{"an answer for nobody", pool + "cors: {preflight: answer}\n", []string{
			`2:19: cors.preflight is answer, which needs origins, since it would refuse every preflight; write origins, or check`}},
		{"methods that nobody is told", pool + "cors: {methods: [PUT]}\n", []string{
			`2:8: cors.methods is what a preflight is answered with, and preflight is check; write preflight: answer, or leave it out`}},
		{"headers that nobody is told", origins("preflight: pass, headers: [a]"), []string{
			`2:57: cors.headers is what a preflight is answered with, and preflight is pass; write preflight: answer, or leave it out`}},
		{"any method", origins(`methods: ["*"]`), []string{
			`2:50: cors.methods[0] is "*", which means nothing for requests with credentials; write the methods out, or leave the key out`}},
		{"a method in lower case", origins("methods: [put]"), []string{`2:50: cors.methods[0] is "put", which is not a method` + method}},
		{"a method with a space", origins(`methods: ["GET, PUT"]`), []string{`2:50: cors.methods[0] is "GET, PUT", which is not a method` + method}},
		{"any header", origins(`headers: ["*"]`), []string{
			`2:50: cors.headers[0] is "*", which does not cover authorization; write the names out, or leave the key out`}},
		{"a list as a header", origins(`headers: ["a, b"]`), []string{`2:50: cors.headers[0] is "a, b", which is not a header name` + header}},
		{"too long to remember", origins("max_age: 25h"), []string{
			`2:49: cors.max_age is "25h", out of its range; write a duration with its unit, such as 10m, from 0s to 24h`}},
	})
}
