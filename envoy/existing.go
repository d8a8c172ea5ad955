package envoy

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// Existing is a jwtgate configuration that is there already, for which [Init]
// renders the other two files.
type Existing struct {
	File   string // as the next steps name it
	Needs  Needs
	Listen string // its server.listen: host:port or unix:PATH
	// OwnCORS says that it treats browsers' preflights in a way that Envoy's CORS
	// filter would take back for the origins that it lists.
	OwnCORS bool
}

// defaultListen is where a configuration of [Init]'s listens.
const defaultListen = "127.0.0.1:9001"

// listen returns where an Envoy on the machine's own network asks jwtgate, which
// is also where compose.yaml lets it listen.
func (o InitOptions) listen() string {
	if o.Existing == nil {
		return defaultListen
	}
	host, port, err := net.SplitHostPort(o.Existing.Listen)
	if ip := net.ParseIP(host); err == nil && !strings.HasPrefix(o.Existing.Listen, "unix:") && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return o.Existing.Listen
}

// socketFolder returns the folder of the Unix socket at which jwtgate is asked; ""
// if it is asked at a port.
func (o InitOptions) socketFolder() string {
	if path, isSocket := strings.CutPrefix(o.listen(), "unix:"); isSocket {
		return filepath.Dir(path)
	}
	return ""
}

// checkExisting checks what an existing configuration says of where jwtgate
// listens, and that nothing else says what it says itself.
func (o InitOptions) checkExisting() error {
	var faults []error
	for _, one := range []struct{ flag, value string }{
		{"--cognito", o.Cognito}, {"--client-id", o.ClientID}, {"--issuer", o.Issuer}, {"--audience", o.Audience},
	} {
		if one.value != "" {
			const text = "--config and %s: got both; expected either a configuration that is there or the issuer of a new one"
			faults = append(faults, fmt.Errorf(text, one.flag))
		}
	}
	_, port, err := net.SplitHostPort(o.Existing.Listen)
	if err != nil || strings.HasPrefix(o.Existing.Listen, "unix:") {
		return errors.Join(faults...) // [Bootstrap] checks a socket's path
	}
	switch number, err := strconv.Atoi(port); {
	case err != nil || number == 0:
		faults = append(faults, fmt.Errorf("server.listen: got %q; expected a port from 1 to 65535, which Envoy can be told", o.Existing.Listen))
	case number == envoyPort || number == envoyAdminPort:
		faults = append(faults, fmt.Errorf("server.listen: got %q, the port of %s in envoy.yaml; expected another port", o.Existing.Listen, portOwner(number)))
	}
	return errors.Join(faults...)
}

// nextExisting is what to do with the files that fit an existing configuration.
func (o InitOptions) nextExisting(appHost string) []string {
	file, mounted := o.Existing.File, filepath.Join(o.Dir, "jwtgate.yaml")
	bootstrap, compose := filepath.Join(o.Dir, "envoy.yaml"), filepath.Join(o.Dir, "compose.yaml")
	steps := []string{"jwtgate lint-envoy --config " + file + " " + bootstrap}
	if o.Existing.Needs.TLS {
		steps = append(steps, fmt.Sprintf("server.tls is on: add a transport_socket with your certificate authority to the cluster jwtgate of %s; "+
			"until then lint-envoy says what is missing", bootstrap))
	}
	if o.Existing.OwnCORS {
		steps = append(steps, fmt.Sprintf("%s lists no origin for Envoy's CORS filter, so that jwtgate treats preflights as `cors` in %s says",
			bootstrap, file))
	}
	if filepath.Clean(file) == filepath.Clean(mounted) {
		steps = append(steps, fmt.Sprintf("for containers: %s mounts %s; add the other files and the variables that it reads", compose, mounted))
	} else {
		steps = append(steps, fmt.Sprintf("for containers: %s mounts %s, and your configuration is %s: copy it there, or write its path in the volumes; "+
			"add the other files and the variables that it reads", compose, mounted, file))
	}
	return append(steps, o.run(appHost, file)...)
}
