package routelint

import (
	"reflect"

	"github.com/jwtgate/jwtgate/internal/config"
)

// strength is how much a rule requires of a request.
type strength int

// The strengths, the weakest first.
const (
	public strength = iota
	optional
	anyToken
	requirement
	deny
)

// strengthOf returns the strength of a rule with this access and requirement.
func strengthOf(access config.Access, want *config.Requirement) strength {
	switch {
	case access == config.AccessPublic:
		return public
	case access == config.AccessOptional:
		return optional
	case access == config.AccessDeny:
		return deny
	case reflect.DeepEqual(*want, config.Requirement{}):
		return anyToken
	}
	return requirement
}

// protects reports whether the rule denies some requests.
func (s strength) protects() bool { return s >= anyToken }

// String says what a rule of this strength does.
func (s strength) String() string {
	return [...]string{"is public", "is optional", "requires any valid token", "requires more than a valid token", "denies all requests"}[s]
}
