package extauthz

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// An allowed answer is written byte by byte: it is what nearly every request
// gets, and to build the message and marshal it costs a third of a signature.

// The fields of an allowed answer, by their numbers.
const (
	// envoy.service.auth.v3.CheckResponse
	statusField          protowire.Number = 1
	okResponseField      protowire.Number = 3
	dynamicMetadataField protowire.Number = 4
	// envoy.service.auth.v3.OkHttpResponse
	headersField                 protowire.Number = 2
	headersToRemoveField         protowire.Number = 5
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

// sized is how many bytes a message or text of so many takes, with what says so.
// All of the fields above have tags of one byte.
func sized(size int) int { return 1 + protowire.SizeBytes(size) }

// appendAllowed appends the CheckResponse of an allowed decision, and tells where
// the parts of it stand that the next one may have in common. False: it cannot be
// sent.
func appendAllowed(to []byte, d *gate.Decision) ([]byte, gate.Layout, bool) {
	w := writer{bytes: to}
	begin := len(to)
	var layout gate.Layout
	w.begin(statusField, 0) // google.rpc.Status, whose zero code is OK
	size := 0
	for _, h := range d.Set {
		size += sized(optionSize(h))
	}
	for _, names := range [...][]string{d.Remove, d.RemoveParameters} {
		for _, name := range names {
			size += sized(len(name))
		}
	}
	w.begin(okResponseField, size)
	for _, h := range d.Set {
		w.option(h)
	}
	layout.RemoveBegin = len(w.bytes) - begin
	for _, name := range d.Remove {
		w.text(headersToRemoveField, name)
	}
	layout.RemoveEnd = len(w.bytes) - begin
	// Envoy takes these out by the bytes of their names.
	for _, name := range d.RemoveParameters {
		w.text(queryParametersToRemoveField, name)
	}
	layout.ID = w.metadata(d) - begin
	return w.bytes, layout, !w.invalid
}

func optionSize(h gate.Header) int {
	return sized(sized(len(h.Name))+sized(len(h.Value))) + overwritesSize
}

// option writes a header that is set.
func (w *writer) option(h gate.Header) {
	w.begin(headersField, optionSize(h))
	w.begin(headerField, sized(len(h.Name))+sized(len(h.Value)))
	w.text(keyField, h.Name)
	w.text(valueField, h.Value)
	how := overwrites()
	w.bytes = append(w.bytes, how[:]...)
}

// metadata writes the dynamic metadata, and returns where the decision's id
// stands.
func (w *writer) metadata(d *gate.Decision) int {
	var id [64]byte
	facts := factsOf(d, string(d.ID.Append(id[:0])))
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
