package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
)

type initCommand struct {
	Cognito  string   `help:"The Cognito user pool's id." placeholder:"POOL" xor:"issuer"`
	ClientID string   `name:"client-id" help:"The pool's app client id." placeholder:"ID"`
	Issuer   string   `help:"Any OIDC issuer, exactly as its tokens' iss has it." placeholder:"URL" xor:"issuer"`
	Audience string   `help:"What the tokens' aud must hold." placeholder:"A"`
	App      string   `required:"" help:"Your application, as Envoy reaches it." placeholder:"HOST:PORT"`
	Origin   []string `help:"A front end whose scripts may call; may be repeated." placeholder:"URL" sep:"none"`
	Out      string   `help:"The directory to write to." placeholder:"DIR" default:"."`
}

// Help is the command's longer help.
func (initCommand) Help() string {
	return `Writes the files that the demo and the tests run, with your own names in them. It never overwrites a file.

Examples:
  jwtgate init --cognito us-west-1_6BpkgoczU --client-id 3v5exampleclient --app 127.0.0.1:3000
  jwtgate init --issuer https://login.example/ --audience orders-api --app app:3000`
}

// Run writes the files, all or none.
func (cmd initCommand) Run(c console) error {
	result, err := envoy.Init(envoy.InitOptions{
		Cognito: cmd.Cognito, ClientID: cmd.ClientID, Issuer: cmd.Issuer, Audience: cmd.Audience,
		App: cmd.App, Origins: cmd.Origin, Dir: cmd.Out,
	})
	if err != nil {
		return err
	}
	if _, err := config.Parse("jwtgate.yaml", result.Files[0].Data, nil); err != nil {
		return fmt.Errorf("nothing was written, since the configuration would be wrong:\n%w", err)
	}
	if err := os.MkdirAll(cmd.Out, 0o755); err != nil {
		return err
	}
	for _, file := range result.Files {
		name := filepath.Join(cmd.Out, file.Name)
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return answerNo{fmt.Errorf("%s is there already and nothing was written; move it away, or name another directory with --out", name)}
		}
	}
	for _, file := range result.Files {
		name := filepath.Join(cmd.Out, file.Name)
		if err := writeNew(name, file.Data); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "wrote  %s\n", name)
	}
	offline := "jwtgate demo --config " + filepath.Join(cmd.Out, "jwtgate.yaml") + "    to try it offline, with a sample application and tokens of any claims"
	fmt.Fprintf(c.out, "\nnext   %s\n", strings.Join(append(result.Next, offline), "\n       "))
	return nil
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
