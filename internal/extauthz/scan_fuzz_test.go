package extauthz_test

import (
	"math/rand/v2"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// FuzzScan checks that a scan reads any bytes as proto.Unmarshal does, or that both reject
// them.
func FuzzScan(f *testing.F) {
	for _, row := range scanned() {
		f.Add(row.data)
	}
	for _, row := range refused() {
		f.Add(row.data)
	}
	for _, apart := range []bool{false, true} {
		data := usual(f, apart)
		f.Add(data)
		f.Add(data[:len(data)/2])
		f.Add(append(data, usual(f, !apart)...))
	}
	for seed := range uint64(24) {
		g := generator{rand.New(rand.NewPCG(seed, 0))}
		f.Add([]byte(g.wild(descriptor(), 7)))
	}
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, data) })
}

func descriptor() protoreflect.MessageDescriptor {
	return (&authv3.CheckRequest{}).ProtoReflect().Descriptor()
}

// generator makes random messages.
type generator struct{ *rand.Rand }

// TestScanOfValidMessages reads messages with any of the fields set, as Protobuf encodes
// them, alone and concatenated.
func TestScanOfValidMessages(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	read := 0
	for range 800 {
		var both []byte
		for range 2 {
			var m authv3.CheckRequest
			g.fill(m.ProtoReflect(), 9)
			one, err := proto.Marshal(&m)
			if err != nil {
				t.Fatal(err)
			}
			agree(t, one)
			both = append(both, one...)
		}
		if agree(t, both) != nil {
			read++
		}
	}
	if read < 150 {
		t.Errorf("only %d messages were read", read)
	}
}

// TestScanOfWildMessages reads messages that no encoder writes and that every decoder must
// read in the same way: fields out of order, repeated, unknown or of unexpected wire types,
// numbers that are longer than needed, and sometimes invalid bytes.
func TestScanOfWildMessages(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(3, 4))}
	read, refused := 0, 0
	for range 3_000 {
		data := g.wild(descriptor(), 7)
		if !g.chance(4) {
			data = append(data, asks(get())...)
		}
		if g.chance(10) && len(data) > 0 {
			data = data[:g.IntN(len(data))]
		}
		if g.chance(10) && len(data) > 0 {
			data[g.IntN(len(data))] = byte(g.Uint32())
		}
		if agree(t, data) != nil {
			read++
		} else {
			refused++
		}
	}
	if read < 800 || refused < 200 {
		t.Errorf("%d messages were read, %d refused: one side is hardly tested", read, refused)
	}
}

// chance is true once in n times on average.
func (g generator) chance(n int) bool { return g.IntN(n) == 0 }

// word returns a text from a small set, so that texts are often equal.
func (g generator) word() string {
	words := []string{"", "a", "b", "A", ":path", "jwtgate.route", "jwtgate.x", "x-user-id", "GET", "/é", "authorization"}
	return words[g.IntN(len(words))]
}

// fill sets fields of a message.
func (g generator) fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if depth == 0 && f.Message() != nil || g.chance(4) {
			continue
		}
		switch {
		case f.IsMap():
			for range g.IntN(4) {
				value := m.Mutable(f).Map().NewValue()
				if f.MapValue().Message() != nil {
					g.fill(value.Message(), depth-1)
				} else {
					value = g.scalar(f.MapValue())
				}
				m.Mutable(f).Map().Set(g.key(f), value)
			}
		case f.IsList():
			for range g.IntN(4) {
				g.fill(m.Mutable(f).List().AppendMutable().Message(), depth-1)
			}
		case f.Message() != nil:
			g.fill(m.Mutable(f).Message(), depth-1)
		default:
			m.Set(f, g.scalar(f))
		}
	}
}

// key returns the key of a map entry, which for headers is usually a valid name.
func (g generator) key(f protoreflect.FieldDescriptor) protoreflect.MapKey {
	word := g.word()
	if f.Name() == "headers" && word == "" {
		word = "te"
	}
	return protoreflect.ValueOfString(word).MapKey()
}

func (g generator) scalar(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		if word := g.word(); word != "" || f.Name() != "key" && f.Name() != "method" {
			return protoreflect.ValueOfString(word)
		}
		return protoreflect.ValueOfString("k")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(g.word() + "\xff")[g.IntN(2):])
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(g.chance(2))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(g.Int32()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(g.Float64())
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(g.Int64())
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(g.Int32())
	default:
		return protoreflect.ValueOfUint32(g.Uint32())
	}
}

// wild returns a message of a type in an unusual encoding.
func (g generator) wild(message protoreflect.MessageDescriptor, depth int) wire {
	var w wire
	fields := message.Fields()
	for range 1 + g.IntN(6) {
		switch f := fields.Get(g.IntN(fields.Len())); {
		case g.chance(25):
			w = g.unknown(w, protowire.Number(1+g.IntN(20)), 3)
		case g.chance(1_500):
			w = w.raw(byte(g.Uint32()), byte(g.Uint32()))
		case f.Message() != nil && depth > 0:
			w = g.bytes(w, f.Number(), g.wild(f.Message(), depth-1))
		case f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind:
			word := g.word()
			if f.Kind() == protoreflect.BytesKind && g.chance(2) || g.chance(1_500) {
				word += "\xff"
			}
			w = g.bytes(w, f.Number(), []byte(word))
		case f.Kind() == protoreflect.DoubleKind:
			w = protowire.AppendFixed64(protowire.AppendTag(w, f.Number(), protowire.Fixed64Type), g.Uint64())
		case f.Message() == nil:
			w = g.number(w, uint64(f.Number())<<3|uint64(protowire.VarintType))
			w = g.number(w, g.Uint64())
		}
	}
	// Most headers have a valid name, because otherwise nearly all messages would be rejected.
	if key := fields.ByName("key"); key != nil && !g.chance(40) {
		w = g.bytes(w, key.Number(), []byte(g.word()+"k"))
	}
	return w
}

func (g generator) bytes(w wire, num protowire.Number, value []byte) wire {
	w = g.number(w, uint64(num)<<3|uint64(protowire.BytesType))
	return append(g.number(w, uint64(len(value))), value...)
}

// number appends a varint, sometimes of more bytes than it needs.
func (g generator) number(w wire, v uint64) wire {
	w = protowire.AppendVarint(w, v)
	if n := protowire.SizeVarint(v); g.chance(20) && n < 9 {
		w[len(w)-1] |= 0x80
		for range g.IntN(9 - n) {
			w = append(w, 0x80)
		}
		w = append(w, 0)
	}
	return w
}

// unknown appends a field of any wire type. A field with a known number often has an
// unexpected wire type.
func (g generator) unknown(w wire, num protowire.Number, depth int) wire {
	switch typ := protowire.Type(g.IntN(5)); typ {
	case protowire.VarintType:
		return g.number(protowire.AppendTag(w, num, typ), g.Uint64())
	case protowire.Fixed32Type, protowire.EndGroupType:
		return protowire.AppendFixed32(protowire.AppendTag(w, num, protowire.Fixed32Type), g.Uint32())
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(protowire.AppendTag(w, num, typ), g.Uint64())
	case protowire.StartGroupType:
		w = protowire.AppendTag(w, num, typ)
		for range g.IntN(3) * depth {
			w = g.unknown(w, protowire.Number(1+g.IntN(3)), depth-1)
		}
		return protowire.AppendTag(w, num, protowire.EndGroupType)
	default:
		return g.bytes(w, num, nil)
	}
}
