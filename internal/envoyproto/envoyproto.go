package envoyproto

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Version is the Envoy release whose messages are described.
const Version = "1.40"

//go:embed descriptors.binpb.gz
var compressed []byte

// files decompresses the set once.
var files = sync.OnceValues(func() (*protoregistry.Files, error) {
	set, err := read(compressed)
	if err != nil {
		return nil, fmt.Errorf("reading the embedded descriptions of Envoy's messages: %w", err)
	}
	// The set lacks files of other projects that Envoy's files import and no relevant
	// field needs.
	return protodesc.FileOptions{AllowUnresolvable: true}.NewFiles(set)
})

func read(data []byte) (*descriptorpb.FileDescriptorSet, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(unzip)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	return set, proto.Unmarshal(raw, set)
}

// Find returns the description of a message by its full name, such as
// envoy.config.listener.v3.Listener; ok is false for an unknown message. An error means
// that the embedded set cannot be read, which the package's tests exclude. Find may be
// called concurrently.
func Find(name string) (message protoreflect.MessageDescriptor, ok bool, err error) {
	all, err := files()
	if err != nil {
		return nil, false, err
	}
	found, err := all.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil, false, nil //nolint:nilerr // the only error is NotFound
	}
	message, ok = found.(protoreflect.MessageDescriptor)
	return message, ok, nil
}
