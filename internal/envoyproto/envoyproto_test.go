package envoyproto_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	// The test reads contrib's messages from its source; this import keeps the module
	// in go.mod.
	_ "github.com/envoyproxy/go-control-plane/contrib/envoy/extensions/filters/http/golang/v3alpha"

	"github.com/jwtgate/jwtgate/internal/envoyproto"
)

var update = flag.Bool("update", false, "write descriptors.binpb.gz again")

// modules returns the modules with the messages. The test reads their generated code, since
// importing it means some 500 packages.
func modules() []string {
	return []string{
		"github.com/envoyproxy/go-control-plane/envoy",
		"github.com/envoyproxy/go-control-plane/contrib",
		"github.com/cncf/xds/go",
	}
}

func TestDescriptorsAreCurrent(t *testing.T) {
	want := descriptors(t)
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	const name = "descriptors.binpb.gz"
	if *update {
		var out bytes.Buffer
		zip, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
		if _, err := zip.Write(raw); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(zip.Close(), os.WriteFile(name, out.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d files, %d bytes, compressed %d", len(want.File), len(raw), out.Len())
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	have, err := envoyproto.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(have, want) {
		t.Errorf("%s differs from the modules in go.mod; run go test ./internal/envoyproto -update", name)
	}
}

// descriptors returns the files of the modules and of google.protobuf, without the parts
// that the linter does not need, each once and sorted by name.
func descriptors(t *testing.T) *descriptorpb.FileDescriptorSet {
	t.Helper()
	all := map[string]*descriptorpb.FileDescriptorProto{}
	for _, module := range modules() {
		err := filepath.WalkDir(directory(t, module), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".pb.go") {
				for _, file := range inSource(t, path) {
					all[file.GetName()] = file
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range all {
		if strings.Contains(name, "/v2") || strings.HasPrefix(name, "envoy/api/") || strings.Contains(name, "/annotations/") {
			delete(all, name) // Envoy no longer loads version 2 of its API
		}
	}
	for _, file := range []protoreflect.FileDescriptor{
		anypb.File_google_protobuf_any_proto, durationpb.File_google_protobuf_duration_proto, emptypb.File_google_protobuf_empty_proto,
		fieldmaskpb.File_google_protobuf_field_mask_proto, structpb.File_google_protobuf_struct_proto,
		timestamppb.File_google_protobuf_timestamp_proto, wrapperspb.File_google_protobuf_wrappers_proto,
	} {
		all[file.Path()] = protodesc.ToFileDescriptorProto(file)
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range all {
		set.File = append(set.File, slim(file, all))
	}
	slices.SortFunc(set.File, func(a, b *descriptorpb.FileDescriptorProto) int { return strings.Compare(a.GetName(), b.GetName()) })
	return set
}

// directory returns the folder of a module's source.
func directory(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if dir := strings.TrimSpace(string(out)); err == nil && dir != "" {
		return dir
	}
	if out, err := exec.Command("go", "mod", "download", module).CombinedOutput(); err != nil {
		t.Fatalf("go mod download %s: %v\n%s", module, err, out)
	}
	out, err = exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// inSource returns the file descriptors in generated Go code.
func inSource(t *testing.T, path string) []*descriptorpb.FileDescriptorProto {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []*descriptorpb.FileDescriptorProto
	for _, declaration := range parsed.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			one := spec.(*ast.ValueSpec)
			if !strings.HasSuffix(one.Names[0].Name, "_rawDesc") {
				continue
			}
			file := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal([]byte(text(one.Values[0])), file); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			all = append(all, file)
		}
	}
	return all
}

// text returns the value of string literals that are joined with +.
func text(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.BasicLit:
		return constant.StringVal(constant.MakeFromLiteral(e.Value, e.Kind, 0))
	case *ast.BinaryExpr:
		return text(e.X) + text(e.Y)
	}
	return ""
}

// slim returns a file without the parts that the linter does not need, and without imports
// of files that are not in the set.
func slim(file *descriptorpb.FileDescriptorProto, all map[string]*descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	out := &descriptorpb.FileDescriptorProto{
		Name: file.Name, Package: file.Package, Syntax: file.Syntax, MessageType: file.GetMessageType(), EnumType: file.GetEnumType(),
	}
	for _, name := range file.GetDependency() {
		if all[name] != nil {
			out.Dependency = append(out.Dependency, name)
		}
	}
	slimMessages(out.GetMessageType())
	slimEnums(out.GetEnumType())
	return out
}

func slimMessages(messages []*descriptorpb.DescriptorProto) {
	for _, message := range messages {
		message.ReservedName, message.ReservedRange, message.Extension, message.OneofDecl = nil, nil, nil, nil
		if message.GetOptions().GetMapEntry() {
			message.Options = &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}
		} else {
			message.Options = nil
		}
		for _, field := range message.GetField() {
			field.Options, field.OneofIndex, field.Proto3Optional = nil, nil, nil
		}
		slimMessages(message.GetNestedType())
		slimEnums(message.GetEnumType())
	}
}

func slimEnums(enums []*descriptorpb.EnumDescriptorProto) {
	for _, enum := range enums {
		if enum.ReservedName, enum.ReservedRange = nil, nil; enum.GetOptions().GetAllowAlias() {
			enum.Options = &descriptorpb.EnumOptions{AllowAlias: proto.Bool(true)}
		} else {
			enum.Options = nil
		}
		for _, value := range enum.GetValue() {
			value.Options = nil
		}
	}
}

// TestFind: a message is found by its full name, with the fields of its release, and
// nothing else is found.
func TestFind(t *testing.T) {
	for name, field := range map[string]string{
		"envoy.config.listener.v3.Listener":                   "filter_chain_matcher",
		"envoy.extensions.filters.http.ext_authz.v3.ExtAuthz": "shadow_mode",
		"envoy.extensions.filters.http.golang.v3alpha.Config": "library_id",
		"xds.type.v3.TypedStruct":                             "type_url",
		"google.protobuf.Any":                                 "type_url",
		"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig": "filters",
	} {
		message, ok, err := envoyproto.Find(name)
		if err != nil || !ok {
			t.Fatalf("%s: found %v, %v", name, ok, err)
		}
		if message.Fields().ByName(protoreflect.Name(field)) == nil {
			t.Errorf("%s has no field %s", name, field)
		}
	}
	for _, name := range []string{"envoy.config.listener.v3.Nothing", "", "envoy.config.listener.v3.Listener.DrainType",
		"envoy.api.v2.Listener"} {
		if _, ok, err := envoyproto.Find(name); ok || err != nil {
			t.Errorf("%q: found %v, %v", name, ok, err)
		}
	}
}
