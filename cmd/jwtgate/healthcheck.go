package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/extauthz"
)

// defaultAddress is where a server listens that is told nothing else.
const defaultAddress = "127.0.0.1:9001"

// healthcheckTimeout bounds the whole question.
const healthcheckTimeout = 3 * time.Second

type healthcheckCommand struct {
	Config string `help:"The server's configuration; its server.listen is asked, by TLS if it has server.tls." placeholder:"FILE" env:"JWTGATE_CONFIG"`
	Addr   string `help:"Where to ask: host:port or unix:PATH; before the configuration. With neither: 127.0.0.1:9001." placeholder:"A" env:"JWTGATE_LISTEN"`
	CA     string `name:"ca" help:"Ask by TLS; one of these CAs must have signed the server's certificate (PEM). Without it that is the one in the configuration's cert_file, or else one of the system's CAs has signed it." placeholder:"FILE"`
	Cert   string `help:"Ask by TLS, and show the server this certificate (PEM)." placeholder:"FILE"`
	Key    string `help:"The private key of --cert (PEM)." placeholder:"FILE"`
}

// Help is the command's longer help.
func (healthcheckCommand) Help() string {
	return `Asks grpc.health.v1 and exits with 0 when the server is serving, 1 when it is not, 2 when it cannot be asked.

Examples:
  jwtgate healthcheck --addr 127.0.0.1:9001
  jwtgate healthcheck --config jwtgate.yaml --cert probe.pem --key probe.key`
}

// Run asks the server.
func (cmd healthcheckCommand) Run(ctx context.Context, c console) error {
	address := dialable(cmp.Or(cmd.Addr, defaultAddress))
	var served config.TLS
	if cmd.Config != "" {
		// Mistakes in the rest of the file are no business of a health check: the
		// server may be running by the file before.
		cfg, err := config.Load(cmd.Config, c.getenv)
		switch {
		case cfg != nil:
			served = cfg.Server.TLS
			address = dialable(cmp.Or(cmd.Addr, cfg.Server.Listen))
		case cmd.Addr == "":
			return err
		}
	}
	transport, err := cmd.transport(address, served)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	connection, err := grpc.NewClient(target(address), grpc.WithTransportCredentials(transport))
	if err != nil {
		return err
	}
	answer, err := healthpb.NewHealthClient(connection).Check(ctx, &healthpb.HealthCheckRequest{Service: extauthz.ServiceName})
	err = errors.Join(err, connection.Close())
	switch {
	case err != nil && served.ClientCAFile != "" && cmd.Cert == "":
		return fmt.Errorf("no answer from %s, which wants clients to have a certificate (server.tls.client_ca_file); name one with --cert and --key: %w", address, err)
	case err != nil:
		return fmt.Errorf("no answer from %s: %w", address, err)
	case answer.GetStatus() != healthpb.HealthCheckResponse_SERVING:
		return exitError{exitNo, fmt.Errorf("%s says %s", address, answer.GetStatus())}
	}
	fmt.Fprintf(c.out, "%s is serving\n", address)
	return nil
}

// target names a TCP address or a Unix socket to grpc-go, which must not look
// for a proxy.
func target(address string) string {
	if strings.HasPrefix(address, "unix:") {
		return address
	}
	return "passthrough:///" + address
}

// dialable returns the address to connect to for a listen address: an unspecified host
// becomes this machine.
func dialable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
