package envoylint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtgate/jwtgate/internal/envoyproto"
)

// typer gives each value of a tree the message type that Envoy reads it as. It changes
// the tree into one form for the rules: fields have their names in snake case, a single
// value where Envoy expects a list becomes a list, and the number of an enumeration
// becomes its name.
//
// It collects what it cannot read, once for each text, with the first place.
type typer struct {
	notes       map[string]*unread
	unreadOrder []*unread
	err         error // of the embedded descriptions
}

// unread is something in the file that the typer could not read.
type unread struct {
	at   *value
	text string
	path bool // it is on the path of a request
	more int  // number of further places
}

func newTyper() *typer { return &typer{notes: map[string]*unread{}} }

func (t *typer) unread(at *value, path bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	key := fmt.Sprint(path, text)
	if found, ok := t.notes[key]; ok {
		found.more++
		return
	}
	one := &unread{at: at, text: text, path: path}
	t.notes[key] = one
	t.unreadOrder = append(t.unreadOrder, one)
}

// root types a value as the message with a name.
func (t *typer) root(v *value, name string) {
	message, ok, err := envoyproto.Find(name)
	if err != nil || !ok {
		t.err = fmt.Errorf("envoyproto has no description of %s: %w", name, err)
		return
	}
	t.message(v, message, false)
}

// onPath reports whether the path of a request begins at a message: the settings below
// it decide whether and how Envoy calls the gate.
func onPath(name protoreflect.FullName) bool {
	return slices.Contains([]protoreflect.FullName{
		listenerType, routeConfigType, scopedRouteType, virtualHostType,
	}, name)
}

// offPath reports whether a message below those has no effect on the path of a request.
func offPath(name protoreflect.FullName) bool {
	return slices.Contains([]protoreflect.FullName{
		accessLogType, "envoy.config.core.v3.TransportSocket", "envoy.config.core.v3.SocketOption",
		managerType + ".Tracing",
	}, name)
}

// message types a value as a message.
func (t *typer) message(v *value, message protoreflect.MessageDescriptor, path bool) {
	name := message.FullName()
	switch {
	case !v.there() || message.IsPlaceholder():
		return
	case scalarForm(name):
		if wrapped := message.Fields().ByName("value"); wrapped != nil && v.kind == scalar {
			t.scalar(v, wrapped.Kind(), path)
		}
		return
	case name == anyType:
		t.any(v, path)
		return
	case v.kind != mapping:
		t.unread(v, path, "got %s where Envoy expects the message %s", v.kind, name)
		return
	}
	t.fields(v, message, path, "")
}

// scalarForm reports whether a message of google.protobuf has a special form in JSON: a
// scalar, or data of any shape.
func scalarForm(name protoreflect.FullName) bool {
	return name.Parent() == "google.protobuf" && name != anyType && name != "google.protobuf.Empty"
}

// fields types the fields of a mapping that is a message. The mapping may also have the
// key extra, which is @type in an Any.
func (t *typer) fields(v *value, message protoreflect.MessageDescriptor, path bool, extra string) {
	v.message = message
	path = (path || onPath(message.FullName())) && !offPath(message.FullName())
	seen := map[string]string{}
	for i := range v.fields {
		f := &v.fields[i]
		description := message.Fields().ByName(protoreflect.Name(f.name))
		if description == nil {
			description = message.Fields().ByJSONName(f.name)
		}
		if description == nil {
			if f.name != extra {
				t.unread(f.value, path, "%s has no field %q in Envoy %s", message.FullName(), f.name, envoyproto.Version)
			}
			continue
		}
		written := f.name
		f.name = string(description.Name())
		if other, twice := seen[f.name]; twice && other != written {
			t.unread(f.value, path, "%s and %s are the same field; it is undefined which one Envoy reads", other, written)
		}
		seen[f.name] = written
		t.field(f.value, description, path)
	}
}

