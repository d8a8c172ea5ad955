package extauthz_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/request"
)

// used returns a request with the contents of an earlier call, which must not remain.
func used() *request.Request {
	return &request.Request{
		Method: "USED", Authority: "used", Target: "/used", RawHeaders: true, Source: "used", Principal: "used",
		Headers:    []request.Header{{Name: "used", Value: "used"}, {Name: "authorization", Value: "used"}},
		Extensions: map[string]string{"jwtgate.used": "used"},
	}
}

// agree reads data with scan and with its reference, and reports differences. It returns
// the request, or nil if data was rejected.
func agree(t *testing.T, data []byte) *request.Request {
	t.Helper()
	check, want, wantErr := extauthz.Unmarshal(data)
	before, got := bytes.Clone(data), used()
	err := extauthz.Scan(data, got)
	if !bytes.Equal(before, data) {
		t.Fatal("the scan has written to its data")
	}
	if err != wantErr {
		t.Fatalf("error %v, want %v, for %x", err, wantErr, data)
	}
	if err != nil {
		if len(got.Headers) != 0 || got.Extensions != nil || got.Method+got.Authority+got.Target+got.Source+got.Principal != "" ||
			got.RawHeaders {
			t.Fatalf("refused, and yet %+v for %x", got, data)
		}
		return nil
	}
	for name := range want.Extensions {
		if !strings.HasPrefix(name, "jwtgate.") {
			delete(want.Extensions, name)
		}
	}
	if len(want.Extensions) == 0 {
		want.Extensions = nil
	}
	// A Go map has no order, so the headers of the map form, which come first, are sorted.
	form := 0
	for name := range check.GetAttributes().GetRequest().GetHttp().GetHeaders() {
		if !strings.HasPrefix(name, ":") {
			form++
		}
	}
	if len(got.Headers) == len(want.Headers) {
		slices.SortFunc(want.Headers[:form], byName)
		slices.SortFunc(got.Headers[:form], byName)
	}
	if !slices.Equal(got.Headers, want.Headers) {
		t.Fatalf("headers %q, want %q, for %x", got.Headers, want.Headers, data)
	}
	if !maps.Equal(got.Extensions, want.Extensions) || (got.Extensions == nil) != (want.Extensions == nil) {
		t.Fatalf("extensions %v, want %v, for %x", got.Extensions, want.Extensions, data)
	}
	if g, w := withoutLists(got), withoutLists(want); g != w {
		t.Fatalf("%s, want %s, for %x", g, w, data)
	}
	return got
}

func byName(a, b request.Header) int { return strings.Compare(a.Name, b.Name) }

func withoutLists(r *request.Request) string {
	plain := *r
	plain.Headers, plain.Extensions = nil, nil
	return fmt.Sprintf("%#v", plain)
}

