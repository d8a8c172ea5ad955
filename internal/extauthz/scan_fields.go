package extauthz

import "google.golang.org/protobuf/encoding/protowire"

// field is what a scan does with a field of a message.
type field struct {
	kind kind
	role role  // how the gate uses its text
	of   place // the message in it
}

// kind is how the value of a field is read.
type kind uint8

const (
	skipped kind = iota // a number, bytes that are not used, or an unknown field
	text                // a string: UTF-8
	octets              // bytes that are used
	nested              // a message
	entry               // an entry of a map
)

// role is how the gate uses a text.
type role uint8

const (
	roleNone role = iota
	roleMethod
	roleHost
	rolePath
	roleSource
	rolePrincipal
	roleKey
	roleValue
	roleRawValue
	roles // the number of roles
)

// place is a message type. For messages that the gate reads only in one field, it is the type
// in that field. Its lower half is 0, so that a field number can be added.
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

	// The following are only validated.
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

// field returns what the scan does with field num of a message. It knows every field of
// envoy.service.auth.v3.CheckRequest and of the messages in it, in the version of
// go-control-plane that the module requires (TestScanKnowsEachField).
func (p place) field(num protowire.Number) field {
	switch p | place(num) {
	case inHTTP | 3:
		return field{kind: entry, of: inHeader}
	case inHeader | 1, inHeaderValue | 1, inExtension | 1:
		return field{kind: text, role: roleKey}
	case inHeader | 2, inHeaderValue | 2, inExtension | 2:
		return field{kind: text, role: roleValue}
	case inHeaderValue | 3:
		return field{kind: octets, role: roleRawValue}
	case inHTTP | 2:
		return field{kind: text, role: roleMethod}
	case inHTTP | 4:
		return field{kind: text, role: rolePath}
	case inHTTP | 5:
		return field{kind: text, role: roleHost}
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
		return field{kind: text, role: rolePrincipal}
	case inSourceAddress | 1:
		return field{kind: nested, of: inSourceSocket}
	case inSourceAddress | 2:
		return field{kind: nested, of: inPipe, role: roleSource}
	case inSourceAddress | 3:
		return field{kind: nested, of: inInternalAddress, role: roleSource}
	case inSourceSocket | 2:
		return field{kind: text, role: roleSource}
	}
	return p.unused(num)
}

// unused is field for the fields that the gate does not use.
func (p place) unused(num protowire.Number) field {
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
