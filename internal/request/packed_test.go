package request_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/request"
)

// TestPacked: a packed list has the fields that were packed, in their order, whatever the
// length of their texts.
func TestPacked(t *testing.T) {
	for _, size := range []int{0, 1, 127, 128, 16_384, 70_000} {
		text := strings.Repeat("a", size)
		one := []request.Header{{Name: "x-user-id", Value: text}, {Name: text, Value: "\xff\x00"}, {}}
		other := []request.Header{{Name: "x-user-id", Value: text}}
		packed := request.Pack(one, nil, other)
		if got, want := packed.List(), slices.Concat(one, other); !slices.Equal(got, want) || packed.Len() != len(want) {
			t.Errorf("%d bytes: got %d fields, %v; expected %v", size, packed.Len(), got, want)
		}
		for h := range packed.All() {
			if h != one[0] {
				t.Errorf("%d bytes: got %v first; expected %v", size, h, one[0])
			}
			break
		}
	}
	if empty := request.Pack(nil); empty != "" || len(empty.List()) != 0 {
		t.Errorf("got %q of no fields", empty)
	}
}

// TestPackedAllocatesNothing: reading a packed list allocates nothing.
func TestPackedAllocatesNothing(t *testing.T) {
	packed := request.Pack([]request.Header{{Name: "x-user-id", Value: "alice"}, {Name: "x-user-kind", Value: "user"}})
	size := 0
	if n := testing.AllocsPerRun(100, func() {
		for h := range packed.All() {
			size += len(h.Value)
		}
	}); n > 0 {
		t.Errorf("%.1f allocations", n)
	}
}
