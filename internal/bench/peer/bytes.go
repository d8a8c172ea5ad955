package peer

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto" // which also registers the codec
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
)

// NewBytes returns a server that allows every call without decoding it. Its cost
// is the cost of grpc-go with its default options.
func NewBytes() *grpc.Server {
	server := grpc.NewServer(grpc.ForceServerCodecV2(unread{encoding.GetCodecV2(proto.Name)}))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "envoy.service.auth.v3.Authorization", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Check",
			Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				return noMessage{}, decode(noMessage{})
			},
		}},
	}, nil)
	healthpb.RegisterHealthServer(server, health.NewServer())
	return server
}

// noMessage replaces the messages of Check, which are neither decoded nor encoded.
type noMessage struct{}

// unread is the codec of grpc-go, except for [noMessage].
type unread struct{ encoding.CodecV2 }

func (c unread) Unmarshal(data mem.BufferSlice, v any) error {
	if _, check := v.(noMessage); check {
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// Marshal encodes noMessage as an empty status (OK) and an empty ok_response.
func (c unread) Marshal(v any) (mem.BufferSlice, error) {
	if _, check := v.(noMessage); check {
		return mem.BufferSlice{mem.SliceBuffer("\x0a\x00\x1a\x00")}, nil
	}
	return c.CodecV2.Marshal(v)
}
