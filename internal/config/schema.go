package config

import (
	"encoding/json"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Key is one key of the configuration in the reference.
type Key = yamlform.Key

// Keys returns all keys of a configuration in the order of the documentation.
func Keys() []Key { return rootObject(new(Config)).Reference("") }

// Schema returns the JSON Schema (draft 2020-12) of a configuration file, for editors;
// $defs/included is the schema of an included file. A file that the schema rejects has
// a mistake. The schema does not prove that a file is valid: only the decoder checks
// rules that involve several values, and the form of most texts.
func Schema() ([]byte, error) {
	whole := rootObject(new(Config)).Schema()
	whole["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	whole["title"] = "the configuration of jwtgate"
	whole["$defs"] = yamlform.Schema{"included": includedObject("the file that includes it", new(includedRoutes)).Schema()}
	return json.MarshalIndent(whole, "", "  ")
}

// routeShape requires match or name.
func routeShape(route func() yamlform.Schema) func() yamlform.Schema {
	return func() yamlform.Schema {
		s := route()
		s["anyOf"] = []yamlform.Schema{{"required": []string{"match"}}, {"required": []string{"name"}}}
		return s
	}
}

// headersShape is the schema of identity.headers, where null removes a header.
func headersShape() yamlform.Schema {
	null := func() yamlform.Schema { return yamlform.Schema{"type": "null"} }
	return yamlform.NamesSchema("^[A-Za-z0-9-]+$", yamlform.AnyOfSchemas(claimsCodec().JSONSchema, null)())
}
