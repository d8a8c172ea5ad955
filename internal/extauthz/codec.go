package extauthz

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto" // which also registers the codec
	"google.golang.org/grpc/mem"
)

// codec is grpc-go's codec for Protobuf, except that it passes the bytes of a CheckRequest
// to its call and takes those of the answer from it. With the original codec, the RPC of a
// CheckRequest that cannot be decoded would fail before the service could answer, and
// decoding and encoding complete messages would cost several times as much as a decision.
type codec struct {
	encoding.CodecV2
	calls *calls
}

func newCodec(calls *calls) codec { return codec{encoding.GetCodecV2(proto.Name), calls} }

// Unmarshal decodes data into v. For a call it never fails: the call has the error.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if call, ok := v.(*call); ok {
		call.read(data, c.calls.poison)
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// Marshal encodes v. If v is a call, it must not be used any more.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	call, ok := v.(*call)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	answer := call.answer
	c.calls.end(call)
	return answer.buffer(), nil
}
