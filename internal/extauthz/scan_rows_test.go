package extauthz_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtgate/jwtgate/internal/request"
)

// wire is an encoded message that is being built.
type wire []byte

// of appends a field of bytes.
func (w wire) of(num protowire.Number, value ...[]byte) wire {
	return protowire.AppendBytes(protowire.AppendTag(w, num, protowire.BytesType), bytes.Join(value, nil))
}

// text appends a string field.
func (w wire) text(num protowire.Number, value string) wire { return w.of(num, []byte(value)) }

// number appends a varint field.
func (w wire) number(num protowire.Number, value uint64) wire {
	return protowire.AppendVarint(protowire.AppendTag(w, num, protowire.VarintType), value)
}

// raw appends bytes.
func (w wire) raw(b ...byte) wire { return append(w, b...) }

// asks returns a CheckRequest whose HTTP request consists of the parts.
func asks(parts ...[]byte) wire { return attributes(wire{}.of(4, wire{}.of(2, parts...))) }

func attributes(parts ...[]byte) wire { return wire{}.of(1, parts...) }

// pair is an entry of a map, or a HeaderValue.
func pair(key, value string) wire { return wire{}.text(1, key).text(2, value) }

// from is a CheckRequest from a source, with a method.
func from(parts ...[]byte) wire {
	return append(asks(get()), attributes(wire{}.of(1, parts...))...)
}

func get() wire { return wire{}.text(2, "GET") }

// headerFields are headers as "name: value".
func headerFields(r *request.Request) string {
	var list []string
	for _, h := range r.Headers {
		list = append(list, h.Name+": "+h.Value)
	}
	return strings.Join(list, "; ")
}

// scanRow is a message, and a value that the gate reads from it.
type scanRow struct {
	data []byte
	read func(*request.Request) string
	want string
}

