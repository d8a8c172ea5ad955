package house

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// row lists what one package may import in addition to the standard library and
// golang.org/x.
type row struct {
	own     []string // packages of this module; "*" for all
	modules []string // other modules, each made for this package's own duty
	never   []string // packages of the standard library that its duty rules out
}

const (
	yaml         = "go.yaml.in/yaml/v4"
	jwt          = "github.com/golang-jwt/jwt/v5"
	grpc         = "google.golang.org/grpc"
	network      = "net"
	webNetwork   = "net/http"
	testPackages = "internal/apps internal/browser internal/deploy internal/e2e internal/house"
)

// table is the direction of imports: a package imports only packages below it. Every
// package has a row.
func table() map[string]row {
	return map[string]row{
		"cmd/jwtgate": {own: []string{"*"}, modules: []string{"github.com/alecthomas/kong", grpc}},

		"internal/server": {
			own: []string{
				"internal/audit", "internal/config", "internal/engine", "internal/extauthz", "internal/gate", "internal/telemetry",
			},
			modules: []string{"github.com/KimMachineGun/automemlimit"},
		},
		// Without extauthz, gRPC and the network: any front end can use it.
		"internal/engine": {
			own: []string{
				"internal/audit", "internal/config", "internal/envoyneeds", "internal/filewatch", "internal/gate", "internal/issuer",
				"internal/request", "internal/telemetry",
			},
			never: []string{network, webNetwork, "os/signal"},
		},

		"internal/extauthz": {
			own: []string{"internal/gate", "internal/audit", "internal/filewatch", "internal/request", "internal/telemetry"},
			modules: []string{
				"github.com/envoyproxy/go-control-plane/envoy", "google.golang.org/genproto/googleapis/rpc", grpc, "google.golang.org/protobuf",
			},
		},
		"internal/audit": {
			own: []string{"internal/gate", "internal/config", "internal/quote", "internal/request"}, never: []string{network, webNetwork},
		},
		// It reads issuer.Stats, so that the state of an issuer is described once.
		"internal/telemetry": {
			own:     []string{"internal/issuer"},
			modules: []string{"github.com/prometheus/client_golang", "go.opentelemetry.io/otel", "github.com/go-logr/logr"},
		},
		"internal/gate": {
			own: []string{
				"internal/condition", "internal/config", "internal/credential", "internal/denial", "internal/filewatch",
				"internal/identity", "internal/issuer", "internal/quote", "internal/request", "internal/revocation", "internal/route",
				"internal/routelint", "internal/token", "internal/tokencache",
			},
		},
		"internal/identity": {own: []string{"internal/config", "internal/denial", "internal/quote", "internal/request", "internal/token"},
			never: []string{network, webNetwork, "time"}},
		"internal/route": {
			own: []string{
				"internal/condition", "internal/config", "internal/denial", "internal/quote", "internal/request", "internal/token",
			},
			never: []string{network, webNetwork},
		},
		"internal/routelint": {
			own: []string{"internal/config", "internal/request", "internal/route"}, never: []string{network, webNetwork, "time"},
		},
		"internal/condition": {
			own:     []string{"internal/denial", "internal/quote", "internal/request", "internal/token"},
			modules: []string{"cel.dev/cel-go"}, never: []string{network, webNetwork},
		},
		"internal/token": {
			own:     []string{"internal/config", "internal/denial", "internal/quote", "internal/revocation", "internal/strictjson"},
			modules: []string{jwt}, never: []string{network, webNetwork},
		},
		"internal/revocation": {own: []string{"internal/quote", "internal/strictjson"}, never: []string{network, webNetwork, "os"}},
		"internal/tokencache": {
			own: []string{"internal/token"}, modules: []string{"github.com/maypok86/otter/v2"}, never: []string{network, webNetwork},
		},
		"internal/issuer": {
			own:     []string{"internal/config", "internal/denial", "internal/filewatch", "internal/quote", "internal/strictjson"},
			modules: []string{"github.com/MicahParks/keyfunc/v3", "github.com/MicahParks/jwkset", jwt},
		},
		"internal/credential": {own: []string{"internal/config", "internal/denial", "internal/quote", "internal/request", "internal/token"},
			never: []string{network, webNetwork}},
		"internal/request":    {own: []string{"internal/config", "internal/denial"}, never: []string{network, webNetwork}},
		"internal/denial":     {never: []string{network, webNetwork}},
		"internal/strictjson": {never: []string{network, webNetwork, "time"}},
		"internal/quote":      {never: []string{network, webNetwork, "os"}},
		"internal/config":     {own: []string{"internal/filewatch", "internal/quote", "internal/yamlform"}, never: []string{webNetwork}},
		"internal/filewatch":  {modules: []string{"github.com/fsnotify/fsnotify"}, never: []string{network, webNetwork}},
		"internal/yamlform":   {own: []string{"internal/quote"}, modules: []string{yaml}, never: []string{network, webNetwork, "os"}},

		"internal/policytest": {
			own: []string{
				"internal/config", "internal/gate", "internal/quote", "internal/request", "internal/signer", "internal/terminal",
				"internal/yamlform",
			},
			never: []string{webNetwork},
		},

		"internal/envoylint": {
			own: []string{
				"envoy", "internal/config", "internal/envoyproto", "internal/identity", "internal/quote", "internal/re2size", "internal/terminal",
			},
			modules: []string{yaml, "google.golang.org/protobuf", "cel.dev/cel-go"},
			never:   []string{network, webNetwork},
		},
		"internal/envoyneeds": {
			own: []string{"envoy", "internal/config", "internal/gate", "internal/identity"}, never: []string{webNetwork, "os"},
		},
		"internal/setup": {
			own: []string{"envoy", "internal/config", "internal/quote"}, modules: []string{yaml}, never: []string{network, webNetwork, "os"},
		},
		"internal/re2size":    {never: []string{network, webNetwork, "os"}},
		"internal/envoyproto": {modules: []string{"google.golang.org/protobuf"}, never: []string{network, webNetwork}},

		"internal/terminal": {never: []string{network, webNetwork}},

		"internal/bench": {
			own: []string{
				"envoy", "internal/bench/load", "internal/bench/peer", "internal/bench/proc", "internal/bench/sample", "internal/bench/stat",
				"internal/signer",
			},
			modules: []string{
				"github.com/MicahParks/keyfunc/v3", "github.com/envoyproxy/go-control-plane/envoy", grpc, "google.golang.org/protobuf",
			},
		},
		"internal/bench/load": {own: []string{"internal/bench/sample"}},
		"internal/bench/sample": {own: []string{"internal/signer"},
			modules: []string{"github.com/envoyproxy/go-control-plane/envoy", "google.golang.org/protobuf"}},
		"internal/bench/peer": {modules: []string{
			"github.com/envoyproxy/go-control-plane/envoy", grpc, jwt, "google.golang.org/genproto/googleapis/rpc",
		}},
		"internal/bench/proc": {},
		"internal/bench/stat": {},

		"internal/signer":            {modules: []string{jwt, "github.com/MicahParks/jwkset"}, never: []string{network, webNetwork}},
		"internal/testutil":          {never: []string{webNetwork}},
		"internal/testutil/programs": {own: []string{"internal/testutil"}},
		"internal/testutil/testbed":  {own: []string{"internal/config", "internal/devidp"}},
		"internal/token/tokentest": {
			own: []string{"internal/config", "internal/signer", "internal/token"}, never: []string{network, webNetwork},
		},

		"internal/tracesink": {modules: []string{"go.opentelemetry.io/proto/otlp", grpc, "google.golang.org/protobuf"}},

		"internal/devidp":  {own: []string{"internal/signer", "internal/webpage"}},
		"internal/webpage": {},
		"internal/demo": {
			own:     []string{"envoy", "internal/config", "internal/devidp", "internal/identity", "internal/terminal", "internal/webpage"},
			modules: []string{yaml},
		},
		"envoy":  {own: []string{"deploy"}, never: []string{webNetwork}},
		"deploy": {never: []string{network, webNetwork, "os"}},
	}
}