// field types the value of a field.
func (t *typer) field(v *value, description protoreflect.FieldDescriptor, path bool) {
	v.field = description
	if !v.there() {
		return
	}
	switch {
	case description.IsMap():
		if v.kind != mapping {
			t.unread(v, path, "got %s where Envoy expects a mapping", v.kind)
			return
		}
		for _, f := range v.fields {
			t.single(f.value, description.MapValue(), path)
		}
	case description.IsList():
		if v.kind != list {
			v.wrap()
		}
		for _, item := range v.items {
			t.single(item, description, path)
		}
	default:
		t.single(v, description, path)
	}
}

// single types one value of a field's type.
func (t *typer) single(v *value, description protoreflect.FieldDescriptor, path bool) {
	switch {
	case !v.there():
	case description.Kind() == protoreflect.MessageKind:
		t.message(v, description.Message(), path)
	case v.kind != scalar:
		t.unread(v, path, "got %s where Envoy expects a single value", v.kind)
	case description.Kind() == protoreflect.EnumKind:
		t.enum(v, description.Enum(), path)
	default:
		t.scalar(v, description.Kind(), path)
	}
}

// scalar gives a boolean or a number one form: true or false, or decimal digits. Envoy
// reads a file with yaml-cpp and then with protobuf's JSON parser, both of which accept
// several forms (TestScalarForms in the end-to-end tests).
func (t *typer) scalar(v *value, kind protoreflect.Kind, path bool) {
	switch kind {
	case protoreflect.BoolKind:
		if v.text = boolText(v); v.text != "true" && v.text != "false" {
			t.unread(v, path, "got %q where Envoy expects true or false", v.text)
		}
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		v.text = numberText(v)
		if _, err := strconv.ParseFloat(v.text, 64); err != nil {
			t.unread(v, path, "got %q where Envoy expects a number", v.text)
		}
	}
}

func boolText(v *value) string {
	switch text := strings.ToLower(v.text); {
	case slices.Contains([]string{"true", "t", "yes", "y", "1"}, text), text == "on" && !v.quoted:
		return "true"
	case slices.Contains([]string{"false", "f", "no", "n", "0"}, text), text == "off" && !v.quoted:
		return "false"
	}
	return v.text
}

