package demo

import (
	"fmt"
	"net"
	"time"
)

// nowYours ends the tour with what to do next.
func (s *stack) nowYours(p *printer, o Options) {
	page := "http://" + s.ports.envoy
	p.line("")
	p.heading("Now yours", "")
	p.command("writes jwtgate.yaml, envoy.yaml and compose.yaml for your pool and application",
		o.command()+" init --cognito POOL --client-id ID --app HOST:PORT")
	p.command("your application behind them, offline, with tokens of any claims",
		o.command()+" demo --config jwtgate.yaml --app HOST:PORT")
	p.command("while a demo is up: signed out, signed in, and 403 for one who is no admin",
		"curl -i "+page+requiredPage)
	p.line("  %s", s.curl(o, "cruddur", `{"sub": "you"}`, page+requiredPage))
	p.line("  %s", s.curl(o, "cruddur", `{"cognito:groups": ["editors"]}`, page+"/api/admin/users"))
}

// greet says how to use a demo of the user's own.
func (s *stack) greet(p *printer, o Options) {
	p.line("Every issuer's keys are this demo's own, in a copy of %s; nothing leaves this machine.", s.config.Source)
	again := ""
	if o.ConfigFile != "" {
		again = "Restart the demo after an edit. "
	}
	p.line("%sCORS lets in pages of %s, as the shipped envoy.yaml does.", again, frontEnd)
	p.line("jwtgate's log, with each denial, while this runs: %s", s.children[0].log)
	if o.App != "" {
		if connection, err := net.DialTimeout("tcp", o.App, time.Second); err != nil {
			p.line("Nothing answers at %s yet: start your application when you like.", o.App)
		} else {
			_ = connection.Close()
		}
	}
	for _, issuer := range s.config.Issuers {
		p.heading("Issuer "+issuer.Name, issuer.ISS[0])
		p.line("  %s", s.curl(o, issuer.Name, `{"sub": "you"}`, "http://"+s.ports.envoy+"/"))
	}
}

// curl is a command line that calls a page with a token of this demo.
func (s *stack) curl(o Options, issuer, claims, page string) string {
	mint := fmt.Sprintf("%s demo token --issuer %s --claims %s", quoted(o.command()), quoted(issuer), quoted(claims))
	if s.issuers.URL() != IssuerURL {
		mint += " --server " + s.issuers.URL()
	}
	return fmt.Sprintf(`curl -i %s -H "Authorization: Bearer $(%s)"`, page, mint)
}
