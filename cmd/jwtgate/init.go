package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/envoyneeds"
	"github.com/jwtgate/jwtgate/internal/gate"
)

type initCommand struct {
	Cognito  string   `help:"The Cognito user pool's id." placeholder:"POOL" xor:"issuer"`
	ClientID string   `name:"client-id" help:"The pool's app client id." placeholder:"ID"`
	Issuer   string   `help:"Any OIDC issuer, exactly as its tokens' iss has it." placeholder:"URL" xor:"issuer"`
	Audience string   `help:"What the tokens' aud must hold." placeholder:"A"`
	Config   string   `help:"An existing configuration that envoy.yaml and compose.yaml are to fit; no jwtgate.yaml is written." placeholder:"FILE"`
	App      string   `required:"" help:"Your application, as Envoy reaches it." placeholder:"HOST:PORT"`
	Origin   []string `help:"A front end whose scripts may call; may be repeated. With --config: by default those of cors.origins." placeholder:"URL" sep:"none"`
	Out      string   `help:"The directory to write to." placeholder:"DIR" default:"."`
}

// Help is the command's longer help.
func (initCommand) Help() string {
	return `Writes the files that the demo and the tests run, with your own names in them: jwtgate.yaml, and envoy.yaml and compose.yaml that fit it. With --config FILE it writes the last two so that they fit FILE, with the headers that it names and what it relaxes. It never overwrites a file.

Examples:
  jwtgate init --cognito us-west-1_6BpkgoczU --client-id 3v5exampleclient --app 127.0.0.1:3000
  jwtgate init --issuer https://login.example/ --audience orders-api --app app:3000
  jwtgate init --config jwtgate.yaml --app 127.0.0.1:3000`
}

// Run writes the files, all or none.
func (cmd initCommand) Run(c console) error {
	options := envoy.InitOptions{
		Cognito: cmd.Cognito, ClientID: cmd.ClientID, Issuer: cmd.Issuer, Audience: cmd.Audience,
		App: cmd.App, Origins: cmd.Origin, Dir: cmd.Out, Needs: needsOfNew,
	}
	if cmd.Config != "" {
		if err := cmd.fit(&options, c); err != nil {
			return reportMistakes(c.out, err)
		}
	}
	result, err := envoy.Init(options)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cmd.Out, 0o755); err != nil {
		return err
	}
	for _, file := range result.Files {
		name := filepath.Join(cmd.Out, file.Name)
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return exitError{exitNo, fmt.Errorf("%s exists and nothing was written; move it away, or name another directory with --out", name)}
		}
	}
	for _, file := range result.Files {
		name := filepath.Join(cmd.Out, file.Name)
		if err := writeNew(name, file.Data); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "wrote  %s\n", name)
	}
	offline := "jwtgate demo --config " + cmp.Or(cmd.Config, filepath.Join(cmd.Out, "jwtgate.yaml")) + "    to try it offline, with a sample application and tokens of any claims"
	fmt.Fprintf(c.out, "\nnext   %s\n", strings.Join(append(result.Next, offline), "\n       "))
	return nil
}

// needsOfNew says what a configuration that was just rendered needs of Envoy.
func needsOfNew(data []byte) (envoy.Needs, error) {
	var policy *gate.Policy
	cfg, err := config.Parse("jwtgate.yaml", data, nil)
	if err == nil {
		policy, err = gate.Compile(cfg, gate.CompileOptions{})
	}
	if err != nil {
		return envoy.Needs{}, fmt.Errorf("nothing was written, since the configuration would be wrong:\n%w", err)
	}
	defer policy.Close()
	return envoyneeds.Of(policy), nil
}

// fit takes what the files have to fit from an existing configuration.
func (cmd initCommand) fit(options *envoy.InitOptions, c console) error {
	policy, err := loadPolicy(cmd.Config, c.getenv)
	if err != nil {
		return err
	}
	defer policy.Close()
	cfg := policy.Config()
	own := ownCORS(cfg.CORS)
	if len(options.Origins) == 0 && !own {
		options.Origins = cfg.CORS.Origins
	}
	options.Existing = &envoy.Existing{
		File: cmd.Config, Needs: envoyneeds.Of(policy), Listen: cfg.Server.Listen, OwnCORS: own && len(options.Origins) == 0,
	}
	return nil
}

// ownCORS reports whether a configuration says of preflights what the CORS filter
// of the shipped envoy.yaml, which answers those of the origins that it lists, would
// take back: it has methods and headers of its own, and no credentials.
func ownCORS(cors config.CORS) bool {
	answers := cors.Preflight == config.PreflightAnswer
	return len(cors.Origins) > 0 && (!answers || cors.Credentials || len(cors.Methods) > 0 || len(cors.Headers) > 0)
}

// writeNew writes a file that must not be there yet.
func writeNew(name string, data []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}
