package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

func TestMatchHost(t *testing.T) {
	for _, row := range []struct {
		pattern, host string
		want          bool
	}{
		{"api.example", "api.example", true},
		{"api.example", "xapi.example", false},
		{"api.example", "api.example.evil", false},
		{"api.example", "", false},
		{"*.example", "api.example", true},
		{"*.example", "v1.api.example", true},
		{"*.example", "example", false},
		{"*.example", ".example", false},
		{"*.example", "apiexample", false},
		{"*.example", "api.example.evil", false},
		{"*.api.example", "api.example", false},
		{"*.api.example", "xapi.example", false},
		{"*.api.example", "x.api.example", true},
		{"*.example", "", false},
		{"[::1]", "[::1]", true},
		{"10.0.0.1", "10.0.0.10", false},
	} {
		if got := config.MatchHost(row.pattern, row.host); got != row.want {
			t.Errorf("%q matches %q: %v, want %v", row.pattern, row.host, got, row.want)
		}
	}
}

// holes maps each relaxation to the field of Relaxed that it sets.
func holes() map[config.Relaxation]config.Relaxed {
	return map[config.Relaxation]config.Relaxed{
		"encoded_slash":    {EncodedSlash: true},
		"encoded_percent":  {EncodedPercent: true},
		"semicolon":        {Semicolon: true},
		"double_slash":     {DoubleSlash: true},
		"ignore_case":      {IgnoreCase: true},
		"case_sensitive":   {CaseSensitive: true},
		"slash_sensitive":  {SlashSensitive: true},
		"method_override":  {MethodOverride: true},
		"original_url":     {OriginalURL: true},
		"forwarded_host":   {ForwardedHost: true},
		"unverified_email": {UnverifiedEmail: true},
	}
}

// TestRelaxationsOpenOneHole: each relaxation sets only its own field, for all hosts or
// for the one host that it is set for.
func TestRelaxationsOpenOneHole(t *testing.T) {
	if got, want := len(holes()), reflect.TypeFor[config.Relaxed]().NumField(); got != want {
		t.Fatalf("%d relaxations for %d fields", got, want)
	}
	for name, open := range holes() {
		t.Run(string(name), func(t *testing.T) {
			all := parse(t, pool+"relax: {all: ["+string(name)+"]}\n").Relax
			for _, host := range []string{"api.example", "[::1]", ""} {
				if got := all.For(host); got != open {
					t.Errorf("on all hosts %q has %+v, want %+v", host, got, open)
				}
			}
			one := parse(t, pool+"relax: {hosts: {api.example: ["+string(name)+"]}}\n").Relax
			if got := one.For("api.example"); got != open {
				t.Errorf("its host has %+v, want %+v", got, open)
			}
			for _, host := range []string{"v1.api.example", "example", ""} {
				if got := one.For(host); got != (config.Relaxed{}) {
					t.Errorf("another host, %q, has %+v, want nothing", host, got)
				}
			}
		})
	}
}

func TestRelaxFor(t *testing.T) {
	relax := parse(t, pool+`
relax:
  all: [double_slash]
  hosts:
    "*.Example": [semicolon]
    api.example: [encoded_slash, double_slash]
    quiet.example: []
`).Relax
	for host, want := range map[string]config.Relaxed{
		"other.test":     {DoubleSlash: true},
		"example":        {DoubleSlash: true},
		"quiet.example":  {DoubleSlash: true, Semicolon: true},
		"api.example":    {DoubleSlash: true, Semicolon: true, EncodedSlash: true},
		"v1.api.example": {DoubleSlash: true, Semicolon: true},
	} {
		if got := relax.For(host); got != want {
			t.Errorf("%s has %+v, want %+v", host, got, want)
		}
	}
	for _, yaml := range []string{"", "relax: {}\n", "relax: {all: [], hosts: {}}\n"} {
		strict := parse(t, pool+yaml).Relax
		if got := strict.For("api.example"); got != (config.Relaxed{}) {
			t.Errorf("%q sets %+v", yaml, got)
		}
	}
}

