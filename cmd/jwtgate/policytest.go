package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jwtgate/jwtgate/internal/policytest"
)

type testCommand struct {
	Config string   `required:"" help:"The configuration to test." placeholder:"FILE" env:"JWTGATE_CONFIG"`
	JUnit  string   `name:"junit" help:"Also write the results to this file, as JUnit XML." placeholder:"FILE"`
	Cases  []string `arg:"" help:"Files with test cases." placeholder:"CASES.yaml"`
}

// Help is the command's longer help.
func (testCommand) Help() string {
	return `Decides requests with generated tokens, by the same code as the server, and compares verdict, reason and headers ` +
		`with the cases. It fetches nothing: each run generates its keys.

  tokens:
    alice: {issuer: cruddur, claims: {sub: alice, "cognito:groups": [admin]}}
  cases:
    - request: GET /api/admin/users
      token: alice
      expect: {verdict: allow, headers: {x-user-id: alice}}

Example: jwtgate test --config jwtgate.yaml cases.yaml`
}

// Run runs the cases.
func (cmd testCommand) Run(ctx context.Context, c console) error {
	policy, err := loadPolicy(cmd.Config, c.getenv)
	if err != nil {
		return reportMistakes(c.out, err)
	}
	policy.Close() // the cases have their own keys
	cfg := policy.Config()
	cases, err := policytest.Load(cmd.Cases, cfg)
	if err != nil {
		return reportMistakes(c.out, err)
	}
	report, err := policytest.Run(ctx, cfg, cases)
	if err != nil {
		return err
	}
	if err := report.WriteText(c.out); err != nil {
		return err
	}
	if cmd.JUnit != "" {
		if err := writeJUnit(cmd.JUnit, report); err != nil {
			return err
		}
	}
	if report.Failed() > 0 {
		return reported(exitError{exitNo, errors.New("a case failed")})
	}
	return nil
}

func writeJUnit(name string, report *policytest.Report) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return report.WriteJUnit(file)
}