// TestScan checks that a scan reads messages as Protobuf does, including forms that only an
// attacker would send.
func TestScan(t *testing.T) {
	for name, row := range scanned() {
		t.Run(name, func(t *testing.T) {
			r := agree(t, row.data)
			if r == nil {
				t.Fatal("refused")
			}
			if got := row.read(r); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

// TestScanRefuses checks that a scan rejects what the reference rejects, with the same
// error.
func TestScanRefuses(t *testing.T) {
	for name, row := range refused() {
		t.Run(name, func(t *testing.T) {
			if r := agree(t, row.data); r != nil {
				t.Fatalf("read as %+v", r)
			}
			if err := extauthz.Scan(row.data, used()); err.Error() != row.want {
				t.Errorf("%v, want %s", err, row.want)
			}
		})
	}
}

// TestScanOfAPart checks that a message that is cut anywhere is rejected or read like the
// reference.
func TestScanOfAPart(t *testing.T) {
	for _, row := range scanned() {
		for n := range row.data {
			agree(t, row.data[:n])
			agree(t, row.data[n:])
		}
	}
}

// around nests a message in fields, innermost first, this many times.
func around(inner wire, times int, nums ...protowire.Number) wire {
	var heads [][]byte
	size := len(inner)
	for range times {
		for _, num := range nums {
			head := protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.BytesType), uint64(size))
			heads, size = append(heads, head), size+len(head)
		}
	}
	slices.Reverse(heads)
	return append(bytes.Join(heads, nil), inner...)
}

// TestScanDepth checks that messages may be nested as deep as proto.Unmarshal allows, and
// not deeper.
func TestScanDepth(t *testing.T) {
	const limit = protowire.DefaultRecursionLimit
	nest := map[string]func(inner wire, times int) wire{
		"structs": func(inner wire, times int) wire { return around(inner, times, 2, 1, 5) },
		"lists":   func(inner wire, times int) wire { return around(inner, times, 1, 6) },
		"groups": func(inner wire, times int) wire {
			opened := bytes.Repeat(protowire.AppendTag(nil, 9, protowire.StartGroupType), times)
			return slices.Concat(opened, inner, bytes.Repeat(protowire.AppendTag(nil, 9, protowire.EndGroupType), times))
		},
	}
	// The deepest message ends with a map of an unexpected wire type, which counts.
	for name, inner := range map[string]wire{"nothing": {}, "a text": wire{}.text(3, "x"), "a struct": wire{}.of(5),
		"an entry":              wire{}.of(5, wire{}.of(1)),
		"an entry that is none": wire{}.of(5, wire{}.number(1, 1))} {
		for form, deep := range nest {
			t.Run(form+" around "+name, func(t *testing.T) {
				levels := map[string]int{"structs": 3, "lists": 2, "groups": 1}[form]
				accepted, refused := 0, 0
				for times := limit/levels - 8; times <= limit/levels+4; times++ {
					value := deep(inner, times)
					metadata := wire{}.of(11, wire{}.of(1, wire{}.of(2, wire{}.of(1, wire{}.of(2, value)))))
					if agree(t, append(asks(get()), attributes(metadata)...)) != nil {
						accepted++
					} else {
						refused++
					}
				}
				if accepted == 0 || refused == 0 {
					t.Errorf("%d accepted, %d refused: the limit is not among them", accepted, refused)
				}
			})
		}
	}
}

// TestScanKnowsEachField checks that the scan knows every field of the protocol. A string
// in an unknown field would not be checked for UTF-8.
func TestScanKnowsEachField(t *testing.T) {
	type visit struct {
		at      uint64
		message protoreflect.FullName
	}
	seen := map[visit]bool{}
	var walk func(at uint64, message protoreflect.MessageDescriptor)
	walk = func(at uint64, message protoreflect.MessageDescriptor) {
		if seen[visit{at, message.FullName()}] {
			return
		}
		seen[visit{at, message.FullName()}] = true
		if message.ParentFile().Syntax() != protoreflect.Proto3 || message.ExtensionRanges().Len() > 0 || message.RequiredNumbers().Len() > 0 {
			t.Errorf("%s is no plain message of proto3", message.FullName())
		}
		for num := protowire.Number(1); num < 2000; num++ {
			kind, of := extauthz.ScannedField(at, num)
			f := message.Fields().ByNumber(num)
			want := "skipped"
			switch {
			case f == nil:
			case f.IsMap():
				want = "entry"
			case f.Message() != nil:
				want = "nested"
			case f.Kind() == protoreflect.StringKind:
				want = "text"
			case f.FullName() == "envoy.config.core.v3.HeaderValue.raw_value":
				want = "octets"
			}
			if kind != want {
				t.Errorf("field %d of %s is %s, want %s", num, message.FullName(), kind, want)
			} else if f != nil && f.Message() != nil {
				walk(of, f.Message())
			}
		}
	}
	walk(0, (&authv3.CheckRequest{}).ProtoReflect().Descriptor())
	kinds := map[uint64]protoreflect.FullName{}
	for v := range seen {
		if other, twice := kinds[v.at]; twice && !strings.HasSuffix(string(v.message), "Entry") {
			t.Errorf("%s and %s are taken for the same", other, v.message)
		}
		kinds[v.at] = v.message
	}
	if len(seen) < 25 {
		t.Errorf("only %d messages visited", len(seen))
	}
}
