package yamlform

import (
	"maps"

	yaml "go.yaml.in/yaml/v4"
)

// Schema is a JSON Schema or a part of one.
type Schema map[string]any

// JSONSchema returns the schema of the value: that of a string if f.Schema is nil.
func (f Codec[V]) JSONSchema() Schema {
	if f.Schema == nil {
		return Schema{"type": "string"}
	}
	return f.Schema()
}

// Schema returns the schema of the object.
func (o Object) Schema() Schema {
	keys := Schema{}
	var required []string
	for _, k := range o.Rows {
		if k.hint != "" {
			continue
		}
		one := k.Schema()
		one["description"] = k.Doc + "; " + k.Expected
		var fallback any
		if err := yaml.Unmarshal([]byte(k.Default), &fallback); err == nil && fallback != nil {
			one["default"] = fallback
		}
		keys[k.Path] = one
		if k.Required {
			required = append(required, k.Path)
		}
	}
	s := Schema{"type": "object", "properties": keys, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	return s
}

// SchemaOrVariable is the schema one, or a text that contains a variable.
func SchemaOrVariable(one Schema) func() Schema {
	return func() Schema {
		return Schema{"anyOf": []Schema{maps.Clone(one), {"type": "string", "pattern": `\$\{`}}}
	}
}

// AnyOfSchemas is the schema of a value that matches one schema or the other.
func AnyOfSchemas(one, other func() Schema) func() Schema {
	return func() Schema { return Schema{"anyOf": []Schema{one(), other()}} }
}

// NamesSchema is the schema of a mapping from names that the user chooses. The names
// match the pattern; an empty pattern matches all names.
func NamesSchema(pattern string, value Schema) Schema {
	if pattern == "" {
		return Schema{"type": "object", "additionalProperties": value}
	}
	return Schema{"type": "object", "patternProperties": Schema{pattern: value}, "additionalProperties": false}
}
