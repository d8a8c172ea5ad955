package credential_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/request"
)

// sent is a request in the notation of these tests. Its host is already parsed.
type sent struct {
	Method, Host, Target string
	Headers              []request.Header
	RawHeaders           bool
}

func (m sent) parsed() *request.Parsed {
	_, query, _ := strings.Cut(m.Target, "?")
	return &request.Parsed{
		Request: &request.Request{Method: m.Method, Authority: m.Host, Target: m.Target, Headers: m.Headers, RawHeaders: m.RawHeaders},
		Host:    m.Host, Query: query,
	}
}

func extract(m sent, from []config.TokenSource) (credential.Credential, error) {
	return credential.Extract(m.parsed(), from)
}

func remove(m sent, from []config.TokenSource) credential.Removal {
	return credential.Remove(m.parsed(), from, nil)
}

func strip(m sent, names ...config.CookieName) credential.Removal {
	return credential.Remove(m.parsed(), nil, names)
}

// refusal fails the test unless err is of the kind want and of no other.
func refusal(t testing.TB, err, want error) *denial.Error {
	t.Helper()
	var failure *denial.Error
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want %v", err, want)
	}
	if !errors.Is(err, want) {
		t.Fatalf("got %q, want %q", err, want)
	}
	for _, other := range []error{credential.ErrMissing, credential.ErrAmbiguous, credential.ErrCrossSite} {
		if other != want && errors.Is(err, other) {
			t.Errorf("%q is also %v", err, other)
		}
	}
	return failure
}
