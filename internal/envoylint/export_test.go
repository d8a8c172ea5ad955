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

// PlatformRules returns the names of the rules for which a platform has a fix.
func PlatformRules() []string {
	var names []string
	for _, fixes := range []map[string]PlatformFix{gatewayFixes(), istioFixes(), relaxedGatewayFixes(), relaxedIstioFixes()} {
		for name := range fixes {
			names = append(names, name)
		}
	}
	return names
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
		accessLogType, corsPolicyType, rbacType, endpointsType, filterStateType, protocolOptions,
	}
}
