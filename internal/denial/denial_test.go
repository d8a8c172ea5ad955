package denial_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jwtgate/jwtgate/internal/denial"
)

func TestErrorIsItsKind(t *testing.T) {
	kind := errors.New("token expired")
	for _, row := range []struct {
		err  *denial.Error
		text string
	}{
		{denial.New(kind, ""), "token expired"},
		{denial.New(kind, "exp was yesterday"), "token expired: exp was yesterday"},
		{denial.New(kind, "exp was yesterday").Advise(denial.FixNewToken.With()), "token expired: exp was yesterday"},
	} {
		wrapped := fmt.Errorf("in context: %w", row.err)
		if !errors.Is(wrapped, kind) || errors.Is(wrapped, errors.New("token expired")) {
			t.Errorf("%v is not its kind", wrapped)
		}
		if got := row.err.Error(); got != row.text {
			t.Errorf("got %q, want %q", got, row.text)
		}
		if found, ok := errors.AsType[*denial.Error](wrapped); !ok || found != row.err {
			t.Errorf("%v is not found", wrapped)
		}
	}
}
