package extauthz

import (
	"context"
	"errors"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// trackedCredentials are transport credentials by which a stream finds its connection.
// grpc-go passes the result of a handshake to the streams, but not the connection.
type trackedCredentials struct {
	credentials.TransportCredentials
}

// trackedInfo is the result of a handshake, together with its connection.
type trackedInfo struct {
	credentials.AuthInfo
	conn *connection
}

// tracked returns the credentials, or those of plain text if transport is nil, so that
// streams find their connection.
func tracked(transport credentials.TransportCredentials) credentials.TransportCredentials {
	if transport == nil {
		transport = insecure.NewCredentials()
	}
	return trackedCredentials{transport}
}

// ServerHandshake implements credentials.TransportCredentials.
func (t trackedCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := t.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	conn, ok := raw.(*connection)
	if !ok {
		return nil, nil, errors.Join(errors.New("the connection does not come from the server's listener"), secured.Close())
	}
	return secured, trackedInfo{info, conn}, nil
}

// Clone implements credentials.TransportCredentials.
func (t trackedCredentials) Clone() credentials.TransportCredentials {
	return trackedCredentials{t.TransportCredentials.Clone()}
}

// streamContext is the context of a stream that is counted as incomplete.
type streamContext struct {
	context.Context
	incompleteStream
}

type streamContextKey struct{}

// Value returns the streamContext itself for its own key.
func (s *streamContext) Value(key any) any {
	if key == (streamContextKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// limitStream is called by grpc-go when the headers of a stream arrive, before the stream
// takes memory. It counts the stream as incomplete, or refuses it if there are many
// incomplete streams and the connection has more than its share. If grpc-go drops a stream
// before its handler runs, because its deadline has passed, the stream stays counted, and
// its connection is closed in the end.
func limitStream(ctx context.Context, _ *tap.Info) (context.Context, error) {
	from, known := peer.FromContext(ctx)
	if !known || ctx.Err() != nil {
		return ctx, nil
	}
	info, tracked := from.AuthInfo.(trackedInfo)
	if !tracked {
		return ctx, nil
	}
	if all := info.conn.set; all.incomplete.Load() >= maxIncomplete && info.conn.incomplete.Load() >= all.shareStreams() {
		all.onClosed("too_many_streams")
		return nil, status.Error(codes.ResourceExhausted, "this connection has too many streams without a message")
	}
	return &streamContext{ctx, info.conn.beginStream()}, nil
}

// streamOf returns the incomplete stream that a context belongs to.
func streamOf(ctx context.Context) incompleteStream {
	if s, ok := ctx.Value(streamContextKey{}).(*streamContext); ok {
		return s.incompleteStream
	}
	return incompleteStream{}
}

// unknownMethod responds to calls of methods that the server does not have.
func unknownMethod(_ any, stream grpc.ServerStream) error {
	streamOf(stream.Context()).end(0)
	return status.Error(codes.Unimplemented, "the server has no such method")
}

// limitedService returns the health service with handlers that end the incomplete stream
// when its message arrives, and that limit how many streams stay open.
func limitedService(service grpc.ServiceDesc) *grpc.ServiceDesc {
	methods := make([]grpc.MethodDesc, len(service.Methods))
	for i, method := range service.Methods {
		methods[i] = grpc.MethodDesc{MethodName: method.MethodName, Handler: func(
			server any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor,
		) (any, error) {
			stream := streamOf(ctx)
			return method.Handler(server, ctx, func(v any) error {
				defer stream.end(0)
				return decode(v)
			}, interceptor)
		}}
	}
	streams := make([]grpc.StreamDesc, len(service.Streams))
	for i, desc := range service.Streams {
		streams[i] = desc
		streams[i].Handler = func(server any, stream grpc.ServerStream) error {
			first := &firstMessage{ServerStream: stream, incompleteStream: streamOf(stream.Context())}
			defer first.once.Do(func() { first.end(0) })
			if first.conn != nil {
				watches := &first.conn.set.watches
				defer watches.Add(-1)
				if watches.Add(1) > maxHealthWatches {
					return status.Error(codes.ResourceExhausted, "too many streams watch the health of the server")
				}
			}
			return desc.Handler(server, first)
		}
	}
	service.Methods, service.Streams = methods, streams
	return &service
}

// firstMessage is a stream that stops being incomplete when its first message arrives.
type firstMessage struct {
	grpc.ServerStream
	incompleteStream
	once sync.Once
}

// RecvMsg implements grpc.ServerStream.
func (f *firstMessage) RecvMsg(v any) error {
	err := f.ServerStream.RecvMsg(v)
	f.once.Do(func() { f.end(0) })
	return err
}
