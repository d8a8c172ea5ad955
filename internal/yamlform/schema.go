package yamlform

import (
	"maps"

	yaml "go.yaml.in/yaml/v4"
)

// Schema is a JSON Schema, or a part of one.
type Schema map[string]any

// Outline is the schema of a value; one that says nothing else is a string.
func (f Codec[V]) JSONSchema() Schema {
	if f.Schema == nil {
		return Schema{"type": "string"}
	}
	return f.Schema()
}

// Shape is the schema of the object.
func (o Object[T]) Schema() Schema {
	keys := Schema{}
	var required []string
	for _, k := range o.Fields {
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

// OrVariable is the shape of a scalar, for which a text with a variable in it
// can stand.
func SchemaOrVariable(one Schema) func() Schema {
	return func() Schema {
		return Schema{"anyOf": []Schema{maps.Clone(one), {"type": "string", "pattern": `\$\{`}}}
	}
}

// AnyOf is the shape of a value that is written in one way or another.
func AnyOfSchemas(one, other func() Schema) func() Schema {
	return func() Schema { return Schema{"anyOf": []Schema{one(), other()}} }
}

// notEmpty is the shape of a list that holds something.
func nonEmptySchema(list func() Schema) func() Schema {
	return func() Schema {
		s := list()
		s["minItems"] = 1
		return s
	}
}

// NamesSchema is the schema of a mapping from names of the user's own, which match the
// pattern; an empty one matches all.
func NamesSchema(pattern string, value Schema) Schema {
	if pattern == "" {
		return Schema{"type": "object", "additionalProperties": value}
	}
	return Schema{"type": "object", "patternProperties": Schema{pattern: value}, "additionalProperties": false}
}
