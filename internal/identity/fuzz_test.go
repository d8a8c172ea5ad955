package identity_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Whatever a claim holds, its header value is safe to send, and the text comes
// back out of it: so two texts, or two lists of texts, never look the same.
func FuzzEncode(f *testing.F) {
	for _, text := range []string{"alice", "a,b", "100%", "%2C", " a ", "a\r\nb: c", "é", "😀", "\x00", "{}", "[]", "null", "\"", "\x7f",
		",", " "} {
		f.Add(text, "b")
		f.Add("b", text)
	}
	g := newGate(f, "identity: {max_value_bytes: 65536, max_total_bytes: 1048576, headers: {x-text: text, x-list: list, x-object: object}}")
	f.Fuzz(func(t *testing.T, one, two string) {
		if len(one)+len(two) > 4096 {
			return // encoded it might be longer than a value may be
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

// Whatever a client sends, once Envoy has set and then removed, no header that
// some server folds into a name of ours is left but ours, and no other header
// is touched.
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
				return // Envoy lets nobody send what is no field name
			}
			received = append(received, request.Header{Name: name, Value: "forged"})
		}
		checkApplied(t, guarded, received, set, g.mapper.Strip(received, set, config.Relaxed{}))
	})
}

// isToken reports whether a name can be that of a header field.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
	})
}

// checkApplied fails the test unless the headers that reach the application are
// those that we set and those of the received that are none of ours.
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
