package envoy

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed templates
var templates embed.FS

// EnvoyImage is the container image of the Envoy that envoy.yaml was written
// for and is tested with.
const EnvoyImage = "envoyproxy/envoy:v1.40.0"

// InitOptions are the options of `jwtgate init`: either Cognito and ClientIDs, or Issuer
// and Audience, or Provider, or an existing configuration.
type InitOptions struct {
	Cognito   string   // user pool id, such as us-west-1_6BpkgoczU
	ClientIDs []string // the pool's app clients
	Issuer    string   // the exact iss of any OIDC issuer, an https URL
	Audience  string   // that aud must contain
	// Provider is a known provider, with Audience or ClientIDs; nil: Cognito or Issuer is set.
	Provider *Provider

	// Needs derives what a rendered jwtgate.yaml needs from Envoy; nil means what the
	// shipped file has.
	Needs    func(config []byte) (Needs, error)
	Existing *Existing // if set, no jwtgate.yaml is rendered

	Login *LoginOptions // nil: Envoy signs nobody in

	App       string   // host:port of the application
	Port      int      // on which Envoy listens for clients; 0 is DefaultPort
	Dir       string   // folder of the files, for the commands of Next; "" is the working directory
	Origins   []string // of front ends whose scripts may read answers
	Image     string   // jwtgate's container image; "" is jwtgate, built locally
	NoCompose bool     // render no compose.yaml
	Compose   string   // the compose file in the commands of Next; "" is compose.yaml in Dir

	AppIsThere bool // the compose file exists, and has the application as a service
}

// File is one file to write.
type File struct {
	Name   string // a bare file name, or one in the folder secrets
	Data   []byte
	Secret bool // only its owner may read it
}

// Result is the result of [Init].
type Result struct {
	Files []File   // jwtgate.yaml, unless it exists, envoy.yaml, and compose.yaml unless NoCompose
	Next  []string // the next steps, each a command or a text
}

// Init renders the user's files. It writes nothing. Its error names every missing or
// invalid option, one a line, by its flag; it does not check whether a pool, an issuer or
// an application exists.
//
// For an application on loopback the containers use the machine's own network, and
// envoy.yaml also works without containers. An application with a bare name is one of
// the compose file's services, and Envoy then finds jwtgate by its service name.
func Init(o InitOptions) (Result, error) {
	if err := o.Check(); err != nil {
		return Result{}, err
	}
	o.Image, o.Port = cmp.Or(o.Image, "jwtgate"), o.port()
	appHost, _, _ := net.SplitHostPort(o.App)
	view := initView{
		InitOptions: o, AppHost: appHost, EnvoyImage: EnvoyImage, OnHost: !insideCompose(appHost),
		Listen: o.listen(), SocketFolder: o.socketFolder(),
	}
	files, needs, err := o.configuration(view)
	if err != nil {
		return Result{}, err
	}
	bootstrap, err := o.bootstrap(view, needs)
	if err != nil {
		return Result{}, err
	}
	files = append(files, File{Name: "envoy.yaml", Data: bootstrap})
	if !o.NoCompose {
		compose, err := render("compose.yaml", view)
		if err != nil {
			return Result{}, err
		}
		files = append(files, File{Name: "compose.yaml", Data: compose})
	}
	files = append(files, o.secrets()...)
	next := o.next
	if o.Existing != nil {
		next = o.nextExisting
	}
	return Result{Files: files, Next: next(appHost)}, nil
}

// initView is the data of the templates.
type initView struct {
	InitOptions
	AppHost, EnvoyImage  string
	OnHost               bool   // the containers use the machine's own network
	Listen, SocketFolder string // of jwtgate on that network
}

// EnvoyFlags are Envoy's further arguments.
func (v initView) EnvoyFlags() []string {
	if v.Login == nil {
		return nil
	}
	return LoginFlags()
}

// EnvoyUser is who reads the secrets in the container: their owner. The image runs Envoy as
// another user than root in any case.
func (v initView) EnvoyUser() string {
	if v.Login.byRoot() {
		return imageUser
	}
	return v.Login.Owner
}

