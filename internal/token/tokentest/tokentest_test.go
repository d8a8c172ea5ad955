package tokentest_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

func TestVerified(t *testing.T) {
	tok := tokentest.Verified(t, config.Issuer{Name: "shop", Prefix: "p:"}, map[string]any{
		"groups": []string{"staff"}, "level": json.RawMessage("1e999"),
	})
	if tok.Issuer != "shop" || tok.Subject != "p:alice" || !slices.Equal(tok.Groups(), []string{"p:staff"}) {
		t.Errorf("got %+v with groups %q", tok, tok.Groups())
	}
	if got := tok.Claims()["level"]; got != json.Number("1e999") {
		t.Errorf("level is %v", got)
	}
	if got := tok.Expiry.Sub(tokentest.Now()).Seconds(); got != 60 {
		t.Errorf("expires after %v s", got)
	}
}
