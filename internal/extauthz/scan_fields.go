package extauthz

import "google.golang.org/protobuf/encoding/protowire"

// field is what a scan does with a field of a message.
type field struct {
	kind kind
	take take  // what the gate reads it as
	of   place // the message that it holds
}

// kind is how the value of a field is read.
type kind uint8

const (
	skipped kind = iota // a number, bytes that nobody reads, or a field unknown here
	text                // a string: UTF-8
	octets              // bytes
	nested              // a message
	entry               // an entry of a map
)

// take is what the gate reads a text as.
type take uint8

const (
	takeNothing take = iota
	takeMethod
	takeHost
	takePath
	takeSource
	takePrincipal
	takeKey
	takeValue
	takeRawValue
	takes // how many there are
)

// place is a kind of message, and where it stands if the gate reads it there and
// nowhere else. Its lower half is free for the number of a field.
type place uint64

const (
	inCheckRequest place = iota << 32
	inAttributes
	inSource
	inSourceAddress
	inSourceSocket
	inRequest
	inHTTP
	inHeader
	inHeaderMap
	inHeaderValue
	inExtension

	// What follows is only held to its form.
	inPeer
	inAddress
	inSocket
	inPipe
	inInternalAddress
	inLabel
	inTimestamp
	inTLSSession
	inMetadata
	inStructEntry
	inAnyEntry
	inAny
	inStruct
	inValueEntry
	inValue
	inList
)

// field returns what is done with field num of a message. Known are those of
// envoy.service.auth.v3.CheckRequest and of all that it can hold, in the version
// of go-control-plane that the module requires (TestScanKnowsEachField).
func (p place) field(num protowire.Number) field {
	switch p | place(num) {
	case inHTTP | 3:
		return field{kind: entry, of: inHeader}
	case inHeader | 1, inHeaderValue | 1, inExtension | 1:
		return field{kind: text, take: takeKey}
	case inHeader | 2, inHeaderValue | 2, inExtension | 2:
		return field{kind: text, take: takeValue}
	case inHeaderValue | 3:
		return field{kind: octets, take: takeRawValue}
	case inHTTP | 2:
		return field{kind: text, take: takeMethod}
	case inHTTP | 4:
		return field{kind: text, take: takePath}
	case inHTTP | 5:
		return field{kind: text, take: takeHost}
	case inHTTP | 13:
		return field{kind: nested, of: inHeaderMap}
	case inHeaderMap | 1:
		return field{kind: nested, of: inHeaderValue}
	case inCheckRequest | 1:
		return field{kind: nested, of: inAttributes}
	case inAttributes | 1:
		return field{kind: nested, of: inSource}
	case inAttributes | 4:
		return field{kind: nested, of: inRequest}
	case inAttributes | 10:
		return field{kind: entry, of: inExtension}
	case inRequest | 2:
		return field{kind: nested, of: inHTTP}
	case inSource | 1:
		return field{kind: nested, of: inSourceAddress}
	case inSource | 4:
		return field{kind: text, take: takePrincipal}
	case inSourceAddress | 1:
		return field{kind: nested, of: inSourceSocket}
	case inSourceAddress | 2:
		return field{kind: nested, of: inPipe, take: takeSource}
	case inSourceAddress | 3:
		return field{kind: nested, of: inInternalAddress, take: takeSource}
	case inSourceSocket | 2:
		return field{kind: text, take: takeSource}
	}
	return p.unread(num)
}

// unread is field for the fields that the gate does not read.
func (p place) unread(num protowire.Number) field {
	switch p | place(num) {
	case inHTTP | 1, inHTTP | 6, inHTTP | 7, inHTTP | 8, inHTTP | 10, inHTTP | 11,
		inSource | 2, inSource | 5, inPeer | 2, inPeer | 4, inPeer | 5,
		inSourceSocket | 4, inSourceSocket | 5, inSourceSocket | 7,
		inSocket | 2, inSocket | 4, inSocket | 5, inSocket | 7,
		inPipe | 1, inInternalAddress | 1, inInternalAddress | 2,
		inLabel | 1, inLabel | 2, inTLSSession | 1,
		inStructEntry | 1, inAnyEntry | 1, inAny | 1, inValueEntry | 1, inValue | 3:
		return field{kind: text}
	case inAttributes | 2:
		return field{kind: nested, of: inPeer}
	case inAttributes | 11, inAttributes | 13:
		return field{kind: nested, of: inMetadata}
	case inAttributes | 12:
		return field{kind: nested, of: inTLSSession}
	case inRequest | 1:
		return field{kind: nested, of: inTimestamp}
	case inPeer | 1:
		return field{kind: nested, of: inAddress}
	case inAddress | 1:
		return field{kind: nested, of: inSocket}
	case inAddress | 2:
		return field{kind: nested, of: inPipe}
	case inAddress | 3:
		return field{kind: nested, of: inInternalAddress}
	case inSource | 3, inPeer | 3:
		return field{kind: entry, of: inLabel}
	case inMetadata | 1:
		return field{kind: entry, of: inStructEntry}
	case inMetadata | 2:
		return field{kind: entry, of: inAnyEntry}
	case inStruct | 1:
		return field{kind: entry, of: inValueEntry}
	case inStructEntry | 2, inValue | 5:
		return field{kind: nested, of: inStruct}
	case inAnyEntry | 2:
		return field{kind: nested, of: inAny}
	case inValueEntry | 2, inList | 1:
		return field{kind: nested, of: inValue}
	case inValue | 6:
		return field{kind: nested, of: inList}
	}
	return field{kind: skipped}
}
