package extauthz

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto" // which also registers the codec
	"google.golang.org/grpc/mem"
)

// codec is grpc-go's own for protobuf, but that it hands a Check its bytes and
// takes those of its answer. grpc-go would fail the RPC of a CheckRequest that
// cannot be decoded before the service could answer; and to build and take apart
// whole messages would cost several times what a decision does.
type codec struct {
	encoding.CodecV2
	calls *calls
}

func newCodec(calls *calls) codec { return codec{encoding.GetCodecV2(proto.Name), calls} }

// Unmarshal decodes data into v. What is wrong with a call's stands in it.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if call, ok := v.(*call); ok {
		call.read(data, c.calls.poison)
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// Marshal encodes v. A call is over with that.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	call, ok := v.(*call)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	answer := call.answer
	c.calls.end(call)
	return answer.buffer(), nil
}
