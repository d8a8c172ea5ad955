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

// defaultAddress is where a server listens by default.
const defaultAddress = "127.0.0.1:9001"

// healthcheckTimeout bounds the whole check.
const healthcheckTimeout = 3 * time.Second

type healthcheckCommand struct {
	Config string `help:"The server's configuration: its server.listen and server.tls are used." placeholder:"FILE" env:"JWTGATE_CONFIG"`
	Addr   string `help:"The address: host:port or unix:PATH; overrides server.listen." placeholder:"A" env:"JWTGATE_LISTEN"`
	CA     string `name:"ca" help:"Use TLS and trust these CAs (PEM) instead of server.tls.cert_file or the system's." placeholder:"FILE"`
	Cert   string `help:"Use TLS with this client certificate (PEM)." placeholder:"FILE"`
	Key    string `help:"The private key of --cert (PEM)." placeholder:"FILE"`
}

// Help is the command's longer help.
func (healthcheckCommand) Help() string {
	return `Calls grpc.health.v1 and exits with 0 if the server is serving, 1 if it is not, and 2 if it does not answer.

Examples:
  jwtgate healthcheck --addr 127.0.0.1:9001
  jwtgate healthcheck --config jwtgate.yaml --cert probe.pem --key probe.key`
}

// Run calls the server.
func (cmd healthcheckCommand) Run(ctx context.Context, c console) error {
	address := dialable(cmp.Or(cmd.Addr, defaultAddress))
	var served config.TLS
	if cmd.Config != "" {
		// Mistakes in the rest of the file do not matter: the server may still run with
		// the previous version.
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
		return fmt.Errorf("no answer from %s, which requires a client certificate (server.tls.client_ca_file); hint: --cert and --key: %w",
			address, err)
	case err != nil:
		return fmt.Errorf("no answer from %s: %w", address, err)
	case answer.GetStatus() != healthpb.HealthCheckResponse_SERVING:
		return exitError{exitNo, fmt.Errorf("%s reports %s", address, answer.GetStatus())}
	}
	fmt.Fprintf(c.out, "%s is serving\n", address)
	return nil
}

// target returns the grpc-go target for a TCP address or a Unix socket. grpc-go does not
// use a proxy for it.
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
