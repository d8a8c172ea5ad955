package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
)

// providerOptions are the flags with which init writes a known provider. The parameters
// have the names of their keys in the configuration, which checks them.
type providerOptions struct {
	Provider string   `help:"A known provider, such as okta, entra or keycloak; docs/providers.md lists them." placeholder:"NAME" xor:"issuer"`
	Pool     string   `help:"Provider cognito: the ID of the user pool." placeholder:"POOL"`
	Tenant   string   `help:"Provider entra: the ID of the tenant." placeholder:"ID"`
	Domain   string   `help:"The host name or trust domain of a provider; with --login --cognito, the domain of the login." placeholder:"HOST"`
	Project  string   `help:"Providers firebase, supabase: the ID of the project." placeholder:"ID"`
	Team     string   `help:"Provider cloudflare-access: the name of the team." placeholder:"NAME"`
	Realm    string   `help:"Provider keycloak: the name of the realm." placeholder:"NAME"`
	Cluster  string   `help:"Provider kubernetes: the iss of the cluster's tokens." placeholder:"URL"`
	Require  []string `help:"A claim that tokens must have; github-actions, gitlab and google need one." placeholder:"CLAIM=VALUE" sep:"none"`
	JwksURI  string   `name:"jwks-uri" help:"Provider spiffe: the URL of the keys." placeholder:"URL"`
}

// options returns the provider as init writes it; nil: no flag names one. With login,
// --domain may be that of Cognito's login.
func (p providerOptions) options(login bool) (*envoy.Provider, error) {
	switch {
	case login && p.Provider != "":
		return nil, errors.New("--login and --provider: got both; expected --login with --issuer or --cognito")
	case login:
		p.Domain = ""
	}
	settings := []envoy.Setting{
		{Key: "pool", Value: p.Pool}, {Key: "tenant", Value: p.Tenant}, {Key: "domain", Value: p.Domain}, {Key: "project", Value: p.Project},
		{Key: "team", Value: p.Team}, {Key: "realm", Value: p.Realm}, {Key: "cluster", Value: p.Cluster},
	}
	out := &envoy.Provider{Name: p.Provider, KeysURL: p.JwksURI, Header: config.ProviderHeader(p.Provider)}
	for _, one := range settings {
		if one.Value != "" {
			out.Parameters = append(out.Parameters, one)
		}
	}
	for _, text := range p.Require {
		claim, value, ok := strings.Cut(text, "=")
		if !ok || claim == "" || value == "" {
			return nil, fmt.Errorf("--require: got %q; expected CLAIM=VALUE, such as repository_owner=my-org", text)
		}
		out.Require = append(out.Require, envoy.Setting{Key: claim, Value: value})
	}
	switch given := len(out.Parameters)+len(out.Require) > 0 || out.KeysURL != ""; {
	case p.Provider != "":
		return out, nil
	case given:
		return nil, errors.New("--pool, --tenant, --domain, --project, --team, --realm, --cluster, --require and --jwks-uri " +
			"complete --provider NAME, which is missing")
	}
	return nil, nil
}

// addIssuer adds the options about a provider and about sign-in.
func (cmd initCommand) addIssuer(ctx context.Context, options *envoy.InitOptions) error {
	var err error
	if options.Provider, err = cmd.options(cmd.Login); err != nil {
		return err
	}
	return cmd.addLogin(ctx, options)
}
