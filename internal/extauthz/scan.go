package extauthz

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtgate/jwtgate/internal/request"
)

var errWire = errors.New("the CheckRequest cannot be decoded")

const (
	// fewHeaders is up to how many headers of the map form a repeated name is
	// looked for one by one. Envoy takes 100 headers unless told otherwise
	// (max_headers_count); only a message with more costs a Go map.
	fewHeaders = 128
)

// The tags of the fields of a header, in a map's entry and in a HeaderValue.
const (
	tagKey      = 1<<3 | byte(protowire.BytesType)
	tagValue    = 2<<3 | byte(protowire.BytesType)
	tagRawValue = 3<<3 | byte(protowire.BytesType)

	tagHeaderMapHeader = 1<<3 | byte(protowire.BytesType) // HeaderMap.headers
	tagMapHeader       = 3<<3 | byte(protowire.BytesType) // HttpRequest.headers
)

// scan reads of data, a CheckRequest as it came over the wire, what the gate
// reads of one, in one pass. It makes
// of into what a reader of the whole message, as proto.Unmarshal has it from data,
// makes of it (the tests have one), and refuses what either refuses, with the same
// error. Of that
// there are two exceptions, both of form: headers that came as a map stand in
// the order of the wire, and of the context extensions only those stand in
// Extensions that begin with [request.ExtensionPrefix].
//
// It does not trust what it does not read: each string, in whatever field that
// the protocol defines, is held to UTF-8, each message to its form and all of
// them to the depth that proto.Unmarshal sets. A message is so never taken for
// another than a second reader of it would see.
//
// The strings of into are parts of one copy of data, which is all that a scan allocates:
// data can be used again. What into held before is gone, and the memory of its Headers
// and Extensions is used again. After an error it is empty. Calls that share neither may
// run at the same time.
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
	case s.texts[takeMethod] == "":
		return errNoMethod
	case s.badName:
		return errHeaderName
	}
	*into = request.Request{
		Method: s.texts[takeMethod], Authority: s.texts[takeHost], Target: s.texts[takePath],
		Headers: s.headers, RawHeaders: !s.joined,
		Source: s.texts[takeSource], Principal: s.texts[takePrincipal],
		Extensions: s.extensions,
	}
	return nil
}

// scanner is one scan. What it has read stands in it until the whole message
// has held.
type scanner struct {
	data []byte
	text string // the same; all strings are parts of it

	// texts are the strings taken last, by what they are. In Protobuf the last
	// of a repeated scalar counts, also across the parts of a divided message.
	texts   [takes]string
	http    bool // there is an HTTP request
	badName bool // a header name is no field name

	headers []request.Header
	forms   forms          // which forms of headers are taken
	joined  bool           // the map form holds a header
	mixed   bool           // a header of the map form came behind one of header_map
	mapped  int            // how many of headers are of the map form: the first ones
	index   map[string]int // :: name -> place in headers, once mapped exceeds fewHeaders

	extensions map[string]string // nil until the first
	spare      map[string]string // what extensions become then; may be nil
}

// forms are the two forms of headers.
type forms uint8

const (
	bothForms forms = iota
	mapForm
	listForm
)

// message reads b, a message or a map's entry of the kind that at says, which
// may hold messages depth-1 deep. It reports whether b can be decoded.
func (s *scanner) message(b []byte, at place, depth int) bool {
	if depth--; depth < 0 {
		return false
	}
	for len(b) > 0 {
		if rest, taken := s.header(b, at, depth); taken {
			b = rest
			continue
		}
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 || num > protowire.MaxValidNumber {
			return false
		}
		b = b[n:]
		f := at.field(num)
		// proto.Unmarshal counts an entry before it looks at the wire type.
		if f.kind == entry && depth == 0 {
			return false
		}
		// A known field with another wire type than its own is an unknown one.
		if f.kind == skipped || typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
				return false
			}
			b = b[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(b)
		if n < 0 || !s.take(value, f, depth) {
			return false
		}
		b = b[n:]
	}
	return true
}

// header reads a header at the front of b, where headers stand and if it is of the
// usual form: nine in ten fields of a CheckRequest are headers. Anything else is
// left to the general way, which reads these as well.
func (s *scanner) header(b []byte, at place, depth int) (rest []byte, taken bool) {
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
	s.texts[takeKey], s.texts[takeValue], s.texts[takeRawValue] = "", "", ""
	if !s.usual(b[begin:begin+size], of) {
		return nil, false
	}
	s.end(of)
	return b[begin+size:], true
}

// take reads the value of a field.
func (s *scanner) take(value []byte, f field, depth int) bool {
	switch f.kind {
	case text:
		if !utf8.Valid(value) {
			return false
		}
		s.texts[f.take] = s.string(value)
	case octets:
		s.texts[f.take] = s.string(value)
	default:
		s.begin(f)
		if !s.usual(value, f.of) && !s.message(value, f.of, depth) {
			return false
		}
		s.end(f.of)
	}
	return true
}

// usual reads b, if it is a header as every known writer puts one: the name in
// one field, then the value in one. If it is anything else nothing is taken, and
// b is still to be read; that costs more.
func (s *scanner) usual(b []byte, at place) bool {
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
		s.texts[takeValue] = s.string(value)
	case b[end] == tagRawValue && at == inHeaderValue:
		s.texts[takeRawValue] = s.string(value)
	default:
		return false
	}
	s.texts[takeKey] = s.string(name)
	return true
}

// begin readies the scan for a message.
func (s *scanner) begin(f field) {
	switch f.of {
	case inHTTP:
		s.http = true
	case inHeader, inHeaderValue, inExtension:
		s.texts[takeKey], s.texts[takeValue], s.texts[takeRawValue] = "", "", ""
	case inPipe, inInternalAddress:
		// Another member of a oneof takes the place of the one before.
		s.texts[f.take] = ""
	}
}

// end takes what a message was that is whole.
func (s *scanner) end(at place) {
	switch at {
	case inHeader:
		s.joined = true
		if s.forms != listForm {
			s.mapHeader(s.texts[takeKey], s.texts[takeValue])
		}
	case inHeaderValue:
		if s.forms != mapForm {
			s.listHeader(s.texts[takeKey], s.texts[takeValue], s.texts[takeRawValue])
		}
	case inExtension:
		s.extension(s.texts[takeKey], s.texts[takeValue])
	}
}

// mapHeader takes a header of the map form, in which the last of a name counts.
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

// listHeader takes a header of header_map, where raw_value stands for value with
// encode_raw_headers.
func (s *scanner) listHeader(name, value, raw string) {
	if raw != "" {
		value = raw
	}
	if s.isHeader(name) {
		s.headers = append(s.headers, request.Header{Name: name, Value: value})
	}
}

// isHeader reports whether name is that of a header; a pseudo-header is none,
// and what is no field name makes the whole request malformed.
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

// find returns where name stands among the headers of the map form, or -1.
// Whoever sends many names pays for a map, not for the comparing of all with all.
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
	if i, stands := s.index[name]; stands {
		return i
	}
	return -1
}

// separate reads the headers once more, one form after the other. Envoy sends
// one form only.
func (s *scanner) separate(data []byte) {
	s.headers, s.mapped, s.index = s.headers[:0], 0, nil
	for _, s.forms = range [...]forms{mapForm, listForm} {
		s.message(data, inCheckRequest, protowire.DefaultRecursionLimit)
	}
}

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

// string returns a part of the data as a part of its text.
func (s *scanner) string(part []byte) string {
	if len(part) == 0 {
		return ""
	}
	at := cap(s.data) - cap(part)
	return s.text[at : at+len(part)]
}
