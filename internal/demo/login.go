package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/devidp"
)

// login returns the sign-in of the demo's issuer, for Envoy as its client.
func (s *stack) login() *devidp.Login {
	person := func(name, about, id string, groups ...string) devidp.User {
		claims := map[string]any{"sub": id, "username": name}
		if len(groups) > 0 {
			claims["cognito:groups"] = groups
		}
		return devidp.User{Name: name, About: about, Access: claims, ID: map[string]any{"token_use": "id", "cognito:username": name}}
	}
	return &devidp.Login{
		ClientID: client, ClientSecret: s.secret,
		RedirectURIs:           []string{s.origin() + "/oauth2/callback"},
		PostLogoutRedirectURIs: []string{s.origin() + "/oauth2/signed-out"},
		Users: []devidp.User{
			person(userName, "an editor", userID, "editors"),
			person("bayko", "an admin", "e5f6a7b8", "admin"),
			person("londo", "in no group", "c9d0e1f2"),
		},
	}
}

// origin is the one of Envoy in a browser. It is not 127.0.0.1, since some issuers accept
// plain HTTP for localhost only, and browsers have secure cookies there.
func (s *stack) origin() string { return "http://localhost:" + portOf(s.ports.envoy) }

// loginEdit returns the changes of the shipped Envoy file with sign-in, and writes the files
// of its secrets.
func (s *stack) loginEdit() (*envoy.Login, error) {
	issuer := s.hosted[s.config.Issuers[0].Name].URL()
	const folder = "secrets" // in Envoy's working directory
	if err := os.Mkdir(filepath.Join(s.dir, folder), 0o700); err != nil {
		return nil, fmt.Errorf("write Envoy's secrets: %w", err)
	}
	for _, file := range envoy.SecretFiles("./"+folder, s.secret, rand.Text()) {
		if err := os.WriteFile(filepath.Join(s.dir, folder, file.Name), file.Data, 0o600); err != nil {
			return nil, fmt.Errorf("write Envoy's secrets: %w", err)
		}
	}
	return &envoy.Login{
		PublicURL: s.origin(), ClientID: client, Secrets: "./" + folder,
		Authorization: issuer + "/authorize", Token: issuer + "/token", EndSession: issuer + "/end_session",
	}, nil
}

// newSite returns the pages of the sample application.
func (s *stack) newSite(o Options) (*site, error) {
	pages := &site{
		port:    portOf(s.ports.envoy),
		denials: func() []denial { return readDenials(logOf(s.dir, gateName)) },
		explain: func(ctx context.Context, decision string) (command, text string, err error) {
			text, err = explain(ctx, o.Executable, s.ports.gateAdmin, decision)
			return fmt.Sprintf("%s explain --decision %s --server %s", o.command(), decision, s.ports.gateAdmin), text, err
		},
	}
	return pages, pages.parse()
}
