package identity_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/request"
)

// The default headers for each kind of token.
func TestMapDefaults(t *testing.T) {
	g := newGate(t, "")
	for _, row := range []struct {
		name, issuer string
		claims       claims
		want         map[string]string
	}{
		{"bare token", "shop", nil, map[string]string{"x-user-id": "alice", "x-user-kind": "user", "x-user-issuer": "shop"}},
		{
			"full token", "shop", claims{
				"preferred_username": "al", "email": "alice@example.com", "email_verified": true, "groups": []string{"staff", "admin"},
				"scope": "read write", "client_id": "site", "name": "Alice", "picture": "https://x.example/a.png",
			},
			map[string]string{
				"x-user-id": "alice", "x-user-name": "al", "x-user-email": "alice@example.com", "x-user-groups": "staff,admin",
				"x-user-scopes": "read,write", "x-user-client": "site", "x-user-kind": "user", "x-user-issuer": "shop",
			},
		},
		{
			"partner's token", "partner", claims{"preferred_username": "al", "email": "alice@example.com", "email_verified": true,
				"groups": []string{"staff"}, "scope": "read", "azp": "app"},
			map[string]string{
				"x-user-id": "partner:alice", "x-user-name": "partner:al", "x-user-email": "alice@example.com", "x-user-groups": "partner:staff",
				"x-user-scopes": "read", "x-user-client": "app", "x-user-kind": "user", "x-user-issuer": "partner",
			},
		},
		{
			"Cognito ID token", "pool", claims{
				"token_use": "id", "aud": "3v5site", "cognito:username": "alice", "cognito:groups": []string{"admin"},
				"email": "alice@example.com", "email_verified": true, "nonce": "n", "at_hash": "h",
			},
			map[string]string{
				"x-user-id": "pool:7f0c", "x-user-name": "pool:alice", "x-user-email": "alice@example.com", "x-user-groups": "pool:admin",
				"x-user-client": "3v5site", "x-user-kind": "user", "x-user-issuer": "pool",
			},
		},
		{
			"Cognito access token", "pool", claims{
				"token_use": "access", "client_id": "3v5site", "username": "alice", "cognito:groups": []string{"admin"},
				"scope": "aws.cognito.signin.user.admin",
			},
			map[string]string{
				"x-user-id": "pool:7f0c", "x-user-name": "pool:alice", "x-user-groups": "pool:admin",
				"x-user-scopes": "aws.cognito.signin.user.admin", "x-user-client": "3v5site", "x-user-kind": "user", "x-user-issuer": "pool",
			},
		},
		{
			"Cognito machine's token", "pool", claims{"token_use": "access", "client_id": "3v5site", "sub": "3v5site", "scope": "orders/read"},
			map[string]string{
				"x-user-id": "pool:3v5site", "x-user-scopes": "orders/read", "x-user-client": "3v5site", "x-user-kind": "client",
				"x-user-issuer": "pool",
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := g.headers(t, row.issuer, row.claims); !maps.Equal(got, row.want) {
				t.Errorf("got  %v\nwant %v", got, row.want)
			}
		})
	}
}

