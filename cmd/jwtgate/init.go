package main

import (
	"cmp"
	"context"
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
	Cognito  string   `help:"The ID of the Cognito user pool." placeholder:"POOL" xor:"issuer"`
	ClientID []string `name:"client-id" help:"A client whose tokens count; may be repeated; with --login, Envoy." placeholder:"ID" sep:"none"`
	Issuer   string   `help:"Any OIDC issuer, exactly as in the iss of its tokens." placeholder:"URL" xor:"issuer"`
	Audience string   `help:"A value that the aud of tokens must contain." placeholder:"A"`
	Config   string   `help:"An existing configuration: write envoy.yaml and compose.yaml for it, and no jwtgate.yaml." placeholder:"FILE"`
	App      string   `help:"The address of your application, as Envoy connects to it." placeholder:"HOST:PORT"`
	Origin   []string `help:"A web origin that may call; may be repeated. Default: cors.origins." placeholder:"URL" sep:"none"`
	Port     int      `help:"The port on which Envoy listens; by default ${default}." placeholder:"PORT" default:"8080"`
	Out      string   `help:"The output directory; by default the working directory." placeholder:"DIR" default:"."`

	NoCompose bool `help:"Write no compose.yaml."`

	providerOptions `embed:""`
	fragmentOptions `embed:""`
	loginOptions    `embed:""`
}

// Help is the command's longer help.
func (initCommand) Help() string {
	return `Writes jwtgate.yaml, envoy.yaml and compose.yaml for your project: the files that the demo and the tests run, with your values. ` +
		`With --config FILE it writes only envoy.yaml and compose.yaml, for the headers and relaxations of FILE. ` +
		`It never overwrites a file: it prints what a file that exists lacks, and uses an existing jwtgate.yaml as --config does. ` +
		`With --login Envoy signs users in at the issuer (docs/login.md), and init also writes the folder secrets. ` +
		`With --fragment it writes no file, and prints what an Envoy configuration of your own lacks.

Examples:
  jwtgate init --cognito us-west-1_6BpkgoczU --client-id 3v5exampleclient --app 127.0.0.1:3000 --origin http://localhost:5173
  jwtgate init --provider okta --domain acme.okta.com --audience https://orders.example --app 127.0.0.1:3000
  jwtgate init --issuer https://login.example/ --audience orders-api --app app:3000
  jwtgate init --config jwtgate.yaml --app 127.0.0.1:3000
  jwtgate init --login --issuer https://login.example/ --client-id web --app 127.0.0.1:3000 --public-url http://localhost:8080
  jwtgate init --fragment --config jwtgate.yaml`
}

// Run writes the files that do not exist, and says what those that exist lack.
func (cmd initCommand) Run(ctx context.Context, c console) error {
	if err := cmd.checkFragment(); err != nil {
		return err
	}
	if cmd.Fragment {
		return cmd.printFragment(c)
	}
	if err := errors.Join(cmd.checkLogin(), cmd.checkExistingLogin()); err != nil {
		return err
	}
	var compared comparison
	options := envoy.InitOptions{
		Cognito: cmd.Cognito, ClientIDs: cmd.ClientID, Issuer: cmd.Issuer, Audience: cmd.Audience,
		App: cmd.App, Port: cmd.Port, Origins: cmd.Origin, Dir: cmd.Out, NoCompose: cmd.NoCompose,
		Needs: func(config []byte) (envoy.Needs, error) {
			var err error
			compared.needs, err = needsOfText(config)
			return compared.needs, err
		},
	}
	if err := cmd.addIssuer(ctx, &options); err != nil {
		return err
	}
	compared.wanted = options
	files, err := c.existingFiles(cmd.Out)
	if err != nil {
		return err
	}
	files.useCompose(&options)
	if err := cmd.useExistingFile(&options, files); err != nil {
		return err
	}
	if cmd.Config != "" {
		if cmd.Login {
			options.Cognito, options.ClientIDs, options.Issuer, options.Audience = "", nil, "", ""
		}
		if compared.config, err = cmd.useExisting(&options, c); err != nil {
			return reportMistakes(c.out, err)
		}
		compared.needs = options.Existing.Needs
	}
	result, err := envoy.Init(options)
	if err != nil {
		return err
	}
	if compared.compose, err = files.write(c, cmd.Out, result.Files); err != nil {
		return err
	}
	files.report(c, compared)
	files.reportSecrets(c, cmd.ClientSecretFile, compared)
	files.reportLogin(c, cmd.Config, compared)
	next := result.Next
	if tourUsage != "" && !cmd.Login { // the program has the demo, which has no sign-in for other configurations
		next = append(next, "jwtgate demo --config "+cmp.Or(cmd.Config, filepath.Join(cmd.Out, "jwtgate.yaml"))+
			"    to try it offline, with a sample application and tokens with any claims")
	}
	fmt.Fprintf(c.out, "\nnext   %s\n", strings.Join(next, "\n       "))
	c.noteApp(cmd.App)
	return nil
}

// needsOfText returns what a configuration that was just rendered needs of Envoy.
func needsOfText(data []byte) (envoy.Needs, error) {
	var policy *gate.Policy
	cfg, err := config.Parse("jwtgate.yaml", data, nil)
	if err == nil {
		policy, err = gate.Compile(cfg, gate.CompileOptions{})
	}
	if err != nil {
		return envoy.Needs{}, fmt.Errorf("nothing was written, because the configuration would be invalid:\n%w", withFlags(err))
	}
	defer policy.Close()
	return envoyneeds.Of(policy), nil
}

// useExisting sets the options for an existing configuration, and returns it.
func (cmd initCommand) useExisting(options *envoy.InitOptions, c console) (*config.Config, error) {
	policy, err := loadPolicy(cmd.Config, c.getenv)
	if err != nil {
		return nil, err
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
	return cfg, nil
}

// ownCORS reports whether a configuration has CORS settings that differ from those of
// the CORS filter in the shipped envoy.yaml. That filter answers the preflights of the
// origins that it lists, with fixed methods and headers and without credentials.
func ownCORS(cors config.CORS) bool {
	answers := cors.Preflight == config.PreflightAnswer
	return len(cors.Origins) > 0 && (!answers || cors.Credentials || len(cors.Methods) > 0 || len(cors.Headers) > 0)
}

// writeNew writes a file that must not exist.
func writeNew(name string, data []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}
