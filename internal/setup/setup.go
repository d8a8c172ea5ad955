// Package setup compares the files that a project already has with what `jwtgate init`
// would write for it, and says what to add to them. envoylint does this for an Envoy
// file.
//
// It reads and writes no file, and does not say whether a file is right: `jwtgate check`
// and `lint-envoy` do.
//
// Invariants:
//
//  1. A file that init wrote lacks nothing of the same options (TestWhatInitWroteLacksNothing).
//  2. Each option that a configuration lacks is named with the place where it belongs
//     (TestConfiguration).
//  3. The services that a compose file lacks are those that init would write, byte for
//     byte (TestCompose).
package setup

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// Configuration returns what a configuration lacks of the options, a line for each, with
// what to write.
func Configuration(cfg *config.Config, o envoy.InitOptions) []string {
	var lines []string
	if o.Cognito != "" {
		lines = append(lines, pool(cfg, o)...)
	}
	if o.Provider != nil {
		lines = append(lines, provider(cfg, o)...)
	}
	if o.Issuer != "" {
		lines = append(lines, issuer(cfg, o)...)
	}
	if o.Provider != nil && o.Provider.Header != "" && !slices.ContainsFunc(cfg.Tokens.From, func(one config.TokenSource) bool {
		return one.Kind == config.SourceHeader && one.Name == o.Provider.Header
	}) {
		lines = append(lines, fmt.Sprintf("tokens.from: add {header: %s}, in which the provider sends the token", o.Provider.Header))
	}
	if known := cfg.CORS.Origins; len(known) > 0 {
		lines = append(lines, lacking("cors.origins", known, o.Origins)...)
	}
	return append(lines, Login(cfg, o.Login)...)
}

// Login returns what a configuration lacks for sign-in by Envoy; nothing without either.
func Login(cfg *config.Config, login *envoy.LoginOptions) []string {
	if login == nil || cfg == nil {
		return nil
	}
	var lines []string
	source := login.SessionSource()
	reads := func(one config.TokenSource) bool { return one.Kind == config.SourceCookie && one.Name == source }
	if !slices.ContainsFunc(cfg.Tokens.From, reads) {
		lines = append(lines, fmt.Sprintf("tokens.from: add {cookie: %s}, in which Envoy keeps the token", source))
	}
	var missing []string
	for _, name := range login.StripCookies() {
		covers := func(one config.CookieName) bool { return one.Covers(config.CookieName(name)) }
		if !slices.ContainsFunc(cfg.Identity.StripCookies, covers) {
			missing = append(missing, "'"+name+"'")
		}
	}
	if len(missing) > 0 {
		lines = append(lines, "identity.strip_cookies: add "+strings.Join(missing, ", "))
	}
	return lines
}

// pool returns what is missing of a user pool and its clients.
func pool(cfg *config.Config, o envoy.InitOptions) []string {
	at := slices.IndexFunc(cfg.Issuers, func(i config.Issuer) bool { return i.Cognito != nil && i.Cognito.Pool == o.Cognito })
	if at < 0 {
		keys := []string{"cognito: " + o.Cognito, list("clients", o.ClientIDs...)}
		if o.Login != nil {
			keys = append(keys, "token_use: [access]")
		}
		return newIssuer(cfg, "user pool "+o.Cognito, "cognito", keys)
	}
	return lacking(cfg.Issuers[at].Path+".clients", cfg.Issuers[at].Clients, o.ClientIDs)
}

// issuer returns what is missing of an OIDC issuer and its audience.
func issuer(cfg *config.Config, o envoy.InitOptions) []string {
	at := slices.IndexFunc(cfg.Issuers, func(i config.Issuer) bool { return slices.Contains(i.ISS, o.Issuer) })
	if at < 0 {
		keys := []string{"issuer: " + quote.Readable(o.Issuer)}
		switch {
		case o.Login != nil && o.Login.IDToken:
			keys = append(keys, list("audiences", o.ClientIDs...), "token_use: [access, id]")
		case o.Audience == "":
			keys = append(keys, list("clients", o.ClientIDs...))
		default:
			keys = append(keys, list("audiences", o.Audience))
		}
		if o.PlainHTTP() {
			keys = append(keys, "dangerously_allow_http: true")
		}
		return newIssuer(cfg, "issuer "+quote.Readable(o.Issuer), "main", keys)
	}
	one := cfg.Issuers[at]
	var audiences []string
	switch {
	case len(one.Audiences) == 0: // aud is not checked
	case o.Login != nil && o.Login.IDToken:
		audiences = o.ClientIDs
	case o.Audience != "":
		audiences = []string{o.Audience}
	}
	lines := lacking(one.Path+".audiences", one.Audiences, audiences)
	if len(one.Clients) > 0 { // else the client is not checked
		lines = append(lines, lacking(one.Path+".clients", one.Clients, o.ClientIDs)...)
	}
	return lines
}

