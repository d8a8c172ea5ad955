package demo

import (
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// nextSteps prints what the user can do after the tour.
func (s *stack) nextSteps(p *printer, o Options) {
	page := "http://" + s.ports.envoy
	p.line("")
	p.heading("Next steps", "")
	p.command("while the demo is running, in a browser: sign in, see what the application receives, and why a page was denied", s.origin())
	p.command("write jwtgate.yaml, envoy.yaml and compose.yaml for your pool and application",
		o.command()+" init --cognito POOL --client-id ID --app HOST:PORT")
	p.command("run your own application behind them, offline, with tokens that have any claims",
		o.command()+" demo --config jwtgate.yaml --app HOST:PORT")
	p.command("while a demo is running: signed out, signed in, and 403 for a user who is not an admin",
		"curl -i "+page+requiredPage)
	p.line("  %s", s.curl(o, "cruddur", `{"sub": "you"}`, page+requiredPage))
	p.line("  %s", s.curl(o, "cruddur", `{"cognito:groups": ["editors"]}`, page+"/api/admin/users"))
}

// greet prints how to use a demo with the user's own configuration or application.
func (s *stack) greet(p *printer, o Options) {
	p.line("A copy of %s uses this demo's keys for every issuer; nothing is sent to other machines.", s.config.Source)
	again := ""
	if o.ConfigFile != "" {
		again = "Restart the demo after an edit. "
	}
	p.line("%sCORS allows pages of %s. The shipped envoy.yaml allows no page of another origin.", again, frontEnd)
	p.line("jwtgate's log, with each denial, while the demo runs: %s", s.children[0].log)
	if o.App != "" {
		if connection, err := net.DialTimeout("tcp", o.App, time.Second); err != nil {
			p.line("No application listens at %s yet; until one does, Envoy answers 503 (upstream connect error). "+
				"You can start it at any time.", o.App)
		} else {
			_ = connection.Close()
		}
	}
	for _, issuer := range s.config.Issuers {
		p.heading("Issuer "+issuer.Name, issuer.ISS[0])
		p.line("  %s", s.curl(o, issuer.Name, `{"sub": "you"}`, "http://"+s.ports.envoy+"/"))
	}
}

// curl returns a command line that calls a page with a token of this demo.
func (s *stack) curl(o Options, issuer, claims, page string) string {
	mint := fmt.Sprintf("%s demo token --issuer %s --claims %s", quoted(o.command()), quoted(issuer), quoted(claims))
	if s.issuers.URL() != IssuerURL {
		mint += " --server " + s.issuers.URL()
	}
	return "curl -i " + s.sending(page, "$("+mint+")")
}

// sending returns the arguments of curl that send a token to a page as the first source of
// credentials is read, without one as a bearer token.
func (s *stack) sending(page, token string) string {
	from := s.config.Tokens.From
	if len(from) == 0 || slices.ContainsFunc(from, func(one config.TokenSource) bool { return one.Kind == config.SourceBearer }) {
		return fmt.Sprintf(`%s -H "Authorization: Bearer %s"`, page, token)
	}
	switch first := from[0]; first.Kind {
	case config.SourceCookie:
		return fmt.Sprintf(`%s -H "Cookie: %s=%s"`, page, first.Name, token)
	case config.SourceWebSocketProtocol:
		return fmt.Sprintf(`%s -H "Sec-WebSocket-Protocol: %s, %s"`, page, first.Name, token)
	default:
		return fmt.Sprintf(`%s -H "%s: %s"`, page, first.Name, token)
	}
}
