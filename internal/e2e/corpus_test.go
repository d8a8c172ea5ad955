//go:build !race

package e2e

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// attackClass is one file of testdata/corpus: attacks of one class, and similar requests
// that must pass.
type attackClass struct {
	Class string `yaml:"class"`
	About string `yaml:"about"`
	// Proxied classes are sent through both Envoys as well.
	Proxied bool     `yaml:"proxied"`
	Rows    []attack `yaml:"rows"`
}

// attack is one request and its expected result. In its texts {token} is the row's own
// token and {second} another valid one; {long N}, {repeat N TEXT} and {byte XX} are
// placeholders for bytes.
type attack struct {
	Name    string   `yaml:"name"`
	Send    string   `yaml:"send"` // METHOD TARGET
	Host    *string  `yaml:"host"` // default: api.example
	Headers []string `yaml:"headers"`
	Body    string   `yaml:"body"`
	// Token, when there, is sent as a bearer token, unless a text names it.
	Token *recipe `yaml:"token"`

	Want string `yaml:"want"` // a reason
	// Tells is the whole identity that the application receives; without it, an allowed
	// request has at least an x-user-id, and others have none.
	Tells map[string]string `yaml:"tells"`
	// Left are header fields as the application receives them ("" if it does not),
	// Contains are parts of them.
	Left       map[string]string `yaml:"left"`
	Contains   map[string]string `yaml:"contains"`
	Parameters []string          `yaml:"parameters"` // query parameters that are removed

	// Direct rows are sent to the gate itself only: no Envoy forwards such a request
	// unchanged.
	Direct bool `yaml:"direct"`
	// Arrives is the target that the application receives if the shipped Envoy
	// normalizes it; "none" if the request does not arrive.
	Arrives string `yaml:"arrives"`
	// Shipped is the reason with the shipped Envoy, Bare that with the bare one, if they
	// differ; "refused" if Envoy itself rejects the request.
	Shipped string `yaml:"shipped"`
	Bare    string `yaml:"bare"`
}

func readAttacks(t *testing.T) []attackClass {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	classes := make([]attackClass, len(files))
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		decoder := yaml.NewDecoder(bytes.NewReader(data))
		decoder.KnownFields(true)
		if err := decoder.Decode(&classes[i]); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return classes
}

// sent is an attack with everything filled in.
type sent struct {
	method, target, host string
	headers              [][2]string // name and value, in order
	body                 string
}

var hole = regexp.MustCompile(`\{(token|second|long|repeat|byte)(?: ([0-9a-f]+))?(?: ([^}]*))?\}`)

// fill replaces the placeholders of an attack.
func (a attack) fill(t *testing.T, i issuers) (s sent, expand func(string) string) {
	t.Helper()
	raw, second := "", mint(t, i.cruddur, access(map[string]any{"jti": "second"}))
	expand = func(text string) string {
		return hole.ReplaceAllStringFunc(text, func(found string) string {
			part := hole.FindStringSubmatch(found)
			switch part[1] {
			case "token":
				return raw
			case "second":
				return second
			case "byte":
				data, err := hex.DecodeString(part[2])
				if err != nil {
					t.Fatalf("%s: %v", found, err)
				}
				return string(data)
			}
			n, err := strconv.Atoi(part[2])
			if err != nil {
				t.Fatalf("%s: %v", found, err)
			}
			return strings.Repeat(cmp.Or(part[3], "a"), n)
		})
	}
	named := strings.Contains(a.Send+a.Body+strings.Join(a.Headers, ""), "{token}")
	if a.Token != nil {
		raw = a.Token.mint(t, i, expand)
	}
	s.method, s.target, _ = strings.Cut(expand(a.Send), " ")
	s.host, s.body = "api.example", expand(a.Body)
	if a.Host != nil {
		s.host = expand(*a.Host)
	}
	for _, header := range a.Headers {
		name, value, _ := strings.Cut(expand(header), ":")
		s.headers = append(s.headers, [2]string{name, strings.TrimPrefix(value, " ")})
	}
	if a.Token != nil && !named {
		s.headers = append(s.headers, [2]string{"authorization", "Bearer " + raw})
	}
	return s, expand
}

// reaches reports whether a request with this reason reaches the application.
func reaches(reason string) bool { return statuses()[reason] == 200 && reason != "preflight_answered" }

