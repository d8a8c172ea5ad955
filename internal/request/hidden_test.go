package request_test

import (
	"errors"

	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// What follows a relaxed semicolon is cut, but not before it was read: a server
// that decodes first, or cuts elsewhere, must not find there what is refused
// everywhere else.
func TestParametersHideNothing(t *testing.T) {
	parameters := config.Relaxed{Semicolon: true}
	for _, row := range []struct {
		name    string
		relaxed config.Relaxed
		target  string
		why     string // empty: taken
	}{
		{"a broken encoding", parameters, "/admin;%zz", broken},
		{"a broken encoding behind an encoded semicolon", parameters, "/admin%3b%4", broken},
		{"a control character", parameters, "/admin;%0d%0a", encControl},
		{"invalid UTF-8", parameters, "/admin;x=%ff", notUTF8},
		{"a dot segment behind encoded slashes", everything(), "/public;%2f..%2fadmin", dots},
		{"a dot segment behind encoded slashes, with parameters", everything(), "/public;x%2f..;y%2fadmin", dots},
		{"a dot segment behind encoded semicolon and slash", everything(), "/public%3b%2F..", dots},
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

// Hosts are folded by ASCII alone: the Kelvin sign is no k, whatever Unicode
// folds it to.
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
