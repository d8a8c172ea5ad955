package programs_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

func TestFaults(t *testing.T) {
	const unsigned = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ"
	for output, want := range map[string][]string{
		"":                                    nil,
		"ready\n":                             nil,
		"eyJ is no token. Nor is eyJ.eyJ":     nil,
		"got " + unsigned + ".c2lnbmF0dXJl\n": {"printed a token: " + unsigned + "..."},
		"WARNING: DATA RACE\n":                {"has a data race"},
		"WARNING: DATA RACE\n" + unsigned:     {"printed a token: " + unsigned + "...", "has a data race"},
	} {
		if got := programs.Faults(output); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", output, got, want)
		}
	}
}

// TestEnvironment: variables of the person who runs the tests do not reach a program.
func TestEnvironment(t *testing.T) {
	t.Setenv("JWTGATE_LISTEN", "0.0.0.0:1")
	t.Setenv("COGNITO_USER_POOLS_ID", "us-west-1_Other")
	for _, variable := range programs.Environment() {
		if name, _, _ := strings.Cut(variable, "="); name != "PATH" && name != "HOME" {
			t.Errorf("a program gets %s", variable)
		}
	}
}

func TestAsk(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ready" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte("LIVE\n"))
	}))
	t.Cleanup(server.Close)
	for _, row := range []struct {
		path, want string
		good       bool
	}{{"/ready", "LIVE", true}, {"/ready", "", true}, {"/ready", "DRAINING", false}, {"/other", "LIVE", false}} {
		if err := programs.Ask(t, http.MethodGet, server.URL+row.path, row.want); (err == nil) != row.good {
			t.Errorf("%+v: %v", row, err)
		}
	}
}

func TestRequests(t *testing.T) {
	var all programs.Requests
	request := httptest.NewRequest(http.MethodPost, "http://app.example/messages?q=1", nil)
	request.Header.Set("X-User-Id", "ann")
	all.Add(request, "hello")
	request.Header.Set("X-User-Id", "changed later")
	got := all.Only(t)
	if got.Method != "POST" || got.URI != request.RequestURI || got.Host != "app.example" || got.Body != "hello" ||
		got.Header.Get("X-User-Id") != "ann" {
		t.Errorf("got %+v", got)
	}
	if left := all.Take(); len(left) != 0 {
		t.Errorf("taken twice: %+v", left)
	}
}
