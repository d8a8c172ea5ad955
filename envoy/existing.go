package envoy

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Existing is an existing jwtgate configuration, for which [Init] renders the other two
// files.
type Existing struct {
	File   string // its path in the next steps
	Needs  Needs
	Listen string // its server.listen: host:port or unix:PATH
	// OwnCORS is set if it has settings for browsers' preflights that Envoy's CORS filter
	// would override for the origins that the filter lists.
	OwnCORS bool
}

// defaultListen is where a configuration from [Init] listens.
const defaultListen = "127.0.0.1:9001"

// listen returns the address at which an Envoy on the machine's own network calls
// jwtgate, and at which compose.yaml makes it listen.
func (o InitOptions) listen() string {
	if o.Existing == nil {
		return defaultListen
	}
	host, port, err := net.SplitHostPort(o.Existing.Listen)
	ip := net.ParseIP(host)
	anyHost := host == "" || ip != nil && ip.IsUnspecified()
	if err == nil && !strings.HasPrefix(o.Existing.Listen, "unix:") && anyHost {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return o.Existing.Listen
}

// socketFolder returns the folder of jwtgate's Unix socket; "" if it listens on a port.
func (o InitOptions) socketFolder() string {
	if path, isSocket := strings.CutPrefix(o.listen(), "unix:"); isSocket {
		return filepath.Dir(path)
	}
	return ""
}

// checkExisting checks the address of an existing configuration, and that no option
// repeats its settings.
func (o InitOptions) checkExisting() error {
	var faults []error
	for _, one := range []struct{ flag, value string }{
		{"--provider", providerName(o.Provider)},
		{"--cognito", o.Cognito}, {"--client-id", strings.Join(o.ClientIDs, "")}, {"--issuer", o.Issuer}, {"--audience", o.Audience},
	} {
		if one.value != "" {
			const text = "--config and %s: got both; expected either an existing configuration or the issuer of a new one"
			faults = append(faults, fmt.Errorf(text, one.flag))
		}
	}
	_, port, err := net.SplitHostPort(o.Existing.Listen)
	if err != nil || strings.HasPrefix(o.Existing.Listen, "unix:") {
		return errors.Join(faults...) // [Bootstrap] checks a socket's path
	}
	switch number, err := strconv.Atoi(port); {
	case err != nil || number == 0:
		faults = append(faults, fmt.Errorf("server.listen: got %q; expected a port from 1 to 65535, for envoy.yaml", o.Existing.Listen))
	case number == o.port() || number == envoyAdminPort:
		faults = append(faults, fmt.Errorf("server.listen: got %q, the port of %s in envoy.yaml; expected another port",
			o.Existing.Listen, o.portOwner(number)))
	}
	return errors.Join(faults...)
}

// nextExisting returns the next steps with the files for an existing configuration.
func (o InitOptions) nextExisting(appHost string) []string {
	file, mounted := o.Existing.File, filepath.Join(o.Dir, "jwtgate.yaml")
	bootstrap, compose := filepath.Join(o.Dir, "envoy.yaml"), o.composeFile()
	steps := []string{"jwtgate lint-envoy --config " + file + " " + bootstrap}
	if o.Existing.Needs.TLS {
		steps = append(steps,
			fmt.Sprintf("server.tls is on: add a transport_socket with your certificate authority to the cluster jwtgate of %s; "+
				"until then lint-envoy reports what is missing", bootstrap))
	}
	if o.Existing.OwnCORS {
		steps = append(steps, fmt.Sprintf("%s lists no origin for Envoy's CORS filter, so that the `cors` settings of %s apply",
			bootstrap, file))
	}
	switch {
	case o.NoCompose:
	case filepath.Clean(file) == filepath.Clean(mounted):
		steps = append(steps, fmt.Sprintf("for containers: %s mounts %s; "+
			"also mount the other files, and set the variables, that jwtgate.yaml uses", compose, mounted))
	default:
		steps = append(steps,
			fmt.Sprintf("for containers: %s mounts %s, and your configuration is %s: copy it there, or write its path in the volumes; "+
				"also mount the other files, and set the variables, that jwtgate.yaml uses", compose, mounted, file))
	}
	return slices.Concat(steps, o.nextLogin(), o.run(appHost, file), o.nextOpen())
}