// provider returns what is missing of an issuer with a known provider.
func provider(cfg *config.Config, o envoy.InitOptions) []string {
	settings, err := o.IssuerLines()
	wanted, parseErr := config.Parse("jwtgate.yaml", []byte("issuers: {it: {"+strings.Join(settings, ", ")+"}}\n"), nil)
	if err := errors.Join(err, parseErr); err != nil {
		return []string{"the issuer of the options is invalid: " + err.Error()}
	}
	one := wanted.Issuers[0]
	at := slices.IndexFunc(cfg.Issuers, func(i config.Issuer) bool { return i.ISS[0] == one.ISS[0] })
	if at < 0 {
		return newIssuer(cfg, "provider "+o.Provider.Name, o.Provider.Name, settings)
	}
	found := cfg.Issuers[at]
	return slices.Concat(lacking(found.Path+".audiences", found.Audiences, one.Audiences),
		lacking(found.Path+".clients", found.Clients, one.Clients))
}

// newIssuer returns the lines that add an issuer with these keys. With more than one
// issuer, each needs a prefix.
func newIssuer(cfg *config.Config, what, name string, keys []string) []string {
	name = freeName(cfg, name)
	keys = append(slices.Clip(keys), "prefix: "+quote.Readable(name+":"))
	lines := []string{fmt.Sprintf("issuers lacks the %s; add to it: %s: {%s}", what, name, strings.Join(keys, ", "))}
	if len(cfg.Issuers) == 1 && cfg.Issuers[0].Prefix == "" { // unset, or empty on purpose
		lines = append(lines, cfg.Issuers[0].Path+` needs prefix: "" unless it has a prefix: with two issuers, both need one, `+
			"and with this one its users keep their IDs")
	}
	return lines
}

// list is a key with a list of texts.
func list(key string, values ...string) string {
	return key + ": [" + strings.Join(quoted(values), ", ") + "]"
}

// lacking returns a line if a list of the configuration lacks some values.
func lacking(path string, list, values []string) []string {
	missing := slices.DeleteFunc(slices.Clone(values), func(value string) bool { return slices.Contains(list, value) })
	if len(missing) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s lacks %s; add it to the list", path, strings.Join(quoted(missing), ", "))}
}

// freeName returns a name that no issuer has.
func freeName(cfg *config.Config, name string) string {
	taken := func(i config.Issuer) bool { return i.Name == name }
	for number := 2; slices.ContainsFunc(cfg.Issuers, taken); number++ {
		name = fmt.Sprintf("%s%d", strings.TrimRight(name, "0123456789"), number)
	}
	return name
}

func quoted(values []string) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = quote.Readable(value)
	}
	return all
}

// Missing is what a compose file lacks.
type Missing struct {
	Services string   // to add under `services`, as init would write them; empty: none
	Lines    []string // what else to change, a line for each
}

// Compose compares a compose file with the one that init would write. A service counts as
// present by its name. app is the host of the application, which is a service if the
// file has one of that name. The error says that the file is not a compose file.
func Compose(data, rendered []byte, app string) (Missing, error) {
	own, err := services(data)
	if err != nil {
		return Missing{}, err
	}
	ours, err := services(rendered)
	if err != nil {
		return Missing{}, err
	}
	var m Missing
	lines := strings.SplitAfter(string(rendered), "\n")
	for i, one := range ours {
		end := len(lines)
		if i+1 < len(ours) {
			end = ours[i+1].line - 1
		}
		if !slices.ContainsFunc(own, func(s service) bool { return s.name == one.name }) {
			m.Services += strings.TrimRight(strings.Join(lines[one.line-1:end], ""), "\n") + "\n"
		}
	}
	for _, wanted := range ours {
		if at := slices.IndexFunc(own, func(s service) bool { return s.name == wanted.name }); at >= 0 && wanted.directory != "" {
			m.Lines = append(m.Lines, own[at].lacks(wanted)...)
		}
	}
	for _, one := range own {
		if one.name == app && one.ports {
			m.Lines = append(m.Lines, fmt.Sprintf("services.%s has ports: remove them, because other machines could call your application "+
				"without Envoy and write the identity headers themselves", one.name))
		}
	}
	return m, nil
}

