package request_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/request"
)

func TestCheckMethod(t *testing.T) {
	for _, method := range []string{"GET", "PURGE", "M-SEARCH", "VERSION-CONTROL", "FOO", "X_Y", "0"} {
		if err := request.CheckMethod(method); err != nil {
			t.Errorf("%q: %v", method, err)
		}
	}
	for _, method := range []string{
		"delete", "Delete", "DELETe", "dELETE", "", "GET ", "DEL\u00a0ETE", "DELETE\x00", "PO\u017fT", "GET,HEAD", "G/T",
	} {
		if err := request.CheckMethod(method); !errors.Is(err, request.ErrMethodRefused) {
			t.Errorf("%q: %v", method, err)
		}
	}
}

func TestAppendOverrides(t *testing.T) {
	for query, want := range map[string]string{
		"":                                    "",
		"a=b":                                 "",
		"_method=DELETE":                      "DELETE",
		"_method=delete":                      "DELETE",
		"a=1&_method=PUT&b=2":                 "PUT",
		"%5fmethod=PUT":                       "PUT",
		"%5F%6d%65%74%68%6f%64=PUT":           "PUT",
		"_Method=PUT":                         "PUT",
		".method=PUT":                         "PUT",
		"+_method=PUT":                        "PUT",
		"[method=PUT":                         "PUT",
		"a;_method=PUT":                       "PUT",
		"_method%00x=DELETE":                  "DELETE", // PHP ends a name at a NUL
		"_method%00%=DELETE":                  "DELETE",
		"_method=PUT&_method%00=DELETE":       "PUT DELETE",
		"++++++++++++++++++++_method=DELETE":  "DELETE",
		"%20%20%5Fmethod=DELETE":              "DELETE",
		"_metho%64=DELETE%":                   "DELETE%",
		"_method%=DELETE":                     "",
		"%00_method=DELETE":                   "",
		"_method=%44ELETE":                    "DELETE",
		"_method=+put+":                       "PUT",
		"_method=PUT&_method=put&_method=GET": "PUT GET",
		"_method":                             "",
		"_method=":                            "",
		"%255fmethod=PUT":                     "", // decoded once
		"method=PUT":                          "",
		"_methods=PUT":                        "",
		"x_method=PUT":                        "",
		"a=_method=PUT":                       "",
		"_method=A&_method=B&_method=C&_method=D": "A B C D",
	} {
		got, err := request.AppendOverrides([]string{"before"}, "POST", query)
		if err != nil || strings.TrimSpace(strings.Join(got[1:], " ")) != want {
			t.Errorf("%s: %q, %v, want %q", query, got[1:], err, want)
		}
		for _, method := range []string{"GET", "PUT", "post"} {
			if got, err := request.AppendOverrides(nil, method, query); err != nil || got != nil {
				t.Errorf("%s %s: %q, %v", method, query, got, err)
			}
		}
	}
	_, err := request.AppendOverrides(nil, "POST", "_method=A&_method=B&_method=C&_method=D&_method=E")
	if !errors.Is(err, request.ErrMethodRefused) {
		t.Errorf("five methods: %v", err)
	}
}
