package main

import (
	"errors"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// flagOfKey is the flag that sets a key of the issuer in a new configuration; "" if none
// does.
func flagOfKey(key string) string {
	switch key {
	case "pool":
		return "--pool POOL"
	case "tenant", "project":
		return "--" + key + " ID"
	case "team", "realm":
		return "--" + key + " NAME"
	case "domain":
		return "--domain HOST"
	case "cluster":
		return "--cluster URL"
	case "audiences":
		return "--audience A"
	case "clients":
		return "--client-id ID"
	case "require":
		return "--require CLAIM=VALUE"
	case "jwks":
		return "--jwks-uri URL"
	case "provider":
		return "--provider NAME"
	}
	return ""
}

// withFlags returns the mistakes of a configuration that was not written, each with the
// flag to pass in place of a position.
func withFlags(err error) error {
	mistakes, ok := errors.AsType[config.Mistakes](err)
	if !ok {
		return err
	}
	var lines []string
	for _, one := range mistakes {
		lines = append(lines, one.Text+flagHint(one.Text))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// flagHint says which flag to change for a mistake, whose text begins with the path of
// its key.
func flagHint(text string) string {
	path, rest, _ := strings.Cut(text, " ")
	steps := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' })
	if len(steps) < 2 || steps[0] != "issuers" {
		return ""
	}
	var flag string
	if len(steps) > 2 {
		flag = flagOfKey(steps[2])
	} else if strings.HasPrefix(rest, "has neither audiences nor clients") {
		flag = "--audience A"
		if strings.Contains(rest, "write clients: ") {
			flag = "--client-id ID"
		}
	}
	switch {
	case flag == "":
		return ""
	case strings.HasPrefix(rest, "has no effect"):
		return "; hint: leave out " + strings.Fields(flag)[0]
	}
	return "; hint: pass " + flag
}

// discoveryHint says what to check if the issuer's discovery document cannot be used.
func discoveryHint(err error) string {
	var result string
	if failed, ok := errors.AsType[interface {
		error
		Result() string
	}](err); ok {
		result = failed.Result()
	}
	switch result {
	case issuer.FetchInvalid:
		return "correct --issuer or the document"
	case issuer.FetchStatus:
		return "check that --issuer is exactly the iss of the tokens, and that the issuer answers"
	}
	return "check --issuer, and that this machine can reach it"
}