func TestImports(t *testing.T) {
	rules := table()
	found := packages(code(sources(t)))
	for dir := range found {
		if _, known := rules[dir]; !known {
			t.Errorf("%s is not in the table of packages", dir)
		}
	}
	for dir, rule := range rules {
		files, there := found[dir]
		if !there {
			t.Errorf("%s is in the table of packages and is not there", dir)
			continue
		}
		used := map[string]bool{}
		for _, s := range files {
			for _, spec := range s.Imports {
				if wrong := rule.judge(imported(spec), used); wrong != "" {
					t.Errorf("%s: %s may not import %s: %s", s.at(spec), dir, imported(spec), wrong)
				}
			}
		}
		for _, module := range rule.modules {
			if !used[module] {
				t.Errorf("%s has %s in its row and does not use it", dir, module)
			}
		}
	}
}

// judge returns what is wrong with an import, and records its module.
func (r row) judge(name string, used map[string]bool) string {
	if own, ok := strings.CutPrefix(name, modulePath+"/"); ok {
		if slices.Contains(r.own, own) || slices.Contains(r.own, "*") {
			return ""
		}
		return "not in its row"
	}
	first, _, _ := strings.Cut(name, "/")
	switch {
	case slices.Contains(r.never, name):
		return "its duty rules that out"
	case !strings.Contains(first, "."), first == "golang.org": // the standard library
		return ""
	}
	for _, module := range r.modules {
		if name == module || strings.HasPrefix(name, module+"/") {
			used[module] = true
			return ""
		}
	}
	return "its module is not in its row"
}

