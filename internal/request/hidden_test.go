package request_test

import (
	"errors"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// TestParametersHideNothing: what follows a relaxed semicolon is cut, but checked first. A
// server that decodes before it cuts, or cuts elsewhere, must not find there what is
// refused in other places.
func TestParametersHideNothing(t *testing.T) {
	parameters := config.Relaxed{Semicolon: true}
	for _, row := range []struct {
		name    string
		relaxed config.Relaxed
		target  string
		why     string // empty: accepted
	}{
		{"a broken encoding", parameters, "/admin;%zz", broken},
		{"a broken encoding after an encoded semicolon", parameters, "/admin%3b%4", broken},
		{"a control character", parameters, "/admin;%0d%0a", encControl},
		{"invalid UTF-8", parameters, "/admin;x=%ff", notUTF8},
		{"a dot segment after encoded slashes", everything(), "/public;%2f..%2fadmin", dots},
		{"a dot segment after encoded slashes, with parameters", everything(), "/public;x%2f..;y%2fadmin", dots},
		{"a dot segment after encoded semicolon and slash", everything(), "/public%3b%2F..", dots},
		{"two dots in a value", parameters, "/admin;v=1..2", ""},
		{"two dots alone in the parameters", parameters, "/admin;..", ""},
		{"text in UTF-8", parameters, "/admin;n=%C3%A9", ""},
	} {
		_, err := request.ParsePath(row.target, row.relaxed)
		if row.why == "" {
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
			continue
		}
		if !errors.Is(err, request.ErrPathRefused) || err.Error() != "path refused: "+row.why {
			t.Errorf("%s: %v, want it refused: %s", row.name, err, row.why)
		}
	}
}

// TestParseHostFoldsASCII: only ASCII letters are folded. Unicode folds the Kelvin sign to
// k, but ParseHost refuses it.
func TestParseHostFoldsASCII(t *testing.T) {
	for host, want := range map[string]string{
		"Kiosk.EXAMPLE.:443": "kiosk.example",
		"KIOSK.example":      "kiosk.example",
	} {
		if got, err := request.ParseHost(host); err != nil || got != want {
			t.Errorf("%q is %q, %v, want %q", host, got, err, want)
		}
	}
}
