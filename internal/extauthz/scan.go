package extauthz

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtgate/jwtgate/internal/request"
)

// fewHeaders is the number of headers in the map form up to which a repeated name is found by
// a linear search. Envoy's default limit is 100 headers (max_headers_count). For a message
// with more headers, a Go map is built.
const fewHeaders = 128

// The tags of the fields of a header, in a map's entry and in a HeaderValue.
const (
	tagKey      = 1<<3 | byte(protowire.BytesType)
	tagValue    = 2<<3 | byte(protowire.BytesType)
	tagRawValue = 3<<3 | byte(protowire.BytesType)

	tagHeaderMapHeader = 1<<3 | byte(protowire.BytesType) // HeaderMap.headers
	tagMapHeader       = 3<<3 | byte(protowire.BytesType) // HttpRequest.headers
)

// scan reads what the gate needs of data, a CheckRequest in its wire format, in one pass. The
// result is the same as if proto.Unmarshal decoded the whole message and a second function
// converted it, and so are the errors. The tests contain such a function. There are two
// exceptions: headers in the map form keep their order in data, and Extensions has only the
// context extensions that begin with [request.ExtensionPrefix].
//
// scan also validates the fields that it does not use: each string must be UTF-8, each message
// must be well formed, and the nesting must not be deeper than proto.Unmarshal allows. So no
// other reader sees another request in the same message.
//
// The strings of into are parts of one copy of data, which is the only allocation of a scan.
// scan replaces the contents of into, and reuses the memory of its Headers and Extensions.
// After an error, into is empty. Calls that share neither data nor into can run concurrently.
func scan(data []byte, into *request.Request) error {
	s := scanner{data: data, text: string(data), headers: into.Headers[:0], spare: into.Extensions}
	clear(s.spare)
	*into = request.Request{Headers: s.headers}
	if !s.message(data, inCheckRequest, protowire.DefaultRecursionLimit) {
		return errWire
	}
	if s.mixed {
		s.separate(data)
	}
	switch {
	case !s.http:
		return errNoHTTP
	case s.texts[roleMethod] == "":
		return errNoMethod
	case s.badName:
		return errHeaderName
	}
	*into = request.Request{
		Method: s.texts[roleMethod], Authority: s.texts[roleHost], Target: s.texts[rolePath],
		Headers: s.headers, RawHeaders: !s.joined,
		Source: s.texts[roleSource], Principal: s.texts[rolePrincipal],
		Extensions: s.extensions,
	}
	return nil
}

// scanner is the state of one scan.
type scanner struct {
	data []byte
	text string // the same bytes; all strings are parts of it

	// texts are the last strings of each role. In Protobuf, the last value of a scalar field
	// counts, even if the message is split into several parts.
	texts   [roles]string
	http    bool // there is an HTTP request
	badName bool // a header name is invalid

	headers []request.Header
	forms   forms          // which forms of headers to read
	joined  bool           // there is a header in the map form
	mixed   bool           // a header in the map form follows one in header_map
	mapped  int            // number of headers in the map form; they come first in headers
	index   map[string]int // :: name -> index in headers; nil while mapped is at most fewHeaders

	extensions map[string]string // nil until the first one is found
	spare      map[string]string // the map that extensions uses then; may be nil
}

// forms are the two forms of headers.
type forms uint8

const (
	bothForms forms = iota
	mapForm
	listForm
)

// message reads b, a message or an entry of a map at this place, which may be nested depth-1
// levels deep. It reports whether b can be decoded.
func (s *scanner) message(b []byte, at place, depth int) bool {
	if depth--; depth < 0 {
		return false
	}
	for len(b) > 0 {
		if rest, read := s.fastHeader(b, at, depth); read {
			b = rest
			continue
		}
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 || num > protowire.MaxValidNumber {
			return false
		}
		b = b[n:]
		f := at.field(num)
		// proto.Unmarshal counts an entry before it checks the wire type.
		if f.kind == entry && depth == 0 {
			return false
		}
		// A known field with an unexpected wire type is an unknown field.
		if f.kind == skipped || typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
				return false
			}
			b = b[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(b)
		if n < 0 || !s.value(value, f, depth) {
			return false
		}
		b = b[n:]
	}
	return true
}

// fastHeader reads a header at the beginning of b, if b is in a list of headers and the header
// has the common form. Nine of ten fields of a CheckRequest are such headers. The code that
// reads all other fields can read these too.
func (s *scanner) fastHeader(b []byte, at place, depth int) (rest []byte, read bool) {
	var of place
	switch {
	case at == inHeaderMap && b[0] == tagHeaderMapHeader:
		of = inHeaderValue
	case at == inHTTP && b[0] == tagMapHeader && depth > 0:
		of = inHeader
	default:
		return nil, false
	}
	begin, size := 2, 0
	switch {
	case len(b) > 1 && b[1] < 0x80:
		size = int(b[1])
	case len(b) > 2 && b[2] < 0x80:
		begin, size = 3, int(b[1]&0x7f)|int(b[2])<<7
	default:
		return nil, false
	}
	if begin+size > len(b) {
		return nil, false
	}
	s.clearHeader()
	if !s.commonHeader(b[begin:begin+size], of) {
		return nil, false
	}
	s.end(of)
	return b[begin+size:], true
}

