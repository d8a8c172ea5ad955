package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// The variables of environment mode. The first name of an alias pair is the one
// that messages ask for.
const (
	varPool        = "COGNITO_USER_POOLS_ID"
	varPoolAlias   = "COGNITO_USER_POOL_ID"
	varClient      = "COGNITO_WEB_CLIENT_ID"
	varClientAlias = "COGNITO_CLIENT_ID"
	varRegion      = "AWS_DEFAULT_REGION"
	varEndpoint    = "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"
	varAllowHTTP   = "JWTGATE_DANGEROUSLY_ALLOW_HTTP"
)

// environmentSource is the Source of a configuration that no file holds.
const environmentSource = "environment"

// EnvironmentVariables lists the variables that [FromEnvironment] reads. With a
// configuration file they are ignored, but for those that the file names.
func EnvironmentVariables() []string {
	return []string{varPool, varPoolAlias, varClient, varClientAlias, varRegion, varEndpoint, varAllowHTTP}
}

// ErrNoConfig is what [FromEnvironment] returns when it finds nothing to start
// with. Its text names both ways to start.
var ErrNoConfig = errors.New("there is nothing to start with: name a file by --config FILE or JWTGATE_CONFIG, or set " +
	varPool + " and " + varClient + " for a Cognito user pool")

// FromEnvironment makes the configuration of environment mode: one Cognito
// issuer named cognito, no routes, and every path requires a valid token of
// that pool and client. Getenv is os.LookupEnv in a running program; a variable
// that is set but empty counts as unset.
//
// Wrong or missing variables come back at once, as [Mistakes]; when neither a
// pool nor a client is set, the error is [ErrNoConfig].
func FromEnvironment(getenv func(string) (string, bool)) (*Config, error) {
	e := environment{getenv: orEmpty(getenv), used: map[string]string{}}
	poolName, pool := e.lookupEither(varPool, varPoolAlias)
	clientName, client := e.lookupEither(varClient, varClientAlias)
	if len(e.used) == 0 {
		return nil, ErrNoConfig
	}
	e.checkPool(poolName, pool)
	e.checkClient(clientName, client)
	keys, plain := e.endpoint(pool)
	if len(e.mistakes) > 0 {
		return nil, e.mistakes
	}

	var f issuerInput
	issuerObject().Defaults(&f)
	f.Name, f.Path = "cognito", "issuers.cognito"
	f.pool, f.Clients, f.AllowHTTP, f.JWKS.URI = pool, []string{client}, plain, keys
	f.cognitoPreset()

	c := &Config{Source: environmentSource, Hash: e.hash(), Issuers: []Issuer{f.Issuer}}
	rootObject().Defaults(c)
	if plain && !loopback(keys) {
		c.Warnings = Mistakes{environmentMistake("%s is on: whoever is between the gate and %s can put in keys of their own", varAllowHTTP, varEndpoint)}
	}
	return c, nil
}

// environment reads variables and collects what is wrong with them.
type environment struct {
	getenv   func(string) (string, bool)
	used     map[string]string // variable -> value, of those that are set
	mistakes Mistakes
}

func environmentMistake(format string, args ...any) Mistake {
	return Mistake{Pos: Pos{File: environmentSource}, Text: fmt.Sprintf(format, args...)}
}

func (e *environment) report(format string, args ...any) {
	e.mistakes = append(e.mistakes, environmentMistake(format, args...))
}

// variable is a variable's value, or empty when it is unset.
func (e *environment) variable(name string) string {
	value, _ := e.getenv(name)
	if value != "" {
		e.used[name] = value
	}
	return value
}

// either is the value of a variable that has two names, and the name that it
// was found under.
func (e *environment) lookupEither(name, alias string) (used, value string) {
	value, other := e.variable(name), e.variable(alias)
	switch {
	case value == "" && other != "":
		return alias, other
	case other != "" && value != other:
		e.report("%s is %s and %s is %s; they mean the same, so set one of them", name, yamlform.Quote(value), alias, yamlform.Quote(other))
	}
	return name, value
}

// checkPool holds the pool id to its form and to the region, if one is set.
func (e *environment) checkPool(name, pool string) {
	if pool == "" {
		e.report("%s (or %s) is missing; set it to the user pool's id, such as us-west-1_6BpkgoczU", varPool, varPoolAlias)
		return
	}
	region, ok := poolRegion(pool)
	if !ok {
		e.report("%s is %s, which is no user pool id; set it to one such as us-west-1_6BpkgoczU", name, yamlform.Quote(pool))
		return
	}
	if set := e.variable(varRegion); set != "" && set != region {
		e.report("%s is %s, but the user pool %s is in %s; set it to %s, or unset it", varRegion, yamlform.Quote(set), pool, region, region)
	}
}

func (e *environment) checkClient(name, client string) {
	if client == "" {
		e.report("%s (or %s) is missing; set it to the id of your app client", varClient, varClientAlias)
		return
	}
	if problem := yamlform.BadIdentifier(client); problem != "" {
		e.report("%s %s; set it to the id of your app client", name, problem)
	} else if strings.ContainsAny(client, ", ") {
		e.report("%s is %s; set it to the id of one app client (a config file can name several)", name, yamlform.Quote(client))
	}
}

// endpoint is where the keys come from when an emulator stands in for AWS, and
// whether that is plain http. Empty means AWS itself.
func (e *environment) endpoint(pool string) (keys string, plain bool) {
	allow := e.variable(varAllowHTTP)
	if allow != "" && allow != "true" && allow != "false" {
		e.report("%s is %s; set it to true or false", varAllowHTTP, yamlform.Quote(allow))
	}
	url := e.variable(varEndpoint)
	if url == "" {
		return "", false
	}
	if problem := badURL(url, false); problem != "" {
		e.report("%s %s; set it to a URL such as http://127.0.0.1:5055", varEndpoint, problem)
		return "", false
	}
	plain = plainHTTP(url)
	if plain && allow != "true" && !loopback(url) {
		e.report("%s is %s, which is not encrypted; set it to an https URL, or set %s=true", varEndpoint, yamlform.Quote(url), varAllowHTTP)
	}
	return keySetURL(strings.TrimRight(url, "/") + "/" + pool), plain
}

// hash is that of the variables in use, in the order of their names.
func (e *environment) hash() string {
	lines := make([]string, 0, len(e.used))
	for name, value := range e.used {
		lines = append(lines, name+"="+value)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}
