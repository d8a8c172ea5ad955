package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// The variables of environment mode. Messages use the first name of an alias pair.
const (
	varPool        = "COGNITO_USER_POOLS_ID"
	varPoolAlias   = "COGNITO_USER_POOL_ID"
	varClient      = "COGNITO_WEB_CLIENT_ID"
	varClientAlias = "COGNITO_CLIENT_ID"
	varRegion      = "AWS_DEFAULT_REGION"
	varEndpoint    = "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"
	varAllowHTTP   = "JWTGATE_DANGEROUSLY_ALLOW_HTTP"
)

// environmentSource is the Source of a configuration without a file.
const environmentSource = "environment"

// EnvironmentVariables lists the variables that [FromEnvironment] reads. With a
// configuration file they are ignored, unless the file names them.
func EnvironmentVariables() []string {
	return []string{varPool, varPoolAlias, varClient, varClientAlias, varRegion, varEndpoint, varAllowHTTP}
}

// ErrNoConfig is returned by [FromEnvironment] if neither a pool nor a client is
// set. Its text names both ways to configure the gate.
var ErrNoConfig = errors.New("no configuration; name a file with --config FILE or JWTGATE_CONFIG, or set " +
	varPool + " and " + varClient + " for a Cognito user pool")

// FromEnvironment returns the configuration of environment mode: one Cognito issuer
// named cognito, and no routes, so that every path requires a valid token of that
// pool and client. Getenv is os.LookupEnv in a running program. An empty variable
// counts as unset.
//
// All mistakes are returned at once, as [Mistakes]. If neither a pool nor a client is
// set, the error is [ErrNoConfig].
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
	if mistakes := issuerObject(&f).ReadValues("issuers.cognito", "cognito", issuerValues(pool, client, keys, plain)); len(mistakes) > 0 {
		return nil, mistakes
	}
	c := &Config{Source: environmentSource, Hash: e.hash(), Issuers: []Issuer{f.Issuer}}
	rootObject(c).Defaults()
	if plain && !loopback(keys) {
		c.Warnings = Mistakes{environmentMistake("%s is true: an attacker between the gate and %s can replace the keys", varAllowHTTP,
			varEndpoint)}
	}
	return c, nil
}

// issuerValues returns the only issuer as a file would have it.
func issuerValues(pool, client, keys string, plain bool) []yamlform.Value {
	values := []yamlform.Value{
		{Key: cognitoName, YAML: strconv.Quote(pool)},
		{Key: "clients", YAML: "[" + strconv.Quote(client) + "]"},
		{Key: "dangerously_allow_http", YAML: strconv.FormatBool(plain)},
	}
	if keys != "" {
		values = append(values, yamlform.Value{Key: "jwks", YAML: "{uri: " + strconv.Quote(keys) + "}"})
	}
	return values
}

// environment reads variables and collects mistakes.
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

// variable returns the value of a variable, or "" if it is unset.
func (e *environment) variable(name string) string {
	value, _ := e.getenv(name)
	if value != "" {
		e.used[name] = value
	}
	return value
}

// lookupEither returns the value of a variable with two names, and the name that is
// set.
func (e *environment) lookupEither(name, alias string) (used, value string) {
	value, other := e.variable(name), e.variable(alias)
	switch {
	case value == "" && other != "":
		return alias, other
	case other != "" && value != other:
		e.report("%s is %s, but %s is %s; both have the same meaning, so set only one of them", name, yamlform.Quote(value), alias,
			yamlform.Quote(other))
	}
	return name, value
}

// checkPool checks the form of the pool ID, and the region if it is set.
func (e *environment) checkPool(name, pool string) {
	if pool == "" {
		e.report("%s (or %s) is missing; expected a user pool id such as us-west-1_6BpkgoczU", varPool, varPoolAlias)
		return
	}
	region, ok := poolRegion(pool)
	if !ok {
		e.report("%s is not a user pool id: got %s; expected one such as us-west-1_6BpkgoczU", name, yamlform.Quote(pool))
		return
	}
	if set := e.variable(varRegion); set != "" && set != region {
		e.report("%s is %s, but the user pool %s is in %s; set it to %s, or unset it", varRegion, yamlform.Quote(set), pool, region, region)
	}
}

func (e *environment) checkClient(name, client string) {
	if client == "" {
		e.report("%s (or %s) is missing; expected the id of your app client", varClient, varClientAlias)
		return
	}
	if problem := yamlform.BadIdentifier(client); problem != "" {
		e.report("%s %s; expected the id of your app client", name, problem)
	} else if yamlform.InQuotes(client) {
		e.report("%s begins and ends with quotes: got %s; remove the quotes, for example from the env file", name, yamlform.Quote(client))
	} else if strings.ContainsAny(client, ", ") {
		e.report("%s is invalid: got %s; expected the id of one app client (a config file can name several)", name, yamlform.Quote(client))
	}
}

// endpoint returns the URL of the keys of an emulator, and whether it is plain http.
// The URL is empty if no emulator is configured.
func (e *environment) endpoint(pool string) (keys string, plain bool) {
	allow := e.variable(varAllowHTTP)
	if allow != "" && allow != "true" && allow != "false" {
		e.report("%s is invalid: got %s; expected true or false", varAllowHTTP, yamlform.Quote(allow))
	}
	url := e.variable(varEndpoint)
	if url == "" {
		return "", false
	}
	if problem := badURL(url, false); problem != "" {
		e.report("%s %s; expected a URL such as http://127.0.0.1:5055", varEndpoint, problem)
		return "", false
	}
	plain = plainHTTP(url)
	if plain && allow != "true" && !loopback(url) {
		e.report("%s is not encrypted: got %s; expected an https URL; to allow http, set %s=true", varEndpoint, yamlform.Quote(url), varAllowHTTP)
	}
	return keySetURL(strings.TrimRight(url, "/") + "/" + pool), plain
}

// hash returns the hash of the variables that are set, sorted by name.
func (e *environment) hash() string {
	lines := make([]string, 0, len(e.used))
	for name, value := range e.used {
		lines = append(lines, name+"="+value)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}
