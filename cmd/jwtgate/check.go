package main

import (
	"fmt"

	"github.com/jwtgate/jwtgate/internal/gate"
)

type checkCommand struct {
	Config string `required:"" help:"The configuration to validate." placeholder:"FILE"`
}

// Help is the command's longer help.
func (checkCommand) Help() string {
	return `Prints every mistake as FILE:LINE:COL, with what to write instead; then warnings. Nothing is started and nothing is fetched.

Example: jwtgate check --config jwtgate.yaml`
}

// Run validates and says so.
func (cmd checkCommand) Run(c console) error {
	cfg, err := loadConfig(cmd.Config, c.getenv)
	if err != nil {
		return tellMistakes(c.out, err)
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintf(c.out, "%s: warning: %s\n", warning.Pos, warning.Text)
	}
	for _, warning := range gate.Warnings(cfg) {
		fmt.Fprintf(c.out, "%s: warning: %s\n", warning.Pos, warning.Text)
	}
	for _, note := range envoyNotes(cfg) {
		fmt.Fprintf(c.out, "%s: warning: %s\n", cmd.Config, note)
	}
	fmt.Fprintf(c.out, "%s: fine (%s, %s, default %s)\n", cmd.Config, count(len(cfg.Issuers), "issuer"), count(len(cfg.Routes), "route"), cfg.Default)
	return nil
}

// count writes how many there are.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
