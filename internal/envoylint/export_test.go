package envoylint

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

func init() {
	misread = func(message protoreflect.MessageDescriptor, name string) {
		panic(fmt.Sprintf("%s has no field %s", message.FullName(), name))
	}
}

// String renders a finding in one line.
func (f Finding) String() string { return f.render(Layout{}) }

// Lint reads a file and returns its findings.
func Lint(file string, data []byte, gate Gate, platform Platform) (*Report, error) {
	return LintVersion(file, data, gate, platform, Version{})
}

// LintVersion is Lint for a release of Envoy.
func LintVersion(file string, data []byte, gate Gate, platform Platform, version Version) (*Report, error) {
	read, err := Read(file, data)
	if err != nil {
		return nil, err
	}
	return read.Lint(gate, platform, version)
}

// RulesError returns the error of the file with the rules.
func RulesError() error {
	_, err := readRules()
	return err
}

// Walked returns how many bytes the reader counts lines and columns of, for a JSON
// file.
func Walked(data []byte) (int, error) {
	r := &reader{file: "envoy.json", data: data}
	_, err := r.json()
	return r.mark.walked, err
}

// MessageTypes returns the messages that rules look for by name.
func MessageTypes() []protoreflect.FullName {
	return []protoreflect.FullName{
		anyType, bootstrapType, listenerType, clusterType, routeConfigType, scopedRouteType, virtualHostType, routeType, filterConfigType,
		extensionType, managerType, networkFilter, extAuthzType, perRouteType, mutationType, mutationRoute, earlyType, routerType, tlsType,
		rulesType, headerMatcherType, routeMatchType, checkSettingsType, oauth2Type, oauth2RouteType, jwtClaimType,
		accessLogType, corsPolicyType, routeCORSType, rbacType, endpointsType, filterStateType, protocolOptions,
		customTagType, formatType, headerType,
	}
}

// VersionTable returns the releases and the fixes of the table of versions.
func VersionTable() (known []string, fixes []fix, err error) {
	table, err := readReleases()
	for _, one := range table.Releases {
		text := one.Branch + ".0"
		if one.Last > 0 {
			text += fmt.Sprintf(" to %s.%d", one.Branch, one.Last)
		}
		known = append(known, text)
	}
	return known, table.Fixes, err
}