// HasService reports whether a compose file has a service.
func HasService(data []byte, name string) bool {
	all, err := services(data)
	return err == nil && slices.ContainsFunc(all, func(s service) bool { return s.name == name })
}

// service is a service of a compose file.
type service struct {
	name      string
	line      int // of its name
	ports     bool
	volumes   map[string]string // :: path in the container -> the volume as a line of YAML
	command   string            // with entrypoint, the words separated by spaces
	directory string            // working_dir
	user      string
}

// newService reads a service. Merge keys are applied; a form that no compose file has
// counts as absent.
func newService(name, body *yaml.Node) service {
	s := service{name: name.Value, line: name.Line, ports: entry(body, "ports") != nil, volumes: map[string]string{}}
	var settings struct {
		Volumes    []any  `yaml:"volumes"`
		Entrypoint any    `yaml:"entrypoint"`
		Command    any    `yaml:"command"`
		Directory  string `yaml:"working_dir"`
		User       string `yaml:"user"`
	}
	_ = body.Decode(&settings) // what can be decoded is
	s.directory, s.user = settings.Directory, settings.User
	s.command = strings.TrimSpace(words(settings.Entrypoint) + " " + words(settings.Command))
	for _, one := range settings.Volumes {
		switch volume := one.(type) {
		case string:
			if parts := strings.Split(volume, ":"); len(parts) > 1 {
				s.volumes[parts[1]] = volume
			}
		case map[string]any:
			if target, isText := volume["target"].(string); isText {
				s.volumes[target] = ""
			}
		}
	}
	return s
}

// words returns the words of a command, which is a text or a list of them.
func words(command any) string {
	if list, isList := command.([]any); isList {
		return strings.Trim(fmt.Sprint(list), "[]")
	}
	text, _ := command.(string)
	return text
}

// lacks returns what a service needs to sign users in, of what the one that init would
// write has.
func (s service) lacks(wanted service) []string {
	var lines []string
	for _, target := range slices.Sorted(maps.Keys(wanted.volumes)) {
		if _, exists := s.volumes[target]; !exists {
			lines = append(lines, fmt.Sprintf("services.%s.volumes lacks %q; add it to the list", s.name, wanted.volumes[target]))
		}
	}
	switch flags := strings.Join(envoy.LoginFlags(), " "); {
	case s.command == "":
		lines = append(lines, fmt.Sprintf("services.%s needs command: %s; without %s, Envoy logs tokens", s.name, wanted.command, flags))
	case !strings.Contains(s.command, flags):
		lines = append(lines, fmt.Sprintf("services.%s.command lacks %s, without which Envoy logs tokens; add it at the end", s.name, flags))
	}
	if s.directory != wanted.directory {
		lines = append(lines, fmt.Sprintf("services.%s needs working_dir: %s, in which envoy.yaml finds ./secrets", s.name, wanted.directory))
	}
	if s.user == "" && wanted.user != "" {
		lines = append(lines, fmt.Sprintf("services.%s needs user: %q, who may read the secrets", s.name, wanted.user))
	}
	return lines
}

// services returns the services of a compose file, in their order.
func services(data []byte) ([]service, error) {
	var file yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	var all []service
	for name, body := range entries(entry(&file, "services")) {
		all = append(all, newService(name, body))
	}
	if all == nil {
		return nil, errors.New("got no service; expected a compose file with a mapping of them under services")
	}
	return all, nil
}

// entry returns the value of a key; nil: there is none.
func entry(mapping *yaml.Node, key string) *yaml.Node {
	for name, value := range entries(mapping) {
		if name.Value == key {
			return value
		}
	}
	return nil
}

// entries are the keys and values of a mapping, or of a document that is one.
func entries(mapping *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) {
		if mapping != nil && mapping.Kind == yaml.DocumentNode {
			mapping = mapping.Content[0]
		}
		if mapping == nil || mapping.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if !yield(mapping.Content[i], mapping.Content[i+1]) {
				return
			}
		}
	}
}