// configuration renders jwtgate.yaml, unless it exists, and returns what it needs from
// Envoy.
func (o InitOptions) configuration(view initView) ([]File, Needs, error) {
	if o.Existing != nil {
		return nil, o.Existing.Needs, nil
	}
	config, err := render("jwtgate.yaml", view)
	if err != nil {
		return nil, Needs{}, err
	}
	needs := Needs{Overrides: OverrideNames(), Removed: OverrideNames()}
	if o.Needs != nil {
		if needs, err = o.Needs(config); err != nil {
			return nil, Needs{}, err
		}
	}
	return []File{{Name: "jwtgate.yaml", Data: config}}, needs, nil
}

// bootstrap renders envoy.yaml.
func (o InitOptions) bootstrap(view initView, needs Needs) ([]byte, error) {
	edit := needs.Edit()
	edit.Login = o.loginEdit()
	edit.App, edit.Origins = o.App, append([]string{}, o.Origins...)
	edit.Listen = fmt.Sprintf("127.0.0.1:%d", o.port())
	if view.OnHost && view.Listen != defaultListen {
		edit.Gate = view.Listen
	}
	if !view.OnHost {
		edit.Listen, edit.Gate = fmt.Sprintf("0.0.0.0:%d", o.port()), "jwtgate:9001"
	}
	file, err := Bootstrap(edit)
	if err != nil {
		return nil, err
	}
	if file, err = o.personal(file); err != nil {
		return nil, err
	}
	header := "# `jwtgate init` wrote this file once; it is yours to edit.\n# Next: " + o.howToRun(view.OnHost) + "\n#\n"
	return append([]byte(header), file...), nil
}

// howToRun says in one line how to run Envoy with envoy.yaml.
func (o InitOptions) howToRun(onHost bool) string {
	config := "--config jwtgate.yaml"
	if o.Existing != nil {
		config = "with your configuration"
	}
	direct := o.envoyCommand("envoy.yaml") + ", and jwtgate serve " + config
	switch {
	case onHost && o.NoCompose:
		return direct
	case onHost:
		return direct + "; or docker compose up"
	case o.NoCompose:
		return "run Envoy in the container network in which the names in this file resolve"
	}
	return "docker compose up; the names in this file resolve only inside its network"
}

// next returns the next steps with the files.
func (o InitOptions) next(appHost string) []string {
	config := filepath.Join(o.Dir, "jwtgate.yaml")
	return slices.Concat([]string{"jwtgate check --config " + config}, o.nextLogin(), o.run(appHost, config), o.nextOpen())
}

// composeFile returns the path of the compose file.
func (o InitOptions) composeFile() string {
	return cmp.Or(o.Compose, filepath.Join(o.Dir, "compose.yaml"))
}

// run returns the steps to start Envoy and jwtgate: in containers if names of the files
// resolve only in a compose network.
func (o InitOptions) run(appHost, config string) []string {
	if !insideCompose(appHost) {
		return []string{"jwtgate serve --config " + config + "    and    " + o.runEnvoy()}
	}
	if o.NoCompose {
		return []string{"run Envoy and jwtgate in the container network in which " + appHost + " resolves"}
	}
	compose := o.composeFile()
	var steps []string
	if u, err := url.Parse(o.Issuer); err == nil && thisMachine(u.Hostname()) {
		steps = append(steps, "the issuer "+o.Issuer+" is on this machine, where the containers do not reach it: "+
			"use --app 127.0.0.1:PORT, or an issuer that they reach")
	}
	if appHost != dockerHost && !o.AppIsThere {
		steps = append(steps, fmt.Sprintf("add your application to %s as the service %s, without ports", compose, appHost))
	}
	return append(steps,
		"docker build -t "+o.Image+" https://github.com/jwtgate/jwtgate.git",
		"docker compose -f "+compose+" up")
}

// The parts of the comment at the top of the shipped file that do not apply to a user's
// file.
const (
	shippedUsers = "client -> Envoy :8080 -> your application :9090"
	shippedUse   = "# The demo and the end-to-end tests use this file unchanged, except for the\n" +
		"# addresses on those lines.\n#\n"
)

