package identity_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/request"
)

// What a bare token of shop sets in addition to the headers of a test: x-user-id:
// alice, x-user-kind: user and x-user-issuer: shop.
const bareBytes = len("x-user-id"+"alice") + len("x-user-kind"+"user") + len("x-user-issuer"+"shop")

// The names and encoded values of all headers together may have max_total_bytes, and no
// more.
func TestMapTotalSize(t *testing.T) {
	g := newGate(t, "identity: {max_value_bytes: 1000, max_total_bytes: 1024, headers: {x-note: note, x-list: list}}")
	const free = 1024 - bareBytes - len("x-note") // for the value of x-note
	const rest = free - len("x-list") - 400       // next to an x-list of 400 bytes
	two := func(listed int) claims {              // a list has a comma between its two texts
		return claims{"note": strings.Repeat("x", rest), "list": []string{strings.Repeat("y", listed-201), strings.Repeat("z", 200)}}
	}
	for _, row := range []struct {
		name   string
		claims claims
		got    int // the total that is too large; 0: none
	}{
		{"no header of its own", nil, 0},
		{"at the limit", claims{"note": strings.Repeat("x", free)}, 0},
		{"a byte over", claims{"note": strings.Repeat("x", free+1)}, 1025},
		{"at the limit, encoded", claims{"note": strings.Repeat("é", 10) + strings.Repeat("x", free-60)}, 0},
		{"a byte over, encoded", claims{"note": strings.Repeat("é", 10) + strings.Repeat("x", free-59)}, 1025},
		{"two headers at the limit", two(400), 0},
		{"two headers, a byte over", two(401), 1025},
		{"a header without a value does not count", claims{"note": strings.Repeat("x", free), "list": []string{}}, 0},
		{"a claim that is not mapped does not count", claims{"unused": strings.Repeat("x", 5000)}, 0},
		{"a longer user, a byte over", claims{"sub": "alicia", "note": strings.Repeat("x", free)}, 1025},
	} {
		t.Run(row.name, func(t *testing.T) {
			set, err := g.mapper.Map(g.verified(t, "shop", row.claims), config.Relaxed{})
			if row.got == 0 {
				if err != nil || total(set) > 1024 {
					t.Fatalf("got %d bytes, %v; expected no error", total(set), err)
				}
				return
			}
			if !errors.Is(err, identity.ErrTooLarge) || set != nil {
				t.Fatalf("got %v, %v; expected ErrTooLarge and no headers", set, err)
			}
			if want := fmt.Sprintf("got %d bytes in ", row.got); !strings.Contains(err.Error(), want) {
				t.Errorf("got %q; expected it to contain %q", err, want)
			}
		})
	}
}

func total(set []request.Header) int {
	sum := 0
	for _, h := range set {
		sum += len(h.Name) + len(h.Value)
	}
	return sum
}

// The default limit is 16 KiB, which two values of the default max_value_bytes exceed.
func TestMapTotalSizeByDefault(t *testing.T) {
	g := newGate(t, "identity: {headers: {x-a: a, x-b: b}}")
	half := (16384 - bareBytes) / 2
	fits := claims{"a": strings.Repeat("x", half-len("x-a")), "b": strings.Repeat("x", 16384-bareBytes-half-len("x-b"))}
	set, err := g.mapper.Map(g.verified(t, "shop", fits), config.Relaxed{})
	if err != nil || total(set) != 16384 {
		t.Errorf("got %d bytes, %v; expected 16384 and no error", total(set), err)
	}
	fits["b"] = fits["b"].(string) + "x"
	if _, err := g.mapper.Map(g.verified(t, "shop", fits), config.Relaxed{}); !errors.Is(err, identity.ErrTooLarge) {
		t.Errorf("got %v for 16385 bytes; expected ErrTooLarge", err)
	}
}

// The error names the three largest headers, largest first, says what to change, and
// contains no value.
func TestMapTotalSizeNamesTheLargest(t *testing.T) {
	g := newGate(t, "identity: {max_total_bytes: 1024, headers: {x-a: a, x-b: b, x-c: c, x-d: d}}")
	verified := g.verified(t, "partner", claims{
		"a": strings.Repeat("v", 200), "b": strings.Repeat("v", 400), "c": strings.Repeat("v", 300), "d": strings.Repeat("v", 250),
	})
	_, err := g.mapper.Map(verified, config.Relaxed{})
	var failure *denial.Error
	if !errors.As(err, &failure) {
		t.Fatalf("got %v; expected a denial.Error", err)
	}
	const want = "identity too large: got 1219 bytes in 7 headers; expected at most 1024 (identity.max_total_bytes); " +
		"the largest: x-b (403), x-c (303), x-d (253)"
	if err.Error() != want {
		t.Errorf("got  %q\nwant %q", err, want)
	}
	if !strings.Contains(failure.Hint(), "identity.max_total_bytes") || !strings.Contains(failure.Hint(), "max_request_headers_kb") {
		t.Errorf("the hint is %q; expected it to name both limits", failure.Hint())
	}
	if failure.Issuer != "partner" || failure.Subject != "partner:alice" || failure.KeyID != verified.KeyID {
		t.Errorf("got issuer %q, subject %q, key %q", failure.Issuer, failure.Subject, failure.KeyID)
	}
}

// The limit of one value is independent of the total, and is checked first.
func TestMapValueSizeBeforeTotalSize(t *testing.T) {
	g := newGate(t, "identity: {max_value_bytes: 2000, max_total_bytes: 1024, headers: {x-note: note}}")
	_, err := g.mapper.Map(g.verified(t, "shop", claims{"note": strings.Repeat("x", 2001)}), config.Relaxed{})
	if !errors.Is(err, identity.ErrTooLarge) || !strings.Contains(err.Error(), "identity.max_value_bytes") {
		t.Errorf("got %v; expected ErrTooLarge for max_value_bytes", err)
	}
	_, err = g.mapper.Map(g.verified(t, "shop", claims{"note": strings.Repeat("x", 2000)}), config.Relaxed{})
	if !errors.Is(err, identity.ErrTooLarge) || !strings.Contains(err.Error(), "identity.max_total_bytes") {
		t.Errorf("got %v; expected ErrTooLarge for max_total_bytes", err)
	}
}
