package config

import (
	"encoding/json"
	"maps"

	yaml "go.yaml.in/yaml/v4"
)

// schema is a JSON Schema, or a part of one.
type schema map[string]any

// Schema returns the JSON Schema (draft 2020-12) of a configuration file, made
// from the tables that decode it, for editors; $defs/included is that of an
// included file. What it refuses is a mistake, but not everything that is a
// mistake is refused: rules between values, and what a word must look like, are
// the decoder's alone.
func Schema() ([]byte, error) {
	whole := fileObject().shape()
	whole["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	whole["title"] = "the configuration of jwtgate"
	whole["$defs"] = schema{"included": hostedObject("the file that includes it").shape()}
	return json.MarshalIndent(whole, "", "  ")
}

// outline is the schema of a value; one that says nothing else is a string.
func (f form[V]) outline() schema {
	if f.shape == nil {
		return schema{"type": "string"}
	}
	return f.shape()
}

// shape is the schema of the object.
func (o object[T]) shape() schema {
	keys := schema{}
	var required []string
	for _, k := range o.keys {
		if k.mend != "" {
			continue
		}
		one := k.shape()
		one["description"] = k.Doc + "; " + k.Form
		var fallback any
		if err := yaml.Unmarshal([]byte(k.Default), &fallback); err == nil && fallback != nil {
			one["default"] = fallback
		}
		keys[k.Path] = one
		if k.Required {
			required = append(required, k.Path)
		}
	}
	s := schema{"type": "object", "properties": keys, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	return s
}

// variableOr is the shape of a scalar, for which a text with a variable in it
// can stand.
func variableOr(one schema) func() schema {
	return func() schema {
		return schema{"anyOf": []schema{maps.Clone(one), {"type": "string", "pattern": `\$\{`}}}
	}
}

// anyOfShapes is the shape of a value that is written in one way or another.
func anyOfShapes(one, other func() schema) func() schema {
	return func() schema { return schema{"anyOf": []schema{one(), other()}} }
}

// notEmpty is the shape of a list that holds something.
func notEmpty(list func() schema) func() schema {
	return func() schema {
		s := list()
		s["minItems"] = 1
		return s
	}
}

// routeShape asks for one of the ways to come to a route.
func routeShape(route func() schema) func() schema {
	return func() schema {
		s := route()
		s["anyOf"] = []schema{{"required": []string{"match"}}, {"required": []string{"name"}}}
		return s
	}
}

// namesShape is that of a mapping from names of the user's own, which match the
// pattern; an empty one matches all.
func namesShape(pattern string, value schema) schema {
	if pattern == "" {
		return schema{"type": "object", "additionalProperties": value}
	}
	return schema{"type": "object", "patternProperties": schema{pattern: value}, "additionalProperties": false}
}

// headersShape is that of the identity headers, of which null removes one.
func headersShape() schema {
	return namesShape("^[A-Za-z0-9-]+$", anyOfShapes(claimsForm().outline, func() schema { return schema{"type": "null"} })())
}
