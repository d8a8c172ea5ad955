package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
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

// unreachable returns the error of an HTTP request without the URL, which the caller
// names, and with what to check.
func unreachable(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	return fmt.Errorf("%w; hint: check --issuer, and that this machine can reach it", err)
}

// statusHint says what to check if a discovery document has this status.
func statusHint(status int) string {
	if status != http.StatusNotFound {
		return ""
	}
	return "; hint: --issuer is the iss of the tokens, without /.well-known/openid-configuration"
}
