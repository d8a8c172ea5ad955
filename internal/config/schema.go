package config

import (
	"encoding/json"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Key is one key of the configuration as the reference lists it.
type Key = yamlform.Key

// Keys lists every key that a configuration may have, in the order in which
// they are documented.
func Keys() []Key { return rootObject().Reference("") }

// Schema returns the JSON Schema (draft 2020-12) of a configuration file, made
// from the tables that decode it, for editors; $defs/included is that of an
// included file. What it refuses is a mistake, but not everything that is a
// mistake is refused: rules between values, and what a word must look like, are
// the decoder's alone.
func Schema() ([]byte, error) {
	whole := rootObject().Schema()
	whole["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	whole["title"] = "the configuration of jwtgate"
	whole["$defs"] = yamlform.Schema{"included": includedObject("the file that includes it").Schema()}
	return json.MarshalIndent(whole, "", "  ")
}

// routeShape asks for one of the ways to come to a route.
func routeShape(route func() yamlform.Schema) func() yamlform.Schema {
	return func() yamlform.Schema {
		s := route()
		s["anyOf"] = []yamlform.Schema{{"required": []string{"match"}}, {"required": []string{"name"}}}
		return s
	}
}

// headersShape is that of the identity headers, of which null removes one.
func headersShape() yamlform.Schema {
	null := func() yamlform.Schema { return yamlform.Schema{"type": "null"} }
	return yamlform.NamesSchema("^[A-Za-z0-9-]+$", yamlform.AnyOfSchemas(claimsCodec().JSONSchema, null)())
}
