package gate_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/signer"
)

type object = map[string]any

// plight is a configuration, a token and a request that is denied.
type plight struct {
	cfg     object              // the configuration
	sets    map[string][]object // :: issuer -> the keys that it publishes
	revoked []string            // lines of the list

	key            *signer.Key
	header, claims object
	spoil          func(raw string) string // what happens to the token on its way; nil: nothing

	method, host, target, route string
	send                        string   // a header field with the token in place of %s; empty: none
	fields                      []string // further header fields
	ahead                       time.Duration
}

// cast is the keys of the tests. They are expensive to make.
type cast struct {
	home, other *signer.Key // ES256
	p384        *signer.Key
	rsa, weak   *signer.Key // RS256
}

// newPlight returns a request that is allowed. Its token has further claims that name a
// client, a user and groups, which no issuer reads.
func newPlight(c *cast) *plight {
	now := time.Now().Unix()
	return &plight{
		cfg: object{
			"issuers": object{"home": object{"issuer": "https://home.example/", "prefix": "", "audiences": []any{"orders-api"},
				"clients": []any{"web"}, "algorithms": []any{"ES256"}}},
			"routes": []any{object{"name": "strict", "match": "/strict"}},
		},
		sets: map[string][]object{"home": {jwk(c.home)}},
		key:  c.home,
		claims: object{
			"iss":       "https://home.example/",
			"sub":       "alice",
			"aud":       "orders-api",
			"client_id": "web",
			"iat":       now,
			"exp":       now + 600,
			"jti":       "j-1",
			"scope":     "read",
			"login":     "alice",
			"my_client": "web",
			"my_groups": []any{"admin"},
		},
		header: object{},
		method: "GET", host: "api.example", target: "/strict", send: "authorization: Bearer %s",
	}
}

func (p *plight) issuer(name string) object { return p.cfg["issuers"].(object)[name].(object) }

// strict is the route of the request.
func (p *plight) strict() object { return p.cfg["routes"].([]any)[0].(object) }

// section returns a mapping of the configuration, which is made if there is none.
func (p *plight) section(name string) object {
	if p.cfg[name] == nil {
		p.cfg[name] = object{}
	}
	return p.cfg[name].(object)
}

// add adds values to a list that does not have them.
func add(to object, key string, values ...string) {
	list, _ := to[key].([]any)
	for _, value := range values {
		if !slices.Contains(list, any(value)) {
			list = append(slices.Clone(list), value)
		}
	}
	to[key] = list
}

func copied[V any](value V) V {
	var result V
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &result)
	}
	if err != nil {
		panic(err)
	}
	return result
}

func (p *plight) clone() *plight {
	other := *p
	other.cfg, other.sets, other.header, other.claims = copied(p.cfg), copied(p.sets), copied(p.header), copied(p.claims)
	other.fields, other.revoked = slices.Clone(p.fields), slices.Clone(p.revoked)
	return &other
}

func jwk(keys ...*signer.Key) object {
	text, err := signer.KeySet(keys...)
	if err != nil {
		panic(err)
	}
	var set struct{ Keys []object }
	if err := json.Unmarshal(text, &set); err != nil {
		panic(err)
	}
	return set.Keys[0]
}

