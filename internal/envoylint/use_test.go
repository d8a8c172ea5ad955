package envoylint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// TestUseMissing: what a project wants is missing only if no part of the file has it.
func TestUseMissing(t *testing.T) {
	const (
		origins = `[ { exact: "http://localhost:3000" } ]`
		policy  = "              typed_per_filter_config:\n"
	)
	before, _, _ := strings.Cut(shippedWith(t), "allow_origin_string_match")
	list := fmt.Sprintf("envoy.yaml:%d:%d: ", strings.Count(before, "\n")+1, len(before)-strings.LastIndex(before, "\n"))
	older := strings.NewReplacer("              typed_per_filter_config:\n                envoy.filters.http.cors:\n", "              cors:\n",
		`                  "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy`+"\n", "")
	login := func(client string) []envoy.Setting {
		return []envoy.Setting{
			{Key: "redirect_uri", Value: "http://localhost:8080/oauth2/callback"}, {Key: "credentials.client_id", Value: client},
		}
	}
	for _, row := range []struct {
		name, file string
		use        envoylint.Use
		want       []string // one line each
	}{
		{"nothing wanted", shippedWith(t), envoylint.Use{}, nil},
		{"all there", shippedWith(t),
			envoylint.Use{Origins: []string{"http://localhost:3000"}, AppHost: "127.0.0.1", AppPort: "9090", Port: 8080}, nil},
		{"an application by its name", shippedWith(t), envoylint.Use{AppHost: "localhost", AppPort: "9090"}, nil},
		{"an origin by a regular expression", shippedWith(t, origins, `[ { safe_regex: { regex: "https://[a-z]+[.]example" } } ]`),
			envoylint.Use{Origins: []string{"https://app.example"}}, nil},
		{"an origin in the older form", older.Replace(shippedWith(t)), envoylint.Use{Origins: []string{"http://localhost:3000"}}, nil},
		{"other origins", shippedWith(t),
			envoylint.Use{Origins: []string{"http://localhost:3000", "https://a.example", "https://b.example"}},
			[]string{list + `no CORS policy allows https://a.example, so a browser hides every answer from its pages; ` +
				`add { exact: "https://a.example" } to allow_origin_string_match`,
				list + `no CORS policy allows https://b.example`}},
		{"an origin, and no policy", shippedWith(t, between(t, policy, "              # Neither route"), ""),
			envoylint.Use{Origins: []string{"https://a.example"}},
			[]string{`envoy.yaml: no CORS policy allows https://a.example, so a browser hides every answer from its pages; ` +
				`write cors: {origins: ["https://a.example"]} in jwtgate.yaml`}},
		{"another application", shippedWith(t), envoylint.Use{AppHost: "127.0.0.1", AppPort: "3000"},
			[]string{"envoy.yaml: no cluster has the address 127.0.0.1, port 3000; write it as the address"}},
		{"another host", shippedWith(t), envoylint.Use{AppHost: "app", AppPort: "9090"}, []string{"no cluster has the address app, port 9090"}},
		{"addresses that Envoy fetches", strings.Replace(shippedWith(t), "type: STRICT_DNS\n", "type: EDS\n", 1),
			envoylint.Use{AppHost: "127.0.0.1", AppPort: "3000"}, nil},
		{"sign-in", shippedWith(t), envoylint.Use{Login: login("web")},
			[]string{"envoy.yaml: has no oauth2 filter, so Envoy signs nobody in; move"}},
		{"a sign-in that is there", read(t, "../../envoy/login.yaml"), envoylint.Use{Login: login("web")}, nil},
		{"another client", read(t, "../../envoy/login.yaml"), envoylint.Use{Login: login("shop")}, []string{
			`: credentials.client_id is "web"; expected "shop": change the lines about sign-in, or move the file away and run`}},
		{"another port", shippedWith(t), envoylint.Use{Port: 8000}, []string{"envoy.yaml: no listener has the port 8000; write it as"}},
		{"a further port", shippedWith(t, "    per_connection_buffer_limit_bytes: 32768 # a slow",
			"    additional_addresses: [ { address: { socket_address: { address: 0.0.0.0, port_value: 8000 } } } ]\n"+
				"    per_connection_buffer_limit_bytes: 32768 # a slow"), envoylint.Use{Port: 8000}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			file, err := envoylint.Read("envoy.yaml", []byte(row.file))
			if err != nil {
				t.Fatal(err)
			}
			if got := file.Missing(row.use); !slices.EqualFunc(got, row.want, strings.Contains) {
				t.Errorf("got %q; want %q", got, row.want)
			}
		})
	}
	if _, err := envoylint.Read("envoy.yaml", []byte("{")); err == nil || !strings.Contains(err.Error(), "envoy.yaml:") {
		t.Errorf("error %v of a file that cannot be read", err)
	}
}