// Packages with tests only have no code to import.
func TestTestPackagesHaveNoCode(t *testing.T) {
	all := sources(t)
	for dir := range strings.FieldsSeq(testPackages) {
		if len(packages(all)[dir]) == 0 {
			t.Errorf("%s is not there", dir)
		}
		if found := packages(code(all))[dir]; len(found) > 0 {
			t.Errorf("%s has %d files that are no tests", dir, len(found))
		}
	}
}

// The server never signs. Only packages that act as an issuer sign tokens.
func TestOnlyIssuersSign(t *testing.T) {
	allowed := regexp.MustCompile(`^internal/(devidp|policytest|token/tokentest|bench(/.*)?)$`)
	for _, s := range code(sources(t)) {
		for _, spec := range s.Imports {
			if imported(spec) == modulePath+"/internal/signer" && !allowed.MatchString(s.dir) {
				t.Errorf("%s imports %s", s.at(spec), imported(spec))
			}
		}
	}
}

// The server never imports packages that sign tokens or demonstrate the program.
func TestOnlyTheDemoCommandKnowsTheDemo(t *testing.T) {
	for _, s := range code(sources(t)) {
		for _, spec := range s.Imports {
			switch imported(spec) {
			case modulePath + "/internal/demo", modulePath + "/internal/devidp":
				if s.name != "cmd/jwtgate/demo.go" && s.dir != "internal/demo" && s.dir != "internal/testutil/testbed" {
					t.Errorf("%s imports %s", s.at(spec), imported(spec))
				}
			}
		}
	}
}

// The server sends traces and never receives any.
func TestOnlyTestsKnowTheSink(t *testing.T) {
	for _, s := range code(sources(t)) {
		for _, spec := range s.Imports {
			if imported(spec) == modulePath+"/internal/tracesink" {
				t.Errorf("%s imports %s", s.at(spec), imported(spec))
			}
		}
	}
}

// One package verifies tokens. The package of keys uses the library's Token only for
// keyfunc's interface, and the verifier never parses with the library, which is less
// strict than this program.
func TestWhatIsUsedOfTheTokenLibrary(t *testing.T) {
	for dir, allowed := range map[string]*regexp.Regexp{
		"internal/issuer": regexp.MustCompile(`^Token$`),
		"internal/token":  regexp.MustCompile(`^(GetSigningMethod|SigningMethod|Err)`),
	} {
		used := map[string]string{} // :: name -> where
		for _, s := range code(packages(sources(t))[dir]) {
			s.uses("jwt", used)
		}
		for _, name := range slices.Sorted(maps.Keys(used)) {
			if !allowed.MatchString(name) {
				t.Errorf("%s: %s uses jwt.%s", used[name], dir, name)
			}
		}
	}
}