// statuses are the HTTP statuses of the reasons in the corpus, from the table of answers;
// 200 is an allowed request, or one that the gate answers.
func statuses() map[string]int {
	all := map[string]int{}
	for status, reasons := range map[int]string{
		200: "allowed public anonymous anonymous_invalid preflight_answered",
		400: "method_refused path_refused host_refused connection_header_refused credential_ambiguous",
		401: `credential_missing token_malformed token_too_large alg_not_allowed header_not_allowed type_not_allowed kid_missing
			issuer_unknown key_unknown key_unfit signature_invalid claims_malformed expiry_missing expired not_yet_valid
			issued_in_future lifetime_too_long audience_mismatch client_mismatch claim_mismatch token_use_mismatch token_bound
			subject_missing`,
		403: "route_denied preflight_refused issuer_not_allowed cross_site identity_too_large group_missing scope_missing client_not_allowed",
		503: "request_malformed key_pending",
	} {
		for reason := range strings.FieldsSeq(reasons) {
			all[reason] = status
		}
	}
	return all
}

// foldName returns a header's name as an application may read it.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

// identityIn returns the header fields that an application could read as ones that name the
// user.
func identityIn(fields map[string][]string) map[string]string {
	found := map[string]string{}
	for name, values := range fields {
		switch folded := foldName(name); folded {
		case "x-user-id", "x-user-name", "x-user-email", "x-user-groups", "x-user-scopes", "x-user-client", "x-user-kind",
			"x-user-issuer", "x-user-roles":
			if before, twice := found[folded]; twice {
				values = append([]string{before}, values...)
			}
			found[folded] = strings.Join(values, " AND ")
		}
	}
	return found
}

// checkReceived compares what the application receives with the row.
func (a attack) checkReceived(t *testing.T, fields map[string][]string, expand func(string) string) {
	t.Helper()
	identity := identityIn(fields)
	switch {
	case a.Tells != nil:
		want := map[string]string{}
		for name, value := range a.Tells {
			want[name] = expand(value)
		}
		if fmt.Sprint(identity) != fmt.Sprint(want) {
			t.Errorf("the application gets\n\t%v\nwant\n\t%v", identity, want)
		}
	case a.Want == "allowed" && identity["x-user-id"] == "":
		t.Errorf("the application gets no identity: %v", identity)
	case a.Want != "allowed" && len(identity) > 0:
		t.Errorf("the application gets the identity %v, and no token was verified", identity)
	}
	for name, value := range a.Left {
		if got := strings.Join(fields[name], " AND "); got != expand(value) {
			t.Errorf("the application receives %s %.80q, want %.80q", name, got, expand(value))
		}
	}
	for name, value := range a.Contains {
		if got := strings.Join(fields[name], " AND "); !strings.Contains(got, value) {
			t.Errorf("the application receives %s %.80q, want %q in it", name, got, value)
		}
	}
}

// TestAttackCorpus: the corpus is valid, and each class also has requests that must pass.
func TestAttackCorpus(t *testing.T) {
	known, total := statuses(), 0
	for _, class := range readAttacks(t) {
		seen, proper, attacks := map[string]bool{}, 0, 0
		for _, row := range class.Rows {
			status, ok := known[row.Want]
			switch {
			case row.Name == "" || seen[row.Name] || row.Send == "":
				t.Errorf("%s: %q lacks a name of its own, or a request", class.Class, row.Name)
			case !ok:
				t.Errorf("%s: %s: no reason is called %q", class.Class, row.Name, row.Want)
			case status == 200:
				proper++
			case row.lacksToken():
				t.Errorf("%s: %s: refused for want of a right, without a token that is good and lacks just that", class.Class, row.Name)
				fallthrough
			default:
				attacks++
			}
			seen[row.Name] = true
		}
		if class.Class == "" || class.About == "" || proper == 0 || attacks == 0 {
			t.Errorf("class %q (%s): %d attacks, %d proper requests", class.Class, class.About, attacks, proper)
		}
		total += len(class.Rows)
	}
	t.Logf("%d rows", total)
}

// lacksToken reports whether a row expects a denial for a missing right without sending a
// token: such a row could not fail.
func (a attack) lacksToken() bool {
	switch a.Want {
	case "issuer_not_allowed", "group_missing", "scope_missing", "client_not_allowed":
		return a.Token == nil
	}
	return false
}
