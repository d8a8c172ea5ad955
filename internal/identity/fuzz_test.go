package identity_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/request"
)

// For any claim, the header value is safe to send and the text can be decoded from it,
// so different texts or lists of texts never have the same value.
func FuzzEncode(f *testing.F) {
	for _, text := range []string{"alice", "a,b", "100%", "%2C", " a ", "a\r\nb: c", "é", "😀", "\x00", "{}", "[]", "null", "\"", "\x7f",
		",", " "} {
		f.Add(text, "b")
		f.Add("b", text)
	}
	g := newGate(f, "identity: {max_value_bytes: 65536, max_total_bytes: 1048576, headers: {x-text: text, x-list: list, x-object: object}}")
	f.Fuzz(func(t *testing.T, one, two string) {
		if len(one)+len(two) > 4096 {
			return // its encoded form may be too long for a value
		}
		one, two = strings.ToValidUTF8(one, "?"), strings.ToValidUTF8(two, "?")
		got := g.headers(t, "shop", claims{"text": one, "list": []string{one, two, "end"}, "object": claims{one: two}})
		for name, value := range got {
			if !headerText(value) {
				t.Fatalf("%s is %q", name, value)
			}
		}
		if text, err := url.PathUnescape(got["x-text"]); err != nil || text != one {
			t.Fatalf("%q is sent as %q and read as %q, %v", one, got["x-text"], text, err)
		}
		items := strings.Split(got["x-list"], ",")
		if len(items) != 3 {
			t.Fatalf("%q and %q are sent as %q", one, two, got["x-list"])
		}
		for i, want := range []string{one, two, "end"} {
			if item, err := url.PathUnescape(items[i]); err != nil || item != want {
				t.Fatalf("item %q is sent as %q and read as %q, %v", want, items[i], item, err)
			}
		}
		object, err := url.PathUnescape(got["x-object"])
		if err != nil || !strings.HasPrefix(object, "{") {
			t.Fatalf("the object is sent as %q", got["x-object"])
		}
	})
}

// For any request, after Envoy has set and removed headers, the only headers that a
// server can convert to a guarded name are those of the gate, and no other header has
// changed.
func FuzzStrip(f *testing.F) {
	g := newGate(f, "identity: {strip: [x-roles, tenant], headers: {x-user-email: null}}")
	set, err := g.mapper.Map(g.verified(f, "shop", claims{"groups": []string{"staff"}}), config.Relaxed{})
	if err != nil {
		f.Fatal(err)
	}
	guarded := guardedNames(g)
	for name := range guarded {
		f.Add(name, strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"))
		f.Add(strings.ReplaceAll(name, "-", "."), name+"x", "x"+name)
		f.Add(strings.Replace(name, "-", "~", 1), strings.Replace(name, "-", "--", 1), "accept")
	}
	f.Fuzz(func(t *testing.T, name1, name2, name3 string) {
		var received []request.Header
		for _, name := range []string{name1, name2, name3} {
			if !isToken(name) {
				return // Envoy rejects a name that is not a field name
			}
			received = append(received, request.Header{Name: name, Value: "forged"})
		}
		checkApplied(t, guarded, received, set, g.mapper.Strip(received, set, config.Relaxed{}))
	})
}

// isToken reports whether a name can be the name of a header field.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
	})
}

// checkApplied fails the test unless the application receives exactly the headers that
// the gate sets and the received headers that are not guarded.
func checkApplied(t *testing.T, guarded map[string]bool, received, set []request.Header, remove []string) {
	t.Helper()
	ours := make(map[string]string)
	for _, h := range set {
		ours[h.Name] = h.Value
	}
	left := asEnvoy(received, set, remove)
	count := make(map[string]int)
	for _, h := range left {
		name := strings.ToLower(h.Name)
		count[name]++
		if guarded[folded(h.Name)] && ours[name] != h.Value {
			t.Fatalf("%q: %q is left of %q", h.Name, h.Value, received)
		}
	}
	for name := range ours {
		if count[name] != 1 {
			t.Fatalf("%q is there %d times", name, count[name])
		}
	}
	for _, h := range received {
		if !guarded[folded(h.Name)] && count[strings.ToLower(h.Name)] == 0 {
			t.Fatalf("%q is gone, and is none of ours", h.Name)
		}
	}
	for _, h := range received {
		if identity.Fold(h.Name) != folded(h.Name) {
			t.Fatalf("%q is folded to %q", h.Name, identity.Fold(h.Name))
		}
	}
}