// decide decides the request under the configuration, which must be valid.
func (p *plight) decide(t *testing.T) *gate.Decision {
	t.Helper()
	dir, cfg := t.TempDir(), copied(p.cfg)
	for name, one := range cfg["issuers"].(object) {
		file := filepath.Join(dir, name+".json")
		text, err := json.Marshal(object{"keys": p.sets[name]})
		if err == nil {
			err = os.WriteFile(file, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		jwks, _ := one.(object)["jwks"].(object)
		one.(object)["jwks"] = object{"file": file}
		maps.Copy(one.(object)["jwks"].(object), jwks)
	}
	if p.revoked != nil {
		file := filepath.Join(dir, "revoked.jsonl")
		if err := os.WriteFile(file, []byte(strings.Join(p.revoked, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg["revoked"] = object{"file": file}
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := config.Parse("gate.yaml", text, nil)
	if err != nil {
		t.Fatalf("the configuration is invalid:\n%v\n%s", err, text)
	}
	ahead := p.ahead
	g, err := newGate(parsed, gate.Options{Logger: quiet(), Now: func() time.Time { return time.Now().Add(ahead) }})
	if err != nil {
		t.Fatalf("the configuration is invalid:\n%v\n%s", err, text)
	}
	defer g.Close()
	return g.Decide(t.Context(), p.request(t))
}

func (p *plight) request(t *testing.T) *request.Request {
	t.Helper()
	raw, err := p.key.Token(p.header, p.claims)
	if err != nil {
		t.Fatal(err)
	}
	if p.spoil != nil {
		raw = p.spoil(raw)
	}
	fields := slices.Clone(p.fields)
	if p.send != "" {
		fields = append(fields, strings.ReplaceAll(p.send, "%s", raw))
	}
	r := requestOf(p.method, strings.ReplaceAll(p.target, "%s", raw), fields...)
	if r.Authority = p.host; p.route != "" {
		r.SetRoute(p.route)
	}
	return r
}

// ending is what a fix must change.
func ending(d *gate.Decision) string {
	return fmt.Sprintf("%s %s on %s: %s", d.Verdict, d.Reason, d.Route, d.InternalDetail)
}

// fix is a fix of package denial.
type fix struct {
	name string
	form *regexp.Regexp
	size int // of its own text
}

// fixes returns all fixes, read from the source, so that none is forgotten.
func fixes(t *testing.T) []fix {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../denial/fix.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []fix
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			spec := spec.(*ast.ValueSpec)
			if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "fix" {
				continue
			}
			text := constant(t, spec.Values[0])
			if strings.Contains(text, ", or ") {
				t.Errorf("%s has the separator of fixes: %q", spec.Names[0].Name, text)
			}
			form := strings.ReplaceAll(regexp.QuoteMeta(text), "%s", "(.+)")
			found = append(found, fix{spec.Names[0].Name, regexp.MustCompile("^" + form + "$"), len(strings.ReplaceAll(text, "%s", ""))})
		}
	}
	if len(found) < 100 {
		t.Fatalf("found only %d fixes", len(found))
	}
	return found
}

// constant returns the text of a constant expression.
func constant(t *testing.T, e ast.Expr) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return constant(t, e.X) + constant(t, e.Y)
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	t.Fatalf("unexpected %T", e)
	return ""
}

// namedFix returns the fix that a text was made from, and its values: of several, the one
// that has the longest text of its own.
func namedFix(t *testing.T, all []fix, text string) (name string, values []string) {
	t.Helper()
	size := -1
	for _, one := range all {
		if found := one.form.FindStringSubmatch(text); found != nil && one.size > size {
			name, values, size = one.name, found[1:], one.size
		}
	}
	if name == "" || strings.Contains(text, "%!") {
		t.Fatalf("%q is none of the fixes", text)
	}
	return name, values
}

// TestEveryHintIsTrue follows each fix of each hint: in the configuration, at the issuer,
// in the request or by the clock. Then the request must be allowed, or, if it has a second
// cause, be denied for that one. Whoever follows the first fix of each denial must end with
// an allowed request.
// Every fix, every reason that a check gives, and every near miss that the client reads must
// have a row.
func TestEveryHintIsTrue(t *testing.T) {
	c := newCast(t)
	all, seen, reasons, texts, needed := fixes(t), map[string]bool{}, map[gate.Reason]bool{}, map[string]bool{}, map[string]bool{}
	for _, row := range hintRows(c) {
		t.Run(string(row.reason)+" "+row.name, func(t *testing.T) {
			p := newPlight(c)
			row.spoil(p)
			d := p.decide(t)
			if d.Reason != row.reason || d.Hint == "" {
				t.Fatalf("got %s; expected %s; hint %q", ending(d), row.reason, d.Hint)
			}
			reasons[d.Reason], texts[d.Denial.Detail] = true, true
			for text := range strings.SplitSeq(d.Hint, ", or ") {
				name, values := namedFix(t, all, text)
				seen[name] = true
				after := p.clone()
				row.apply(t, c, after, name, values)
				now, cause := after.decide(t), row.cause(name)
				if now.Verdict == gate.VerdictDeny {
					needed[cause] = true
					if ending(now) == ending(d) || now.Reason != secondCauses()[cause] {
						t.Errorf("after %s, %q: %s", name, text, ending(now))
					}
				}
			}
			follow(t, c, all, row, p)
		})
	}
	followOutages(t, all, seen, reasons)
	for cause := range secondCauses() {
		if !needed[cause] {
			t.Errorf("no fix leaves the second cause %q", cause)
		}
	}
	for _, one := range all {
		if !seen[one.name] && !slices.Contains(unreachableFixes(), one.name) {
			t.Errorf("no row has the fix %s", one.name)
		}
	}
	for _, one := range gate.NearTexts() {
		if !texts[one.Text] {
			t.Errorf("no row has the near miss %s", one.Near)
		}
	}
	for _, one := range gate.Reasons() {
		if one.Verdict == gate.VerdictDeny && one.Stage != gate.StageNone && !reasons[one.Reason] {
			t.Errorf("no row has the reason %s", one.Reason)
		}
	}
}

// anotherPath is the cause of every row whose path has a second fault.
const anotherPath = "path_refused with another"

// cause names a fix of a row in secondCauses.
func (r *hintRow) cause(fix string) string {
	if r.reason == "path_refused" && strings.HasSuffix(r.name, " with another") {
		return anotherPath
	}
	return fix + " " + string(r.reason) + " " + r.name
}

// secondCauses are the fixes that leave a denial, because the request has a second cause, and
// its reason. Any other fix alone must end with an allowed request.
func secondCauses() map[string]gate.Reason {
	return map[string]gate.Reason{
		anotherPath: "path_refused",
		"FixAddAlgorithm alg_not_allowed not published":                      "key_unknown",
		"FixSignWith alg_not_allowed of an unknown issuer":                   "issuer_unknown",
		"FixType type_not_allowed of an unknown issuer":                      "issuer_unknown",
		"FixKeyAlg key_unfit a key for an algorithm that is not configured":  "alg_not_allowed",
		"FixIssuedAt lifetime_too_long no iat":                               "lifetime_too_long",
		"FixAddAudience audience_mismatch an ID token of another client":     "token_use_mismatch",
		"FixRequestAudience audience_mismatch an ID token of another client": "token_use_mismatch",
		"FixSubject subject_missing x-user-id, no email":                     "subject_missing",
		"FixAddToGroup group_missing alternatives":                           "scope_missing",
		"FixGroupsClaim group_missing one of two without the prefix":         "group_missing",
		"FixUseClient client_not_allowed all of one":                         "client_mismatch",
		"FixRouteOneClient client_not_allowed all of one":                    "client_not_allowed",
		"FixWithClient client_not_allowed none":                              "client_not_allowed",
	}
}

// follow follows the first fix of each denial until the request is allowed.
func follow(t *testing.T, c *cast, all []fix, row hintRow, p *plight) {
	t.Helper()
	var before []string
	for range 12 {
		d := p.decide(t)
		if d.Verdict != gate.VerdictDeny {
			return
		}
		before = append(before, ending(d)+" | "+d.Hint)
		first, _, _ := strings.Cut(d.Hint, ", or ")
		name, values := namedFix(t, all, first)
		p = p.clone()
		row.apply(t, c, p, name, values)
	}
	t.Errorf("the hints do not end with an allowed request:\n%s", strings.Join(before, "\n"))
}

// apply follows a fix as the row or the table says.
func (r *hintRow) apply(t *testing.T, c *cast, p *plight, name string, values []string) {
	t.Helper()
	if own := r.fixes[name]; own != nil {
		own(p)
		return
	}
	how := appliers(c)[name]
	if how == nil {
		t.Fatalf("the test does not know how to follow %s %q", name, values)
	}
	how(p, values)
}

// unreachableFixes are those of failures that no known input causes.
func unreachableFixes() []string { return []string{"FixSimpler"} }
