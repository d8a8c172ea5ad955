package e2e

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// authority signs certificates for a test.
type authority struct{ *testutil.Authority }

func newAuthority(t *testing.T) *authority {
	t.Helper()
	return &authority{testutil.NewAuthority(t)}
}
