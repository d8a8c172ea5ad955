package extauthz

import (
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto" // which also registers the codec
	"google.golang.org/grpc/mem"
)

// question is a CheckRequest, or why there is none.
type question struct {
	check authv3.CheckRequest
	err   error
}

// codec is grpc-go's own for protobuf, but that a CheckRequest which cannot be
// decoded is handed on as such. grpc-go would fail the RPC before the service
// could answer.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// Unmarshal decodes data into v. The error of a question stands in it.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if q, ok := v.(*question); ok {
		q.err = c.CodecV2.Unmarshal(data, &q.check)
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
