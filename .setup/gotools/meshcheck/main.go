// Command meshcheck reads Istio's mesh configuration, YAML, from its standard
// input and fails if a field is not one of istio.io/api's MeshConfig, or has
// another type. Istio has no resource definition for it that could be asked.
package main

import (
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	mesh "istio.io/api/mesh/v1alpha1"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := check(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check reads one mesh configuration, strictly.
func check(from io.Reader) error {
	text, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	tree, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(tree, &mesh.MeshConfig{})
}
