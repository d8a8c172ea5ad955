package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/MicahParks/keyfunc/v3"
	"google.golang.org/grpc"

	"github.com/jwtgate/jwtgate/internal/bench/peer"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// peerArgument makes this program one of the servers that jwtgate is compared
// with. The arguments after it are KIND ADDRESS KEYS-FILE.
const peerArgument = "serve-peer"

// Kinds of servers.
const (
	peerNoop  = "no-op"
	peerBytes = "bytes"
	peerNaive = "naive"
)

// servePeer serves until ctx ends.
func servePeer(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: %s KIND ADDRESS KEYS-FILE", peerArgument)
	}
	var server *grpc.Server
	switch args[0] {
	case peerNoop:
		server = peer.NewNoop()
	case peerBytes:
		server = peer.NewBytes()
	case peerNaive:
		jwks, err := os.ReadFile(args[2])
		if err != nil {
			return fmt.Errorf("read the keys: %w", err)
		}
		keys, err := keyfunc.NewJWKSetJSON(jwks)
		if err != nil {
			return err
		}
		server = peer.NewNaive(peer.Expected{Issuer: sample.Issuer, ClientID: sample.ClientID, Keys: keys.Keyfunc})
	default:
		return fmt.Errorf("unknown kind of server %q", args[0])
	}
	listener, err := net.Listen("tcp", args[1])
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer context.AfterFunc(ctx, server.Stop)()
	return server.Serve(listener)
}
