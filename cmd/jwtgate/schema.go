package main

import "github.com/jwtgate/jwtgate/internal/config"

type schemaCommand struct{}

// Help is the command's longer help.
func (schemaCommand) Help() string {
	return `Editors with YAML support use the schema to complete and validate jwtgate.yaml.

Example: jwtgate schema > jwtgate.schema.json, and at the top of jwtgate.yaml:
  # yaml-language-server: $schema=jwtgate.schema.json`
}

// Run prints the schema.
func (schemaCommand) Run(c console) error {
	schema, err := config.Schema()
	if err != nil {
		return err
	}
	_, err = c.out.Write(schema)
	return err
}