// personal adapts the comment at the top of the file to a user's file.
func (o InitOptions) personal(file []byte) ([]byte, error) {
	for _, change := range []struct{ old, now string }{
		{shippedUsers, fmt.Sprintf("client -> Envoy :%d -> your application %s", o.port(), o.App)}, {shippedUse, ""},
	} {
		if bytes.Count(file, []byte(change.old)) != 1 {
			return nil, fmt.Errorf("envoy file: the comment does not contain %q once", change.old)
		}
		file = bytes.Replace(file, []byte(change.old), []byte(change.now), 1)
	}
	return file, nil
}

// dockerHost is the name of the machine itself, seen from a container.
const dockerHost = "host.docker.internal"

// insideCompose reports whether a host resolves only, or differently, inside a compose
// network, where a bare name is a service.
func insideCompose(host string) bool {
	if host == dockerHost {
		return true
	}
	return host != "localhost" && net.ParseIP(host) == nil && !strings.Contains(host, ".")
}

// render fills one template.
func render(name string, view any) ([]byte, error) {
	t, err := template.New(name+".tmpl").Funcs(template.FuncMap{"yaml": yamlScalar}).ParseFS(templates, "templates/"+name+".tmpl")
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	if err := t.Execute(&out, view); err != nil {
		return nil, err
	}
	return []byte(out.String()), nil
}

// plainScalar matches strings that need no quotes in YAML. A leading digit could make a
// number or a date.
var plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// yamlScalar renders s so that a jwtgate configuration reads exactly s: in quotes if
// necessary, and with `${` escaped, which would be expanded.
func yamlScalar(s string) (string, error) {
	s = strings.ReplaceAll(s, "${", "$${")
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
	default:
		if plainScalar.MatchString(s) {
			return s, nil
		}
	}
	quoted, err := json.Marshal(s) // a JSON string is a YAML double-quoted scalar
	return string(quoted), err
}

// Check returns an error that names every missing or invalid option, one a line, by its
// flag; nil: there is none.
func (o InitOptions) Check() error {
	faults := []error{o.checkApp(), o.checkPort()}
	if o.Existing != nil {
		faults = append(faults, o.checkExisting())
	} else {
		faults = append([]error{o.checkIssuer()}, faults...)
	}
	for _, origin := range o.Origins {
		if err := checkOrigin(origin); err != nil {
			faults = append(faults, fmt.Errorf("--origin: %w", err))
		}
	}
	if o.Image != "" && !imageName.MatchString(o.Image) {
		faults = append(faults, fmt.Errorf("got the image %q; expected the name of a container image", o.Image))
	}
	return errors.Join(faults...)
}

// checkApp checks the form of the application's address, and that it is not one of the
// ports on loopback that Envoy and jwtgate use, where Envoy would call itself.
func (o InitOptions) checkApp() error {
	if o.App == "" {
		return errors.New("--app HOST:PORT is missing; expected the address of your application, such as 127.0.0.1:4567")
	}
	_, port, err := splitAddress(o.App)
	if err != nil {
		return fmt.Errorf("--app: %w", err)
	}
	if host, _, _ := net.SplitHostPort(o.App); !thisMachine(host) {
		return nil
	}
	if owner := o.portOwner(port); owner != "" || strings.HasSuffix(o.listen(), fmt.Sprintf(":%d", port)) {
		owner = cmp.Or(owner, "jwtgate")
		return fmt.Errorf("--app: got %q, where %s listens; expected another port for your application", o.App, owner)
	}
	return nil
}

// thisMachine reports whether a host is loopback or the unspecified address, which
// connects to loopback.
func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// port returns the port on which Envoy listens for clients.
func (o InitOptions) port() int { return cmp.Or(o.Port, DefaultPort) }

// checkPort checks that the port of Envoy is not one of the other ports on loopback.
func (o InitOptions) checkPort() error {
	other := o
	other.Port = -1
	switch owner := other.portOwner(o.port()); {
	case o.port() < 1 || o.port() > 65535:
		return fmt.Errorf("--port: got %d; expected a port from 1 to 65535", o.Port)
	case owner != "":
		return fmt.Errorf("--port: got %d, where %s listens; expected another port for Envoy", o.Port, owner)
	}
	return nil
}