func scanned() map[string]scanRow {
	method := func(r *request.Request) string { return r.Method }
	source := func(r *request.Request) string { return r.Source }
	extension := func(r *request.Request) string { return fmt.Sprint(r.Extensions) }
	apart := func(r *request.Request) string { return strconv.FormatBool(r.RawHeaders) }
	socket := func(address string) wire { return wire{}.text(2, address) }
	unknown := wire{}.text(99, "\xff").number(98, 7).raw(protowire.AppendTag(nil, 97, protowire.StartGroupType)...).
		text(1, "x").raw(protowire.AppendTag(nil, 97, protowire.EndGroupType)...)
	list := func(entries ...[]byte) wire {
		var all wire
		for _, e := range entries {
			all = all.of(1, e)
		}
		return wire{}.of(13, all)
	}
	return map[string]scanRow{
		"the last method": {asks(get().text(2, "PUT")), method, "PUT"},
		"an HTTP request in two parts": {append(asks(wire{}.text(2, "PUT").text(5, "h")), asks(wire{}.text(4, "/p"))...),
			func(r *request.Request) string { return r.Method + r.Authority + r.Target }, "PUTh/p"},
		"a method of another wire type": {asks(get().number(2, 5)), method, "GET"},
		"unknown fields": {append(append(wire{}, unknown...), append(attributes(unknown), asks(unknown, get())...)...),
			method, "GET"},
		"a tag and a length of more bytes than they need": {wire{}.raw(0x8a, 0x80, 0x00, 0x89, 0x80, 0x00).
			raw(wire{}.of(4, wire{}.of(2, get()))...), method, "GET"},

		"map: the last of a name": {asks(get().of(3, pair("a", "1")).of(3, pair("b", "2")).of(3, pair("a", "3"))), headerFields,
			"a: 3; b: 2"},
		"map: a value without a key": {asks(get().of(3, pair(":x", "1")).of(3, pair("a", "2"))), headerFields, "a: 2"},
		"map: a key without a value": {asks(get().of(3, wire{}.text(1, "a"))), headerFields, "a: "},
		"map: value before key":      {asks(get().of(3, wire{}.text(2, "1").text(1, "a"))), headerFields, "a: 1"},
		"map: two keys in an entry":  {asks(get().of(3, pair("a", "1").text(1, "b"))), headerFields, "b: 1"},
		"map: two values":            {asks(get().of(3, pair("a", "1").text(2, "2"))), headerFields, "a: 2"},
		"map: unknown fields":        {asks(get().of(3, unknown, pair("a", "1"), unknown)), headerFields, "a: 1"},
		"map: an entry in parts": {append(asks(get().of(3, pair("a", "1"))), asks(wire{}.of(3, wire{}.text(1, "a")))...),
			headerFields, "a: "},
		"map: only a pseudo-header":   {asks(get().of(3, pair(":path", "/"))), apart, "false"},
		"list: every one of a name":   {asks(get(), list(pair("a", "1"), pair("b", "2"), pair("a", "3"))), headerFields, "a: 1; b: 2; a: 3"},
		"list: raw_value":             {asks(get(), list(pair("a", "1").text(3, "\xff"))), headerFields, "a: \xff"},
		"list: an empty raw_value":    {asks(get(), list(pair("a", "1").text(3, "2").text(3, ""))), headerFields, "a: 1"},
		"list: in two parts":          {asks(get(), list(pair("a", "1")), list(pair("b", "2"))), headerFields, "a: 1; b: 2"},
		"list: names stand apart":     {asks(get(), list(pair("a", "1"))), apart, "true"},
		"list: nothing of the former": {asks(get(), list(pair("a", "1").text(3, "2"), wire{}.text(1, "b"))), headerFields, "a: 2; b: "},
		"both forms, in turn": {asks(get(), list(pair("l", "1")), wire{}.of(3, pair("m", "1")), list(pair("l", "2")),
			wire{}.of(3, pair("m", "2"))),
			headerFields, "m: 2; l: 1; l: 2"},
		"both forms, the map first and last": {asks(get(), wire{}.of(3, pair("m", "1")), list(pair("l", "1")), wire{}.of(3, pair("m", "2"))),
			headerFields, "m: 2; l: 1"},

		"source: an address":         {from(wire{}.of(1, wire{}.of(1, socket("s")))), source, "s"},
		"source: none in the other":  {append(asks(get()), attributes(wire{}.of(2, wire{}.of(1, wire{}.of(1, socket("s")))))...), source, ""},
		"source: the same member":    {from(wire{}.of(1, wire{}.of(1, socket("s")).of(1, wire{}.number(3, 80)))), source, "s"},
		"source: a pipe behind it":   {from(wire{}.of(1, wire{}.of(1, socket("s")).of(2))), source, ""},
		"source: an inner one":       {from(wire{}.of(1, wire{}.of(1, socket("s")).of(3))), source, ""},
		"source: a pipe before it":   {from(wire{}.of(1, wire{}.of(2).of(1, socket("s")))), source, "s"},
		"source: a pipe between":     {from(wire{}.of(1, wire{}.of(1, socket("s")).of(2).of(1, wire{}.number(3, 80)))), source, ""},
		"source: a pipe of no bytes": {from(wire{}.of(1, wire{}.of(1, socket("s")).number(2, 1))), source, "s"},
		"source: a pipe elsewhere": {append(from(wire{}.of(1, wire{}.of(1, socket("s")))),
			attributes(wire{}.of(2, wire{}.of(1, wire{}.of(2))))...), source, "s"},
		"source: the principal": {from(wire{}.text(4, "p")), func(r *request.Request) string { return r.Principal }, "p"},

		"extensions: none": {asks(get()), extension, "map[]"},
		"extensions: of others": {append(asks(get()), attributes(wire{}.of(10, pair("x", "1")).of(10, pair("jwtgate", "1")))...),
			extension, "map[]"},
		"extensions: the last": {append(asks(get()), attributes(wire{}.of(10, pair("jwtgate.route", "1")).of(10,
			pair("jwtgate.route", "2")))...), extension, "map[jwtgate.route:2]"},
		"extensions: misspelled": {append(asks(get()), attributes(wire{}.of(10, pair("jwtgate.", "1")))...), extension, "map[jwtgate.:1]"},
	}
}