// Headers are in the order of the config, which is sorted by name.
func TestMapOrder(t *testing.T) {
	g := newGate(t, "identity: {headers: {x-a: sub, x-z: sub}}")
	set, err := g.mapper.Map(g.verified(t, "shop", nil), config.Relaxed{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, h := range set {
		names = append(names, h.Name)
	}
	if want := []string{"x-a", "x-user-id", "x-user-issuer", "x-user-kind", "x-z"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

// The first claim that the token has is used. A null or empty claim counts as absent,
// with and without a prefix, and so does an invalid name.
func TestMapFirstClaim(t *testing.T) {
	g := newGate(t, "identity: {headers: {x-user-name: null, x-name: [username, preferred_username, nickname]}}")
	for _, row := range []struct {
		name   string
		claims claims
		want   string // without prefix
	}{
		{"first", claims{"username": "u", "preferred_username": "p"}, "u"},
		{"second, the first absent", claims{"preferred_username": "p"}, "p"},
		{"second, the first null", claims{"username": null, "preferred_username": "p"}, "p"},
		{"second, the first empty", claims{"username": "", "preferred_username": "p"}, "p"},
		{"second, the first an object", claims{"username": claims{"x": "u"}, "preferred_username": "p"}, "p"},
		{"second, the first a list", claims{"username": []string{"u"}, "preferred_username": "p"}, "p"},
		{"second, the first an empty list", claims{"username": []string{}, "preferred_username": "p"}, "p"},
		{"none", nil, ""},
		{"all null", claims{"username": null, "preferred_username": null}, ""},
		{"all empty", claims{"username": "", "preferred_username": ""}, ""},
		{"a number", claims{"username": 7}, "7"},
		{"a space", claims{"username": " "}, "%20"},
	} {
		for issuer, prefix := range map[string]string{"shop": "", "partner": "partner:"} {
			want := row.want
			if want != "" {
				want = prefix + want
			}
			got, there := g.headers(t, issuer, row.claims)["x-name"]
			if got != want || there != (want != "") {
				t.Errorf("%s of %s: %q, want %q", row.name, issuer, got, want)
			}
		}
	}
	if got := g.headers(t, "partner", claims{"nickname": "n"})["x-name"]; got != "n" {
		t.Errorf("nickname is %q, and names no subject", got)
	}
}

// An email address is sent only if the issuer says that it is verified. Without
// email_verified, it is sent only if that is assumed.
func TestMapEmail(t *testing.T) {
	const address = "alice@example.com"
	for _, row := range []struct {
		name     string
		verified any // nil: absent
		want     bool
	}{
		{"absent", nil, false},
		{"true", true, true},
		{"the string true", "true", true}, // as some issuers write the boolean
		{"false", false, false},
		{"the string false", "false", false},
		{"null", null, false},
		{"empty", "", false},
		{"0", 0, false},
		{"1", 1, false},
		{"True", "True", false},
		{"yes", "yes", false},
		{"list", []bool{true}, false},
		{"object", claims{"value": true}, false},
	} {
		more := claims{"email": address, "Email_verified": true}
		if row.verified != nil {
			more["email_verified"] = row.verified
		}
		for _, claim := range []string{"email", "/email"} {
			g := newGate(t, "identity: {headers: {x-user-email: '"+claim+"', x-contact: [phone, '"+claim+"'], x-user-name: '"+claim+"'}}")
			for issuer, told := range map[string]bool{"shop": row.want, "staff": row.want || row.verified == nil || row.name == "null"} {
				want := ""
				if told {
					want = address
				}
				got := g.headers(t, issuer, more)
				if named := got["x-user-name"] != ""; named != told {
					t.Errorf("%s, email_verified %s, claim %s: x-user-name is %q", issuer, row.name, claim, got["x-user-name"])
				}
				if got["x-user-email"] != want || got["x-contact"] != want {
					t.Errorf("%s, email_verified %s, claim %s: %q and %q, want %q", issuer, row.name, claim, got["x-user-email"], got["x-contact"], want)
				}
			}
		}
	}
}

// A header that identifies the user has the prefix of the issuer, whatever claim it
// comes from. A claim that is not a text or a number does not identify a user.
func TestMapNames(t *testing.T) {
	g := newGate(t, `identity: {headers: {x-user-id: ["custom:employee_id", sub], x-user-name: [nickname, $client], x-nick: nickname}}`)
	for _, row := range []struct {
		name     string
		claims   claims
		id, user string
	}{
		{"a text", claims{"custom:employee_id": "42", "nickname": "al"}, "42", "al"},
		{"a number", claims{"custom:employee_id": 42}, "42", ""},
		{"another's prefix", claims{"custom:employee_id": "staff:42"}, "staff:42", ""},
		{"none, so the next", nil, "alice", ""},
		{"an object, so the next", claims{"custom:employee_id": claims{"x": "42"}}, "alice", ""},
		{"empty, so the next", claims{"custom:employee_id": ""}, "alice", ""},
		{"the client", claims{"azp": "app"}, "alice", "app"},
	} {
		got := g.headers(t, "partner", row.claims)
		if row.user != "" {
			row.user = "partner:" + row.user
		}
		if got["x-user-id"] != "partner:"+row.id || got["x-user-name"] != row.user {
			t.Errorf("%s: %q and %q, want %q and %q", row.name, got["x-user-id"], got["x-user-name"], "partner:"+row.id, row.user)
		}
		if nick, _ := row.claims["nickname"].(string); got["x-nick"] != nick {
			t.Errorf("%s: x-nick is %q: only what names the user carries the prefix", row.name, got["x-nick"])
		}
	}
}

// Relaxing unverified_email does not apply to an address without email_verified.
func TestMapEmailUnsaid(t *testing.T) {
	g := newGate(t, "")
	set, err := g.mapper.Map(g.verified(t, "shop", claims{"email": "eve@example.com"}), config.Relaxed{UnverifiedEmail: true})
	if err != nil || slices.ContainsFunc(set, func(h request.Header) bool { return h.Name == "x-user-email" }) {
		t.Errorf("%v, %v", set, err)
	}
}

// With the relaxation unverified_email, an unverified address is sent.
func TestMapUnverifiedEmailRelaxed(t *testing.T) {
	g := newGate(t, "")
	eve := g.verified(t, "shop", claims{"email": "eve@example.com", "email_verified": false})
	for relaxed, want := range map[config.Relaxed]bool{
		{UnverifiedEmail: true}: true,
		{}:                      false,
		{IgnoreCase: true, MethodOverride: true, OriginalURL: true}: false,
	} {
		set, err := g.mapper.Map(eve, relaxed)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(set, request.Header{Name: "x-user-email", Value: "eve@example.com"}); got != want {
			t.Errorf("%+v: %v", relaxed, set)
		}
	}
}

// An unverified address counts as absent: the next claim is used.
func TestMapUnverifiedEmailIsAbsent(t *testing.T) {
	g := newGate(t, "identity: {headers: {x-contact: [email, phone_number]}}")
	got := g.headers(t, "shop", claims{"email": "eve@example.com", "email_verified": false, "phone_number": "555"})
	if got["x-contact"] != "555" || got["x-user-email"] != "" {
		t.Errorf("got %v", got)
	}
}

// Names that begin with $ are derived values; claims with these names are not read.
func TestMapGateValues(t *testing.T) {
	g := newGate(t, "identity: {headers: {x-g: $groups, x-s: $scopes, x-c: $client, x-k: $kind, x-i: $issuer, x-t: $tenant, "+
		"x-first: [$client, $kind]}}")
	forged := claims{"$groups": "x", "$scopes": "x", "$client": "x", "$kind": "x", "$issuer": "x", "$tenant": "x"}
	got := g.headers(t, "partner", forged)
	for name, want := range map[string]string{"x-g": "", "x-s": "", "x-c": "", "x-k": "user", "x-i": "partner", "x-first": "user"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// A claim can be named by a JSON Pointer, which cannot bypass the prefix of a name.
func TestMapPointers(t *testing.T) {
	g := newGate(t,
		"identity: {headers: {x-user-id: /sub, x-user-name: /preferred_username, x-user-groups: /groups, x-city: /address/city, x-none: "+
			"/address/street}}")
	got := g.headers(t, "partner", claims{
		"preferred_username": "al", "groups": []string{"a", "b"}, "address": claims{"city": "Zürich"},
	})
	for name, want := range map[string]string{
		"x-user-id": "partner:alice", "x-user-name": "partner:al", "x-user-groups": "partner:a,partner:b", "x-city": "Z%C3%BCrich", "x-none": "",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// An encoded value may have max_value_bytes, and no more.
func TestMapSize(t *testing.T) {
	g := newGate(t, "identity: {max_value_bytes: 64, headers: {x-note: [note, other], x-list: list}}")
	for _, row := range []struct {
		name   string
		claims claims
		header string // that is too large; may be empty
	}{
		{"at the limit", claims{"note": strings.Repeat("x", 64)}, ""},
		{"a byte over", claims{"note": strings.Repeat("x", 65)}, "x-note"},
		{"at the limit, encoded", claims{"note": strings.Repeat("é", 10) + "xxxx"}, ""},
		{"a byte over, encoded", claims{"note": strings.Repeat("é", 10) + "xxxxx"}, "x-note"},
		{"a list at the limit", claims{"list": []string{strings.Repeat("x", 31), strings.Repeat("y", 32)}}, ""},
		{"a list a byte over", claims{"list": []string{strings.Repeat("x", 32), strings.Repeat("y", 32)}}, "x-list"},
		{"the first too long, the second not", claims{"note": strings.Repeat("x", 65), "other": "x"}, "x-note"},
		{"the subject too long", claims{"sub": strings.Repeat("x", 65)}, "x-user-id"},
		{"a claim that is not passed on", claims{"unused": strings.Repeat("x", 1000)}, ""},
	} {
		got, err := g.mapper.Map(g.verified(t, "shop", row.claims), config.Relaxed{})
		if row.header == "" {
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
			continue
		}
		if !errors.Is(err, identity.ErrTooLarge) || got != nil {
			t.Errorf("%s: %v, %v, want it too large", row.name, got, err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, `header "`+row.header+`"`) || !strings.Contains(text, "at most 64") ||
			strings.Contains(text, "xx") {
			t.Errorf("%s: %q names no header, or holds the value", row.name, text)
		}
	}
}

// The encoding of claims as header values.
func TestEncode(t *testing.T) {
	g := newGate(t, "identity: {headers: {x-value: value}}")
	for _, row := range []struct {
		name  string
		value any
		want  string
	}{
		{"plain text", "abc-XYZ_019.~!", "abc-XYZ_019.~!"},
		{"every visible byte but the percent sign", "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"},
		{"percent sign", "100%", "100%25"},
		{"what looks encoded", "%41%0d%0a", "%2541%250d%250a"},
		{"inner spaces", "a b  c", "a b  c"},
		{"space in front", " a", "%20a"},
		{"space behind", "a ", "a%20"},
		{"spaces around", "  a  ", "%20 a %20"},
		{"space alone", " ", "%20"},
		{"two spaces", "  ", "%20%20"},
		{"comma in text", "a,b", "a,b"},
		{"line feed", "a\nb", "a%0Ab"},
		{"CR LF and a header", "a\r\nx-user-id: root", "a%0D%0Ax-user-id: root"},
		{"tab", "a\tb", "a%09b"},
		{"NUL", "a\x00b", "a%00b"},
		{"delete", "a\x7fb", "a%7Fb"},
		{"every control byte", "\x01\x1f", "%01%1F"},
		{"Latin", "José", "Jos%C3%A9"},
		{"not composed", "Jose\u0301", "Jose%CC%81"},
		{"Greek", "Ω", "%CE%A9"},
		{"Chinese", "李", "%E6%9D%8E"},
		{"emoji", "😀", "%F0%9F%98%80"},
		{"no-break space", "\u00a0a", "%C2%A0a"},
		{"C1 control", "\u0085", "%C2%85"},
		{"replacement character", "\ufffd", "%EF%BF%BD"},

		{"whole number", 42, "42"},
		{"negative number", -1.5, "-1.5"},
		{"number as it was written", json.RawMessage("1.50"), "1.50"},
		{"number with an exponent", json.RawMessage("1E+2"), "1E+2"},
		{"large number", json.RawMessage("12345678901234567890123"), "12345678901234567890123"},
		{"zero", 0, "0"},
		{"true", true, "true"},
		{"false", false, "false"},

		{"null", null, ""},
		{"empty text", "", ""},
		{"empty list", []any{}, ""},
		{"empty object", claims{}, ""},

		{"list", []any{"a", "b", "c"}, "a,b,c"},
		{"list of one", []any{"a"}, "a"},
		{"list with a comma", []any{"a,b", "c"}, "a%2Cb,c"},
		{"list with edge spaces", []any{" a", "b "}, "%20a,b%20"},
		{"list with inner spaces", []any{"a b", "c"}, "a b,c"},
		{"list with a percent sign", []any{"%2C", "x"}, "%252C,x"},
		{"list with a line feed", []any{"a\nb", "é"}, "a%0Ab,%C3%A9"},
		{"list of all kinds", []any{"a", 1, true, json.RawMessage("2.50")}, "a,1,true,2.50"},
		{"list in a list", []any{[]any{"a", "b"}, "c"}, `["a"%2C"b"],c`},
		{"object in a list", []any{claims{"a": 1, "b": "x,y"}}, `{"a":1%2C"b":"x%2Cy"}`},
		{"null in a list", []any{"a", nil, "b"}, "a,,b"},

		{"object", claims{"b": 1, "a": []any{true, nil}}, `{"a":[true,null],"b":1}`},
		{"object with text", claims{"a": "<b> & \"c\""}, `{"a":"<b> & \"c\""}`},
		{"object with non-ASCII text", claims{"é": "100%"}, `{"%C3%A9":"100%25"}`},
		{"object with a line feed", claims{"a": "x\ny"}, `{"a":"x\ny"}`},
		{"object with a number as it was written", json.RawMessage(`{ "a" : 1.50 }`), `{"a":1.50}`},
		{"object in an object", claims{"a": claims{}}, `{"a":{}}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, there := g.headers(t, "shop", claims{"value": row.value})["x-value"]
			if got != row.want || there != (row.want != "") {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// Groups with a prefix are encoded like any list.
func TestEncodeGroups(t *testing.T) {
	got := newGate(t, "").headers(t, "partner", claims{"groups": []string{"a,b", "ü", " c"}})["x-user-groups"]
	if want := "partner:a%2Cb,partner:%C3%BC,partner: c"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// headerText reports whether a header field can contain a value without changing it.
func headerText(value string) bool {
	return strings.Trim(value, " ") == value && !strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r > 0x7e })
}
