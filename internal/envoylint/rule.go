package envoylint

import (
	_ "embed"

	yaml "go.yaml.in/yaml/v4"
)

//go:embed rules.yaml
var rulesFile []byte

// Severity is what a setting can cost.
type Severity string

// The severities.
const (
	Hole   Severity = "hole"   // a hostile request may reach the application
	Outage Severity = "outage" // a legitimate request may fail
	Note   Severity = "note"   // worth knowing; never changes the exit code
)

// Platform is what writes Envoy's configuration.
type Platform string

// The platforms.
const (
	Plain   Platform = "envoy"         // a person
	Gateway Platform = "envoy-gateway" // Envoy Gateway
	Istio   Platform = "istio"         // Istio
)

// Rule is one thing that lint-envoy looks for. rules.yaml describes the fields.
type Rule struct {
	ID             string // stable, in kebab case
	Severity       Severity
	What, Why, Fix string // what is wrong, what can happen, and what to write instead
	Gateway, Istio PlatformFix
}

// PlatformFix is how users of a platform fix a finding, by Field or Without. The zero
// value: as Rule.Fix says.
type PlatformFix struct{ Field, Without string }

// fix is how users of a platform fix a rule's finding.
func (r Rule) fix(p Platform) PlatformFix {
	switch p {
	case Gateway:
		return r.Gateway
	case Istio:
		return r.Istio
	}
	return PlatformFix{}
}

// Group is a group of related rules.
type Group struct {
	Title string
	Rules []Rule
}

// Groups returns every rule, in the order of the page.
func Groups() []Group {
	groups, _ := readRules() // the file is a part of the program, and valid (TestRulesAreComplete)
	return groups
}

func readRules() (groups []Group, err error) {
	err = yaml.Load(rulesFile, &groups, yaml.WithKnownFields())
	return groups, err
}

// Rules returns every rule.
func Rules() []Rule {
	var all []Rule
	for _, group := range Groups() {
		all = append(all, group.Rules...)
	}
	return all
}
