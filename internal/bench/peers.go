package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"

	"github.com/jwtgate/jwtgate/internal/bench/peer"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// peerArgument makes this program one of the servers it compares with:
// peerArgument nothing ADDRESS (or bytes), or peerArgument naive ADDRESS KEYS-FILE.
const peerArgument = "serve-peer"

// servePeer serves until ctx ends.
func servePeer(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: %s KIND ADDRESS [FILE]", peerArgument)
	}
	var server *grpc.Server
	switch args[0] {
	case "nothing":
		server = peer.NewNothing()
	case "bytes":
		server = peer.NewBytes()
	case "naive":
		jwks, err := os.ReadFile(args[len(args)-1])
		if err != nil {
			return fmt.Errorf("read the keys: %w", err)
		}
		keys, err := peer.Keys(jwks)
		if err != nil {
			return err
		}
		server = peer.NewNaive(peer.Expected{Issuer: sample.Issuer, ClientID: sample.ClientID, Keys: keys})
	default:
		return fmt.Errorf("there is no server %q", args[0])
	}
	listener, err := net.Listen("tcp", args[1])
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer context.AfterFunc(ctx, server.Stop)()
	return server.Serve(listener)
}