func refused() map[string]scanRow {
	const (
		wireError, noHTTP   = "the CheckRequest cannot be decoded", "the CheckRequest has no HTTP request"
		noMethod, noneField = "the HTTP request of the CheckRequest has no method", "the CheckRequest has an invalid header name"
	)
	badly := func(b ...byte) wire { return asks(get()).raw(b...) }
	rows := map[string]scanRow{
		"nothing":                     {data: wire{}, want: noHTTP},
		"no request":                  {data: attributes(), want: noHTTP},
		"no HTTP request":             {data: attributes(wire{}.of(4)), want: noHTTP},
		"an HTTP request of no bytes": {data: attributes(wire{}.of(4, wire{}.number(2, 1))), want: noHTTP},
		"no method":                   {data: asks(wire{}.text(4, "/")), want: noMethod},
		"a method taken back":         {data: asks(get().text(2, "")), want: noMethod},
		"no method and a bad name":    {data: asks(wire{}.of(3, pair("a b", ""))), want: noMethod},
		"a bad name in the map":       {data: asks(get().of(3, pair("a b", ""))), want: noneField},
		"no name in the map":          {data: asks(get().of(3)), want: noneField},
		"a bad name in the list":      {data: asks(get().of(13, wire{}.of(1, pair("a b", "")))), want: noneField},
		"no name in the list":         {data: asks(get().of(13, wire{}.of(1))), want: noneField},
		"a bad name, then no end":     {data: asks(get().of(3, pair("a b", ""))).raw(0x0a, 1), want: wireError},
		"a name that is no UTF-8":     {data: asks(get().of(3, pair("\xff", ""))), want: wireError},
		"a value that is no UTF-8":    {data: asks(get().of(3, pair("a", "\xff"))), want: wireError},
		"no UTF-8 in a pseudo-header": {data: asks(get().of(3, pair(":path", "\xff"))), want: wireError},
		"no UTF-8, then some":         {data: asks(wire{}.text(2, "\xff").text(2, "GET")), want: wireError},
		"no UTF-8 in an unread field": {data: asks(get().text(11, "\xff")), want: wireError},
		"no UTF-8 in the destination": {data: append(asks(get()), attributes(wire{}.of(2, wire{}.text(4, "\xff")))...), want: wireError},
		"no UTF-8 in metadata": {data: append(asks(get()), attributes(wire{}.of(11, wire{}.of(1, wire{}.text(1, "\xff"))))...),
			want: wireError},
		"a time that is cut short":      {data: attributes(wire{}.of(4, wire{}.of(1, []byte{0x08}).of(2, get()))), want: wireError},
		"field 0":                       {data: badly(0x02, 0x00), want: wireError},
		"field 0 in an entry":           {data: asks(get().of(3, []byte{0x02, 0x00})), want: wireError},
		"a field above 2^29-1":          {data: badly(0x82, 0x80, 0x80, 0x80, 0x10, 0x00), want: wireError},
		"a field above 2^32":            {data: badly(0x8a, 0x80, 0x80, 0x80, 0x80, 0x02, 0x00), want: wireError},
		"wire type 6":                   {data: badly(0x0e), want: wireError},
		"wire type 7":                   {data: badly(0x0f), want: wireError},
		"a group without an end":        {data: badly(0x0b), want: wireError},
		"an end without a group":        {data: badly(0x0c), want: wireError},
		"another group's end":           {data: badly(0x0b, 0x14), want: wireError},
		"an end in an entry":            {data: asks(get().of(3, []byte{0x0c})), want: wireError},
		"a varint of 11 bytes":          {data: badly(0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), want: wireError},
		"a varint above 2^64":           {data: badly(0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02), want: wireError},
		"a length beyond the end":       {data: badly(0x0a, 0x01), want: wireError},
		"a length of 2^63":              {data: badly(0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01), want: wireError},
		"a number of four bytes, short": {data: badly(0x15, 0, 0, 0), want: wireError},
		"a number of eight, short":      {data: badly(0x11, 0, 0, 0, 0, 0, 0, 0), want: wireError},
	}
	return rows
}
