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

// watchedInfo is the connection's own information, with the connection beside it.
type watchedInfo struct {
	credentials.AuthInfo
	of *connection
}

// watchedCredentials are credentials by which a call finds its connection.
type watchedCredentials struct {
	credentials.TransportCredentials
}

// watched returns transport, or those of plain text if it is nil.
func watched(transport credentials.TransportCredentials) credentials.TransportCredentials {
	if transport == nil {
		transport = insecure.NewCredentials()
	}
	return watchedCredentials{transport}
}

// ServerHandshake is that of the credentials.
func (w watchedCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	of, ok := raw.(*connection)
	if !ok {
		return nil, nil, errors.Join(errors.New("a connection that nobody watches"), conn.Close())
	}
	return conn, watchedInfo{info, of}, nil
}

// Clone returns credentials that do the same.
func (w watchedCredentials) Clone() credentials.TransportCredentials {
	return watchedCredentials{w.TransportCredentials.Clone()}
}

// watchedStream is the context of a stream that is watched.
type watchedStream struct {
	context.Context
	unfinished
}

type watchedKey struct{}

// Value finds the stream itself, beside what its context holds.
func (w *watchedStream) Value(key any) any {
	if key == (watchedKey{}) {
		return w
	}
	return w.Context.Value(key)
}

// takeStream notes a stream when its headers come, before it takes any memory of its
// own. It refuses one where there are many that wait for their message, and its
// connection has more than its share of them. A stream that grpc-go gives up before
// anybody looks at it, since its time is over already, stays noted: then its
// connection is closed in the end.
func takeStream(ctx context.Context, _ *tap.Info) (context.Context, error) {
	from, known := peer.FromContext(ctx)
	if !known || ctx.Err() != nil {
		return ctx, nil
	}
	info, watched := from.AuthInfo.(watchedInfo)
	switch {
	case !watched:
		return ctx, nil
	case info.of.all.pending.Load() >= manyStreams && info.of.pending.Load() >= info.of.all.streamShare():
		info.of.all.count("too_many_streams")
		return nil, status.Error(codes.ResourceExhausted, "this connection has too many streams without a message")
	}
	return &watchedStream{ctx, info.of.begin()}, nil
}

// begun returns the context's stream.
func begun(ctx context.Context) unfinished {
	if stream, ok := ctx.Value(watchedKey{}).(*watchedStream); ok {
		return stream.unfinished
	}
	return unfinished{}
}

// unknownMethod answers for what the server does not have.
func unknownMethod(_ any, stream grpc.ServerStream) error {
	begun(stream.Context()).end(0)
	return status.Error(codes.Unimplemented, "the server has no such method")
}

// watchedService is a service of which each stream is watched until its first message
// is whole.
func watchedService(service grpc.ServiceDesc) *grpc.ServiceDesc {
	methods := make([]grpc.MethodDesc, len(service.Methods))
	for i, method := range service.Methods {
		methods[i] = grpc.MethodDesc{MethodName: method.MethodName, Handler: func(
			server any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor,
		) (any, error) {
			stream := begun(ctx)
			return method.Handler(server, ctx, func(v any) error {
				defer stream.end(0)
				return decode(v)
			}, interceptor)
		}}
	}
	streams := make([]grpc.StreamDesc, len(service.Streams))
	for i, one := range service.Streams {
		streams[i] = one
		streams[i].Handler = func(server any, stream grpc.ServerStream) error {
			first := &firstMessage{ServerStream: stream, unfinished: begun(stream.Context())}
			defer first.once.Do(func() { first.end(0) })
			if first.of != nil {
				defer first.of.all.watches.Add(-1)
				if first.of.all.watches.Add(1) > mostWatches {
					return status.Error(codes.ResourceExhausted, "too many watch the server")
				}
			}
			return one.Handler(server, first)
		}
	}
	service.Methods, service.Streams = methods, streams
	return &service
}

// firstMessage is a stream that notes its first message.
type firstMessage struct {
	grpc.ServerStream
	unfinished
	once sync.Once
}

// RecvMsg is that of the stream.
func (f *firstMessage) RecvMsg(v any) error {
	err := f.ServerStream.RecvMsg(v)
	f.once.Do(func() { f.end(0) })
	return err
}
