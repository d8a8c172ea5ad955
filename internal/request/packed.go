package request

import (
	"encoding/binary"
	"iter"
	"strings"
)

// Packed is a list of header fields in one string. It takes less memory than a slice of
// [Header], and the garbage collector has nothing to scan in it, which matters for the
// headers of thousands of remembered tokens. Equal lists are equal strings. The zero value
// is the empty list.
//
// It has the names and values in turn, each after its length as a varint.
type Packed string

// Pack returns the fields of all lists, in their order.
func Pack(lists ...[]Header) Packed {
	size := 0
	for _, list := range lists {
		for i := range list {
			size += len(list[i].Name) + len(list[i].Value) + 2*binary.MaxVarintLen16
		}
	}
	var packed strings.Builder
	packed.Grow(size)
	for _, list := range lists {
		for i := range list {
			packText(&packed, list[i].Name)
			packText(&packed, list[i].Value)
		}
	}
	return Packed(packed.String())
}

func packText(to *strings.Builder, text string) {
	var space [binary.MaxVarintLen64]byte
	to.Write(binary.AppendUvarint(space[:0], uint64(len(text))))
	to.WriteString(text)
}

// All yields the fields in their order. It allocates nothing: their texts are parts of p.
func (p Packed) All() iter.Seq[Header] {
	return func(yield func(Header) bool) {
		for rest := string(p); rest != ""; {
			var h Header
			h.Name, rest = unpackText(rest)
			h.Value, rest = unpackText(rest)
			if !yield(h) {
				return
			}
		}
	}
}

func unpackText(packed string) (text, rest string) {
	length, size := binary.Uvarint([]byte(packed))
	packed = packed[size:]
	return packed[:length], packed[length:]
}

// Len returns the number of fields.
func (p Packed) Len() int {
	n := 0
	for range p.All() {
		n++
	}
	return n
}

// List returns the fields as a slice.
func (p Packed) List() []Header {
	list := make([]Header, 0, p.Len())
	for h := range p.All() {
		list = append(list, h)
	}
	return list
}
