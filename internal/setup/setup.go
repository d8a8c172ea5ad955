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
	if known := cfg.CORS.Origins; len(known) > 0 {
		lines = append(lines, lacking("cors.origins", known, o.Origins)...)
	}
	return lines
}

// pool returns what is missing of a user pool and its clients.
func pool(cfg *config.Config, o envoy.InitOptions) []string {
	at := slices.IndexFunc(cfg.Issuers, func(i config.Issuer) bool { return i.Cognito != nil && i.Cognito.Pool == o.Cognito })
	if at < 0 {
		return []string{fmt.Sprintf("issuers lacks the user pool %s; add to it: %s: {cognito: %s, clients: [%s]}",
			o.Cognito, freeName(cfg, "cognito"), o.Cognito, strings.Join(quoted(o.ClientIDs), ", "))}
	}
	return lacking(cfg.Issuers[at].Path+".clients", cfg.Issuers[at].Clients, o.ClientIDs)
}

// issuer returns what is missing of an OIDC issuer and its audience.
func issuer(cfg *config.Config, o envoy.InitOptions) []string {
	at := slices.IndexFunc(cfg.Issuers, func(i config.Issuer) bool { return slices.Contains(i.ISS, o.Issuer) })
	if at < 0 {
		accepted := "audiences: [" + quote.Readable(o.Audience) + "]"
		if o.Audience == "" {
			accepted = "clients: [" + strings.Join(quoted(o.ClientIDs), ", ") + "]"
		}
		return []string{fmt.Sprintf("issuers lacks the issuer %s; add to it: %s: {issuer: %s, %s}",
			quote.Readable(o.Issuer), freeName(cfg, "main"), quote.Readable(o.Issuer), accepted)}
	}
	one := cfg.Issuers[at]
	if len(one.Audiences) == 0 || o.Audience == "" { // aud is not checked, or no value is wanted
		return nil
	}
	return lacking(one.Path+".audiences", one.Audiences, []string{o.Audience})
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
		return []string{fmt.Sprintf("issuers lacks the provider %s; add to it: %s: {%s}",
			o.Provider.Name, freeName(cfg, o.Provider.Name), strings.Join(settings, ", "))}
	}
	found := cfg.Issuers[at]
	return slices.Concat(lacking(found.Path+".audiences", found.Audiences, one.Audiences),
		lacking(found.Path+".clients", found.Clients, one.Clients))
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
	for _, one := range own {
		if one.name == app && one.ports {
			m.Lines = append(m.Lines, fmt.Sprintf("services.%s has ports: remove them, because other machines could call your application "+
				"without Envoy and write the identity headers themselves", one.name))
		}
	}
	return m, nil
}

// service is a service of a compose file.
type service struct {
	name  string
	line  int // of its name
	ports bool
}

// services returns the services of a compose file, in their order.
func services(data []byte) ([]service, error) {
	var file yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	var all []service
	for name, body := range entries(entry(&file, "services")) {
		all = append(all, service{name: name.Value, line: name.Line, ports: entry(body, "ports") != nil})
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
