package request_test

import (
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// TestParseForgetsThePrevious: a request that is parsed into used memory equals one that
// is parsed into new memory, also after an error and after Reset.
func TestParseForgetsThePrevious(t *testing.T) {
	var used request.Parsed
	var relax config.Relax
	requests := []*request.Request{
		{Method: "POST", Authority: "a.example", Target: "/A/b/C/d?x=1&_method=PUT&_method=DELETE"},
		{Method: "POST", Authority: "b.example", Target: "/a?_method=GET"},
		{Method: "get", Authority: "c.example", Target: "/c"},
		{Method: "GET", Authority: "c.example", Target: "/c"},
		{Method: "GET", Authority: "d.example", Target: "/a//b?x"},
		{Method: "GET", Authority: "a,b", Target: "/B/x/?y"},
		{Method: "GET", Target: "/"},
	}
	for _, reset := range []bool{false, true} {
		for _, r := range requests {
			if reset {
				used.Reset()
			}
			var fresh request.Parsed
			got, want := used.Parse(r, &relax), fresh.Parse(r, &relax)
			if (got == nil) != (want == nil) || got != nil && got.Error() != want.Error() {
				t.Errorf("%s %s: %v, want %v", r.Method, r.Target, got, want)
			}
			if used.Request != r || used.Host != fresh.Host || used.Query != fresh.Query ||
				!slices.Equal(used.Overrides, fresh.Overrides) {
				t.Errorf("%s %s is %+v, want %+v", r.Method, r.Target, used, fresh)
			}
			if !slices.Equal(used.Path.Segments(), fresh.Path.Segments()) {
				t.Errorf("%s has the path %q, want %q", r.Target, used.Path, fresh.Path)
			}
		}
	}
	used.Reset()
	if used.Request != nil || used.Host != "" || used.Query != "" || len(used.Overrides) > 0 || len(used.Path.Segments()) > 0 {
		t.Errorf("after Reset it is %+v", used)
	}
}
