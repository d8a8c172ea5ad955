//go:build !race

package e2e

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// TestTheProtocolNotesHold: every test that proto-notes names exists, every line about a
// field names at least one, and every field is in the protocol.
func TestTheProtocolNotesHold(t *testing.T) {
	tests := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllStringSubmatch(read(t, file), -1) {
			tests[found[1]] = true
		}
	}
	pages, err := filepath.Glob("../../proto-notes/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no notes: %v", err)
	}
	messages := []proto.Message{&authv3.CheckRequest{}, &authv3.CheckResponse{}}
	fields := 0
	for _, page := range pages {
		for line := range strings.Lines(read(t, page)) {
			named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(line, -1)
			for _, name := range named {
				if !tests[name[1]] {
					t.Errorf("%s names %s, which is not a test of this package", page, name[1])
				}
			}
			about := regexp.MustCompile("^\\| `([a-z_.]+)` \\|").FindStringSubmatch(line)
			if about == nil {
				continue
			}
			if len(named) == 0 {
				t.Errorf("%s says what %s does, and no test shows it", page, about[1])
			}
			if about[1] != "early_header_mutation_extensions" { // an option of Envoy's
				fields++
				if !isField(messages[0], about[1]) && !isField(messages[1], about[1]) {
					t.Errorf("%s: %s is not a field of CheckRequest or CheckResponse", page, about[1])
				}
			}
		}
	}
	if fields < 20 {
		t.Errorf("only %d fields were found in the notes", fields)
	}
}

// isField reports whether a path of names leads to a field; after a list follow the fields
// of its items.
func isField(message proto.Message, path string) bool {
	at := message.ProtoReflect().Descriptor()
	names := strings.Split(path, ".")
	for i, name := range names {
		if at == nil {
			return false
		}
		field := at.Fields().ByName(protoreflect.Name(name))
		if field == nil {
			return false
		}
		if i == len(names)-1 {
			return true
		}
		at = field.Message()
	}
	return false
}