func TestRelaxMistakes(t *testing.T) {
	const words = `; expected encoded_slash, encoded_percent, semicolon, double_slash, ignore_case, case_sensitive, slash_sensitive, ` +
		`method_override, original_url, forwarded_host or unverified_email`
	const list = `; expected a list such as [encoded_slash]`
	const hosts = `; expected a mapping from hosts to lists, such as {api.example: [encoded_slash]}`
	const noHost = `; expected a host such as api.example or "*.example"`
	check(t, []file{
		{"a list", pool + "relax: [encoded_slash]\n",
			[]string{`2:1: relax is a list; expected a mapping such as {all: [encoded_slash]} or {hosts: {api.example: [encoded_slash]}}`}},
		{"a host without hosts", pool + "relax: {api.example: [encoded_slash]}\n",
			[]string{`2:9: unknown key "api.example" in relax; expected one of all, hosts`}},
		{"an unknown hole", pool + "relax: {all: [encoded_slash, dots]}\n", []string{`2:30: relax.all[1] is invalid: got "dots"` + words}},
		{"a hole with a dash", pool + "relax: {all: [encoded-slash]}\n", []string{`2:15: relax.all[0] is invalid: got "encoded-slash"` + words}},
		{"a hole twice", pool + "relax: {all: [semicolon, ignore_case, semicolon]}\n",
			[]string{`2:39: relax.all[2] repeats an earlier item; remove it`}},
		{"a word for all", pool + "relax: {all: semicolon}\n", []string{`2:14: relax.all is the single value "semicolon"` + list}},
		{"nothing for all", pool + "relax:\n  all:\n",
			[]string{`3:3: relax.all has no value; set it to a list such as [encoded_slash], or remove the key`}},
		{"a list of hosts", pool + "relax: {hosts: [api.example]}\n", []string{`2:9: relax.hosts is a list` + hosts}},
		{"a word for a host", pool + "relax: {hosts: {api.example: semicolon}}\n",
			[]string{`2:30: relax.hosts["api.example"] is the single value "semicolon"` + list}},
		{"an unknown hole for a host", pool + "relax: {hosts: {api.example: [\"${HOLE}\"]}}\n", []string{
			`2:31: relax.hosts["api.example"][0] uses the variable HOLE, which is not set; set it, or write ${HOLE:-default}`}},
		{"a host with a port", pool + "relax: {hosts: {'api.example:443': []}}\n",
			[]string{`2:17: relax.hosts["api.example:443"] has a port: got "api.example:443"; expected "api.example"`}},
		{"a host with a final dot", pool + "relax: {hosts: {api.example.: []}}\n",
			[]string{`2:17: relax.hosts["api.example."] ends with a dot: got "api.example."; remove the dot`}},
		{"any host", pool + "relax: {hosts: {'*': [semicolon]}}\n",
			[]string{`2:17: relax.hosts["*"] is "*", which is not supported; list the relaxations for every host under all`}},
		{"a URL", pool + "relax: {hosts: {'https://api.example': []}}\n",
			[]string{`2:17: relax.hosts["https://api.example"] is not a host (names outside of ASCII need their xn-- form): got ` +
				`"https://api.example"` + noHost}},
		{"a host that is not ASCII", pool + "relax: {hosts: {bücher.example: []}}\n",
			[]string{`2:17: relax.hosts["bücher.example"] is not a host (names outside of ASCII need their xn-- form): got "bücher.example"` +
				noHost}},
		{"IPv6 without brackets", pool + "relax: {hosts: {'::1': []}}\n",
			[]string{`2:17: relax.hosts["::1"] is invalid: got "::1"; expected an IPv6 address in [ ], or an IPv4 address without`}},
		{"a number", pool + "relax: {hosts: {1: []}}\n",
			[]string{`2:17: relax.hosts.1 is not a string: got 1; expected a host such as api.example or "*.example"`}},
		{"a bad host with a bad hole", pool + "relax:\n  hosts:\n    a.: [b]\n", []string{
			`4:5: relax.hosts["a."] ends with a dot: got "a."; remove the dot`, `4:10: relax.hosts["a."][0] is invalid: got "b"` + words}},
		{"a host twice", pool + "relax: {hosts: {a.example: [], a.example: []}}\n",
			[]string{`2:32: the key "a.example" is repeated in relax.hosts; it first appears at 2:17; keep one of them`}},
		{"a host twice in another case", pool + "relax: {hosts: {a.example: [], A.example: [semicolon]}}\n", []string{
			`2:32: relax.hosts["A.example"] is repeated with other letter case; keep one of them`}},
		{"a variable for a host", pool + "relax: {hosts: {'${HOST}': []}}\n", []string{
			`2:17: variables are not supported in keys: got "${HOST}" in relax.hosts; write the key itself`}},
	})
	const contrary = " has both ignore_case and case_sensitive for one host; keep the one that is true for its application"
	check(t, []file{
		{"contrary on all", pool + "relax: {all: [ignore_case, case_sensitive]}\n", []string{`2:9: relax.all` + contrary}},
		{"contrary on a host", pool + "relax: {hosts: {a.example: [case_sensitive, ignore_case]}}\n",
			[]string{`2:17: relax.hosts["a.example"]` + contrary}},
		{"contrary on a host and all", pool + "relax: {all: [ignore_case], hosts: {a.example: [case_sensitive]}}\n",
			[]string{`2:37: relax.hosts["a.example"]` + contrary}},
		{"contrary under a wildcard", pool + "relax: {hosts: {a.example: [case_sensitive], '*.example': [ignore_case]}}\n",
			[]string{`2:46: relax.hosts["*.example"]` + contrary}},
		{"contrary under two wildcards", pool + "relax: {hosts: {'*.example': [ignore_case], '*.a.example': [case_sensitive]}}\n",
			[]string{`2:45: relax.hosts["*.a.example"]` + contrary}},
		{"on two hosts", pool +
			"relax: {all: [slash_sensitive], hosts: {a.example: [case_sensitive], b.example: [ignore_case], '*.a.example': [ignore_case]}}\n", nil},
	})
	long := strings.Repeat("a.", 127) + "a"
	check(t, []file{{"a host too long", pool + "relax: {hosts: {" + long + ": []}}\n", []string{
		`2:17: relax.hosts["` + long + `"] is not a host (names outside of ASCII need their xn-- form): got "` + long[:80] + `"...` + noHost}}})
}

func TestAdminNames(t *testing.T) {
	admin := parse(t, pool+"admin: {hosts: [Gate, '*.ops.example']}\n").Admin
	for host, want := range map[string]bool{
		"gate": true, "a.ops.example": true, "a.b.ops.example": true,
		"": false, "gates": false, "a.gate": false, "ops.example": false, "xops.example": false,
	} {
		if got := admin.Names(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
	if (config.Admin{}).Names("") {
		t.Error("an empty list matches the empty host")
	}
}