// DefaultPort is the port of the shipped file on which Envoy listens for clients.
const DefaultPort = 8080

// envoyAdminPort is the port of Envoy's admin interface in the shipped file.
const envoyAdminPort = 9901

// portOwner names the listener of a loopback port in the files; "" for a free port.
func (o InitOptions) portOwner(port int) string {
	switch port {
	case o.port():
		return "Envoy"
	case envoyAdminPort:
		return "Envoy's admin interface"
	case 9001:
		return "jwtgate"
	case 9002:
		return "jwtgate's admin server"
	default:
		return ""
	}
}

// The forms of Cognito's pool ids (a region, then letters and digits), its app client
// ids, and image references.
var (
	poolID    = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]+_[A-Za-z0-9]+$`)
	clientID  = regexp.MustCompile(`^[A-Za-z0-9_+]{1,128}$`)
	imageName = regexp.MustCompile(`^[a-z0-9][a-z0-9._/:@-]*$`)
)

// checkIssuer checks that the options name the issuer in one of the ways.
func (o InitOptions) checkIssuer() error {
	if o.Login != nil {
		return o.checkLogin()
	}
	cognito := o.Cognito != "" || len(o.ClientIDs) > 0
	generic := o.Issuer != "" || o.Audience != ""
	switch {
	case o.Provider != nil && (o.Cognito != "" || o.Issuer != ""):
		return errors.New("--provider and --cognito or --issuer: got both; expected one of them")
	case o.Provider != nil && !plainScalar.MatchString(o.Provider.Name):
		return fmt.Errorf("--provider: got %q; expected a known provider, such as okta", o.Provider.Name)
	case o.Provider != nil: // the configuration's own rules check the rest
		return nil
	case cognito && generic:
		return errors.New("got options of both kinds of issuer; expected either --cognito POOL --client-id ID, or --issuer URL --audience A")
	case !cognito && !generic:
		return errors.New("the issuer of the tokens is missing; expected --provider NAME, --cognito POOL --client-id ID, " +
			"or --issuer URL --audience A, or --config FILE for a configuration that exists")
	case cognito && (o.Cognito == "" || len(o.ClientIDs) == 0):
		return errors.New("--cognito and --client-id: got one; expected both")
	case generic && (o.Issuer == "" || o.Audience == ""):
		return errors.New("--issuer and --audience: got one; expected both")
	case generic:
		return o.checkGeneric()
	}
	return cmp.Or(o.checkPool(), o.checkClients())
}

// checkPool checks the form of the user pool's ID.
func (o InitOptions) checkPool() error {
	if !poolID.MatchString(o.Cognito) || len(o.Cognito) > 55 {
		return fmt.Errorf("--cognito: got %q; expected a user pool id, such as us-west-1_6BpkgoczU", o.Cognito)
	}
	return nil
}

// checkClients checks the form of the app clients' ids.
func (o InitOptions) checkClients() error {
	var faults []error
	for _, id := range o.ClientIDs {
		if !clientID.MatchString(id) {
			faults = append(faults, fmt.Errorf("--client-id: got %q; expected the id of an app client; repeat --client-id for each", id))
		}
	}
	return errors.Join(faults...)
}

// checkGeneric checks an OIDC issuer (OpenID Connect Discovery 1.0 section 3:
// an https URL without query and fragment) and an audience.
func (o InitOptions) checkGeneric() error {
	u, err := url.Parse(o.Issuer)
	if err != nil || (u.Scheme != "https" && !o.PlainHTTP()) || u.Hostname() == "" || u.User != nil ||
		strings.ContainsAny(o.Issuer, "?#") || !printable(o.Issuer) {
		got := strconv.Quote(o.Issuer)
		if strings.Contains(o.Issuer, "@") { // perhaps with a password
			got = "a URL with a user"
		}
		return fmt.Errorf("--issuer: got %s; expected an https URL, or http on loopback, without user, query and fragment, "+
			"exactly as in iss of a token", got)
	}
	if o.Audience != "" && !printable(o.Audience) {
		return fmt.Errorf("--audience: got %q; expected ASCII without spaces", o.Audience)
	}
	return nil
}

// printable reports whether s is visible ASCII without spaces.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