// numberText also reads hexadecimal digits and, in a number that is not quoted, octal
// digits after a zero.
func numberText(v *value) string {
	digits := strings.TrimPrefix(v.text, "+")
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(digits), "0x"); ok {
		digits, base = hex, 16
	} else if len(digits) > 1 && digits[0] == '0' && !v.quoted {
		digits, base = digits[1:], 8
	}
	if n, err := strconv.ParseInt(digits, base, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	if n, err := strconv.ParseFloat(digits, 64); err == nil && base == 10 {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return v.text
}

// enum gives a value of an enumeration the form of its name.
func (t *typer) enum(v *value, description protoreflect.EnumDescriptor, path bool) {
	values := description.Values()
	if named := values.ByName(protoreflect.Name(strings.ToUpper(v.text))); named != nil {
		v.text = string(named.Name())
		return
	}
	if description.IsPlaceholder() || values.ByName(protoreflect.Name(v.text)) != nil {
		return // the names of a few enumerations, such as that of HTTP statuses, are in camel case
	}
	if number, err := strconv.ParseInt(numberText(v), 10, 32); err == nil {
		if named := values.ByNumber(protoreflect.EnumNumber(number)); named != nil {
			v.text = string(named.Name())
			return
		}
	}
	t.unread(v, path, "%s has no value %q in Envoy %s", description.FullName(), v.text, envoyproto.Version)
}

// any types the message in a google.protobuf.Any. The message in a TypedStruct is its
// field `value`.
func (t *typer) any(v *value, path bool) {
	if v.kind != mapping {
		t.unread(v, path, "got %s where Envoy expects a mapping with @type", v.kind)
		return
	}
	name, inner := v.typed()
	if inner != v && slices.ContainsFunc(v.fields, func(f field) bool { return f.name == "type_url" }) &&
		slices.ContainsFunc(v.fields, func(f field) bool { return f.name == "typeUrl" }) {
		t.unread(v, path, "type_url and typeUrl are the same field; it is undefined which one Envoy reads")
	}
	v.field = nil
	message, ok, err := envoyproto.Find(name)
	switch {
	case err != nil:
		t.err = err
	case len(v.fields) == 0 || opaque(name):
	case name == "":
		t.unread(v, path, "got a message without @type")
	case !ok && versionTwo.MatchString(name):
		t.unread(v, path, "%s belongs to version 2 of Envoy's API, which Envoy %s does not load", name, envoyproto.Version)
	case !ok:
		t.unread(v, path, "lint-envoy does not know %s", name)
	case inner == v && !scalarForm(message.FullName()):
		t.fields(v, message, path, "@type")
	case inner.there():
		t.message(inner, message, path)
	}
}

// versionTwo matches the messages of the API that Envoy removed in 1.18.
var versionTwo = regexp.MustCompile(`^envoy\.(api\.v2|config\..*\.v2)\b`)

// opaque reports whether an extension is known not to affect the calls to the gate,
// although envoyproto does not describe its fields: those of Istio's proxies.
func opaque(name string) bool {
	return slices.Contains([]string{
		"io.istio.http.peer_metadata.Config", "io.istio.network.set_filter_state.Config", "stats.PluginConfig",
		"istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig", "istio.networking.envoy.filters.http.connect_authority.Config",
		"io.istio.http.connect_authority.Config", "envoy.tcp.metadataexchange.config.MetadataExchange",
	}, name) || strings.HasPrefix(name, "google.protobuf.") && name != string(anyType)
}

// The full names of the messages that the linter looks for.
const (
	anyType           protoreflect.FullName = "google.protobuf.Any"
	bootstrapType                           = "envoy.config.bootstrap.v3.Bootstrap"
	accessLogType     protoreflect.FullName = "envoy.config.accesslog.v3.AccessLog"
	listenerType      protoreflect.FullName = "envoy.config.listener.v3.Listener"
	clusterType       protoreflect.FullName = "envoy.config.cluster.v3.Cluster"
	routeConfigType   protoreflect.FullName = "envoy.config.route.v3.RouteConfiguration"
	scopedRouteType   protoreflect.FullName = "envoy.config.route.v3.ScopedRouteConfiguration"
	virtualHostType   protoreflect.FullName = "envoy.config.route.v3.VirtualHost"
	endpointsType     protoreflect.FullName = "envoy.config.endpoint.v3.ClusterLoadAssignment"
	routeType         protoreflect.FullName = "envoy.config.route.v3.Route"
	filterConfigType                        = "envoy.config.route.v3.FilterConfig"
	extensionType     protoreflect.FullName = "envoy.config.core.v3.TypedExtensionConfig"
	managerType       protoreflect.FullName = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
	tlsType           protoreflect.FullName = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
	filterStateType   protoreflect.FullName = "envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue"
	networkFilter     protoreflect.FullName = "envoy.config.listener.v3.Filter"
	extAuthzType      protoreflect.FullName = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"
	routerType        protoreflect.FullName = "envoy.extensions.filters.http.router.v3.Router"
	perRouteType      protoreflect.FullName = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute"
	mutationType      protoreflect.FullName = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
	mutationRoute     protoreflect.FullName = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute"
	rbacType          protoreflect.FullName = "envoy.extensions.filters.http.rbac.v3.RBAC"
	rulesType         protoreflect.FullName = "envoy.config.rbac.v3.RBAC"
	headerMatcherType protoreflect.FullName = "envoy.config.route.v3.HeaderMatcher"
	routeMatchType    protoreflect.FullName = "envoy.config.route.v3.RouteMatch"
	checkSettingsType protoreflect.FullName = "envoy.extensions.filters.http.ext_authz.v3.CheckSettings"
	oauth2Type        protoreflect.FullName = "envoy.extensions.filters.http.oauth2.v3.OAuth2"
	oauth2RouteType   protoreflect.FullName = "envoy.extensions.filters.http.oauth2.v3.OAuth2PerRoute"
	jwtClaimType      protoreflect.FullName = "envoy.extensions.rate_limit_descriptors.jwt_claim.v3.Descriptor"
	corsPolicyType    protoreflect.FullName = "envoy.extensions.filters.http.cors.v3.CorsPolicy"
	earlyType                               = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
)
