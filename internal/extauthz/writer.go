package extauthz

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Answers are written byte by byte: to build the message and marshal it costs
// more than most decisions, and a flood of denials pays for it as well.

// APIVersion is the version of Envoy's API, as go-control-plane publishes it, that
// the numbers of fields here and in the scan are those of (TestAPIVersion).
const APIVersion = "v1.40.0"

// The fields of an answer, by their numbers.
const (
	// envoy.service.auth.v3.CheckResponse
	statusField          protowire.Number = 1
	deniedResponseField  protowire.Number = 2
	okResponseField      protowire.Number = 3
	dynamicMetadataField protowire.Number = 4
	// google.rpc.Status
	codeField    protowire.Number = 1
	messageField protowire.Number = 2
	// envoy.service.auth.v3.DeniedHttpResponse
	httpStatusField protowire.Number = 1
	bodyField       protowire.Number = 3
	// envoy.type.v3.HttpStatus
	httpCodeField protowire.Number = 1
	// envoy.service.auth.v3.OkHttpResponse and DeniedHttpResponse
	headersField protowire.Number = 2
	// envoy.service.auth.v3.OkHttpResponse
	headersToRemoveField         protowire.Number = 5
	responseHeadersToAddField    protowire.Number = 6
	queryParametersToRemoveField protowire.Number = 8
	// envoy.config.core.v3.HeaderValueOption
	headerField       protowire.Number = 1
	appendField       protowire.Number = 2
	appendActionField protowire.Number = 3
	// envoy.config.core.v3.HeaderValue, and an entry of a map
	keyField   protowire.Number = 1
	valueField protowire.Number = 2
	// google.protobuf.Struct and Value
	fieldsField      protowire.Number = 1
	numberValueField protowire.Number = 2
	stringValueField protowire.Number = 3
	structValueField protowire.Number = 5
)

const overwritesSize = 4 // bytes

// overwrites is how a header is set: append is a BoolValue of false, as Envoy
// 1.40 reads it, and append_action OVERWRITE_IF_EXISTS_OR_ADD, as later ones do.
// Left out, append_action would append to what the client sent.
func overwrites() [overwritesSize]byte {
	const overwriteIfExistsOrAdd = 2
	return [overwritesSize]byte{
		byte(appendField)<<3 | byte(protowire.BytesType), 0,
		byte(appendActionField)<<3 | byte(protowire.VarintType), overwriteIfExistsOrAdd,
	}
}

// writer appends protobuf. What is asked of it fails all that comes after when a
// text is no UTF-8, which no reader of protobuf takes.
type writer struct {
	bytes   []byte
	invalid bool
}

// begin opens a message of so many bytes.
func (w *writer) begin(field protowire.Number, size int) {
	w.bytes = protowire.AppendVarint(protowire.AppendTag(w.bytes, field, protowire.BytesType), uint64(size))
}

func (w *writer) text(field protowire.Number, text string) {
	w.invalid = w.invalid || !utf8.ValidString(text)
	w.begin(field, len(text))
	w.bytes = append(w.bytes, text...)
}

// octets writes a text that stands in bytes.
func (w *writer) octets(field protowire.Number, text []byte) {
	w.invalid = w.invalid || !utf8.Valid(text)
	w.begin(field, len(text))
	w.bytes = append(w.bytes, text...)
}

func (w *writer) number(field protowire.Number, n uint64) {
	w.bytes = protowire.AppendVarint(protowire.AppendTag(w.bytes, field, protowire.VarintType), n)
}

// numberSize is how many bytes a number takes.
func numberSize(n uint64) int { return 1 + protowire.SizeVarint(n) }

// sized is how many bytes a message or text of so many takes, with what says so.
// All of the fields above have tags of one byte.
func sized(size int) int { return 1 + protowire.SizeBytes(size) }

func optionSize(h request.Header) int {
	return sized(sized(len(h.Name))+sized(len(h.Value))) + overwritesSize
}

// option writes a header that is set.
func (w *writer) option(h request.Header) {
	w.begin(headersField, optionSize(h))
	w.begin(headerField, sized(len(h.Name))+sized(len(h.Value)))
	w.text(keyField, h.Name)
	w.text(valueField, h.Value)
	how := overwrites()
	w.bytes = append(w.bytes, how[:]...)
}

func addedSize(h request.Header) int {
	return sized(sized(len(h.Name))+sized(len(h.Value))) + numberSize(addIfAbsent)
}

// addIfAbsent is HeaderValueOption.append_action ADD_IF_ABSENT.
const addIfAbsent = 1

// added writes a header that the response gets unless it has it.
func (w *writer) added(h request.Header) {
	w.begin(responseHeadersToAddField, addedSize(h))
	w.begin(headerField, sized(len(h.Name))+sized(len(h.Value)))
	w.text(keyField, h.Name)
	w.text(valueField, h.Value)
	w.number(appendActionField, addIfAbsent)
}

// metadata writes the dynamic metadata of a decision whose id has this text, and
// returns where that stands.
func (w *writer) metadata(d *gate.Decision, id string) int {
	facts := factsOf(d, id)
	size := 0
	for _, f := range facts.list() {
		size += sized(f.entrySize())
	}
	inner := sized(size) // the value that holds the struct
	w.begin(dynamicMetadataField, sized(sized(len(MetadataKey))+sized(inner)))
	w.begin(fieldsField, sized(len(MetadataKey))+sized(inner))
	w.text(keyField, MetadataKey)
	w.begin(valueField, inner)
	w.begin(structValueField, size)
	at := 0
	for i, f := range facts.list() {
		w.begin(fieldsField, f.entrySize())
		w.text(keyField, f.name)
		w.begin(valueField, f.valueSize())
		if f.number != 0 {
			w.bytes = protowire.AppendTag(w.bytes, numberValueField, protowire.Fixed64Type)
			w.bytes = binary.LittleEndian.AppendUint64(w.bytes, math.Float64bits(f.number))
			continue
		}
		w.text(stringValueField, f.text)
		if i == 0 {
			at = len(w.bytes) - len(f.text)
		}
	}
	return at
}

func (f fact) valueSize() int {
	if f.number != 0 {
		return 1 + 8
	}
	return sized(len(f.text))
}

func (f fact) entrySize() int { return sized(len(f.name)) + sized(f.valueSize()) }
