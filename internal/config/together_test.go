package config_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// TestTogether: the mistakes of several errors become one error, which takes precedence
// over other errors.
func TestTogether(t *testing.T) {
	a, b := config.Mistakes{{Text: "a"}}, config.Mistakes{{Text: "b"}, {Text: "c"}}
	other, another := errors.New("other"), errors.New("another")
	for _, row := range []struct {
		errs []error
		want error
	}{
		{[]error{nil, config.Mistakes(nil), nil}, nil},
		{[]error{nil, a}, a},
		{[]error{other, a, nil, fmt.Errorf("wrapped: %w", b)}, config.Mistakes{a[0], b[0], b[1]}},
		{[]error{nil, other, another}, other},
	} {
		if got := config.Together(row.errs...); fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", row.want) {
			t.Errorf("%v: got %v, want %v", row.errs, got, row.want)
		}
	}
}
