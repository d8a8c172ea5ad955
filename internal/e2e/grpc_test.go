//go:build !race

package e2e

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// TestGRPCClients: a gRPC client gets gRPC status codes and a short plain text, and the
// application gets the user in its metadata.
func TestGRPCClients(t *testing.T) {
	s := startStack(t)
	good := mint(t, s.issuers.cruddur, access(nil))
	denied := []struct {
		name       string
		headers    []string
		wantCode   codes.Code
		wantReason string
	}{
		{"no credential", nil, codes.Unauthenticated, "credential_missing"},
		{"a bad token", []string{"authorization", "Bearer null"}, codes.Unauthenticated, "token_malformed"},
		{"two credentials", []string{"authorization", "Bearer " + good, "authorization", "Bearer " + good}, codes.Internal,
			"credential_ambiguous"},
		{"an identity value that is too large",
			[]string{"authorization",
				"Bearer " + mint(t, s.issuers.cruddur, access(map[string]any{"username": strings.Repeat("a", 1025)}))},
			codes.PermissionDenied, "identity_too_large"},
		{"keys that were never loaded",
			[]string{"authorization", "Bearer " + mint(t, s.issuers.silent, map[string]any{"sub": "s", "aud": "orders-api"})},
			codes.Unavailable, "keys_unavailable"},
	}
	for _, through := range []*envoyProxy{s.shipped, s.bare} {
		for _, test := range denied {
			t.Run(test.name, func(t *testing.T) {
				got := grpcstatus.Convert(callGRPC(t, through.address, test.headers...))
				if got.Code() != test.wantCode {
					t.Errorf("code %v %q, want %v", got.Code(), got.Message(), test.wantCode)
				}
				if !strings.Contains(got.Message(), test.wantReason) || strings.ContainsAny(got.Message(), "{}\"\n") || len(got.Message()) > 200 {
					t.Errorf("message %q, want a short plain text with %s", got.Message(), test.wantReason)
				}
				if len(s.application.take()) != 0 {
					t.Error("the call reached the application")
				}
			})
		}
	}
	t.Run("a good token", func(t *testing.T) {
		// The shipped file speaks HTTP/2 to the application where gRPC asks for it.
		if err := callGRPC(t, s.shipped.address, "authorization", "Bearer "+good, "x-user-id", "forged", "x_user_id", "forged"); err != nil {
			t.Fatal(err)
		}
		got := s.application.only(t)
		if values := got.Header.Values("X-User-Id"); len(values) != 1 || values[0] != "4f0c5b8e-ann" {
			t.Errorf("the application received x-user-id %q", values)
		}
		if got.Header.Get("Authorization") != "" || got.Header.Get("X_user_id") != "" {
			t.Errorf("the application received %v", got.Header)
		}
	})
}
