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

// WayNames returns the rules that the platforms' ways name.
func WayNames() []string {
	var names []string
	for _, ways := range []map[string]Way{gatewayWays(), istioWays(), relaxedGatewayWays(), relaxedIstioWays()} {
		for name := range ways {
			names = append(names, name)
		}
	}
	return names
}

// Walked returns how many bytes reading a JSON file looks at to count lines and
// columns.
func Walked(data []byte) (int, error) {
	r := &reader{file: "envoy.json", data: data}
	_, err := r.json()
	return r.mark.walked, err
}

// MessageTypes are the messages that rules look for by name.
func MessageTypes() []protoreflect.FullName {
	return []protoreflect.FullName{
		anyType, bootstrapType, listenerType, clusterType, routeConfigType, scopedRouteType, virtualHostType, routeType, filterConfigType,
		extensionType, managerType, networkFilter, extAuthzType, perRouteType, mutationType, mutationRoute, earlyType, routerType, tlsType,
		accessLogType, corsPolicyType, rbacType, endpointsType, filterStateType, protocolOptions,
	}
}