// clearHeader clears the texts of a header or of an entry of a map.
func (s *scanner) clearHeader() {
	s.texts[roleKey], s.texts[roleValue], s.texts[roleRawValue] = "", "", ""
}

// value reads the value of a field.
func (s *scanner) value(value []byte, f field, depth int) bool {
	switch f.kind {
	case text:
		if !utf8.Valid(value) {
			return false
		}
		s.texts[f.role] = s.string(value)
	case octets:
		s.texts[f.role] = s.string(value)
	default:
		s.begin(f)
		if !s.commonHeader(value, f.of) && !s.message(value, f.of, depth) {
			return false
		}
		s.end(f.of)
	}
	return true
}

// commonHeader reads b if it is a header in the form that every known encoder writes: the name
// in one field, then the value in one field. Otherwise it reads nothing and reports false.
func (s *scanner) commonHeader(b []byte, at place) bool {
	if at != inHeader && at != inHeaderValue || len(b) < 2 || b[0] != tagKey {
		return false
	}
	end := 2 + int(b[1])
	if b[1] >= 0x80 || end >= len(b) {
		return false
	}
	name := b[2:end]
	value, n := protowire.ConsumeBytes(b[end+1:])
	switch {
	case n != len(b)-end-1 || !utf8.Valid(name):
		return false
	case b[end] == tagValue && utf8.Valid(value):
		s.texts[roleValue] = s.string(value)
	case b[end] == tagRawValue && at == inHeaderValue:
		s.texts[roleRawValue] = s.string(value)
	default:
		return false
	}
	s.texts[roleKey] = s.string(name)
	return true
}

// begin prepares the scanner for a message.
func (s *scanner) begin(f field) {
	switch f.of {
	case inHTTP:
		s.http = true
	case inHeader, inHeaderValue, inExtension:
		s.clearHeader()
	case inPipe, inInternalAddress:
		// Another member of a oneof replaces the previous one.
		s.texts[f.role] = ""
	}
}

// end uses the texts of a message that was read completely.
func (s *scanner) end(at place) {
	switch at {
	case inHeader:
		s.joined = true
		if s.forms != listForm {
			s.mapHeader(s.texts[roleKey], s.texts[roleValue])
		}
	case inHeaderValue:
		if s.forms != mapForm {
			s.listHeader(s.texts[roleKey], s.texts[roleValue], s.texts[roleRawValue])
		}
	case inExtension:
		s.extension(s.texts[roleKey], s.texts[roleValue])
	}
}

// mapHeader adds a header of the map form, in which the last value of a name counts.
func (s *scanner) mapHeader(name, value string) {
	switch {
	case !s.isHeader(name):
	case len(s.headers) > s.mapped:
		s.mixed = true
	default:
		if i := s.find(name); i >= 0 {
			s.headers[i].Value = value
			return
		}
		if s.index != nil {
			s.index[name] = s.mapped
		}
		s.headers = append(s.headers, request.Header{Name: name, Value: value})
		s.mapped++
	}
}

// listHeader adds a header of header_map. With encode_raw_headers, Envoy sends raw_value in
// place of value.
func (s *scanner) listHeader(name, value, raw string) {
	if raw != "" {
		value = raw
	}
	if s.isHeader(name) {
		s.headers = append(s.headers, request.Header{Name: name, Value: value})
	}
}

// isHeader reports whether name is the name of a header. It is false for a pseudo-header. It
// is also false for an invalid name, which makes the whole request malformed.
func (s *scanner) isHeader(name string) bool {
	if strings.HasPrefix(name, ":") {
		return false
	}
	if !httpguts.ValidHeaderFieldName(name) {
		s.badName = true
		return false
	}
	return true
}

// find returns the index of name among the headers of the map form, or -1. With many names,
// it uses a map, so that the cost does not grow with their square.
func (s *scanner) find(name string) int {
	if s.mapped < fewHeaders {
		for i := range s.headers[:s.mapped] {
			if s.headers[i].Name == name {
				return i
			}
		}
		return -1
	}
	if s.index == nil {
		s.index = make(map[string]int, 2*fewHeaders)
		for i := range s.headers[:s.mapped] {
			s.index[s.headers[i].Name] = i
		}
	}
	if i, found := s.index[name]; found {
		return i
	}
	return -1
}

// separate reads the headers again, one form after the other. Envoy never sends both forms.
func (s *scanner) separate(data []byte) {
	s.headers, s.mapped, s.index = s.headers[:0], 0, nil
	for _, s.forms = range [...]forms{mapForm, listForm} {
		s.message(data, inCheckRequest, protowire.DefaultRecursionLimit)
	}
}

// extension adds a context extension that the gate knows.
func (s *scanner) extension(name, value string) {
	if !strings.HasPrefix(name, request.ExtensionPrefix) {
		return
	}
	if s.extensions == nil {
		if s.extensions = s.spare; s.extensions == nil {
			s.extensions = make(map[string]string, 1)
		}
	}
	s.extensions[name] = value
}

// string returns a part of data as a string, which is a part of text.
func (s *scanner) string(part []byte) string {
	if len(part) == 0 {
		return ""
	}
	at := cap(s.data) - cap(part)
	return s.text[at : at+len(part)]
}
