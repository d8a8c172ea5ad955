package demo

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/internal/config"
)

// paths are the absolute paths of the files that a configuration refers to.
type paths struct {
	include []string // patterns
	revoked string   // empty: none
}

// pathsOf returns the absolute paths in a configuration, for use in a copy in another
// directory.
func pathsOf(source string, file []byte, getenv func(string) (string, bool)) (paths, error) {
	absolute, err := filepath.Abs(source)
	if err != nil {
		return paths{}, fmt.Errorf("find the configuration's directory: %w", err)
	}
	cfg, err := config.Parse(absolute, file, getenv)
	if err != nil {
		return paths{}, fmt.Errorf("read the configuration again: %w", err)
	}
	return paths{include: cfg.Files[1:], revoked: cfg.RevokedFile}, nil // Files[0] is the file itself
}

// rewrite returns a copy of a configuration file in which the keys of each issuer come
// from keysOf's URL and the paths are those of at. It changes nothing else and does
// not expand variables. The configuration must be valid.
func rewrite(file []byte, at paths, keysOf func(issuer string) (url string, ok bool)) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Load(file, &document); err != nil {
		return nil, fmt.Errorf("read the configuration again: %w", err)
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, errors.New("read the configuration again: it is not one YAML document")
	}
	root := document.Content[0]
	// A later `serve` would trust keys of the demo's issuer that it finds in its cache.
	remove(root, "cache_dir")
	// The demo's Envoy uses plain HTTP/2 to a loopback port, which the command line of
	// the gate sets.
	remove(root, "server")
	if len(at.include) > 0 {
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, pattern := range at.include {
			list.Content = append(list.Content, text(literal(pattern)))
		}
		set(root, "include", list)
	}
	if at.revoked != "" {
		set(member(root, "revoked"), "file", text(literal(at.revoked)))
	}
	issuers := member(root, "issuers")
	for at := 0; issuers != nil && at+1 < len(issuers.Content); at += 2 {
		name, issuer := issuers.Content[at].Value, issuers.Content[at+1]
		url, ok := keysOf(name)
		if !ok {
			return nil, fmt.Errorf("no keys for issuer %q", name)
		}
		if issuer.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("issuer %q is not a mapping; aliases are not supported here", name)
		}
		setKeysURL(issuer, url)
	}
	data, err := yaml.Dump(&document)
	if err != nil {
		return nil, fmt.Errorf("write the configuration's copy: %w", err)
	}
	return data, nil
}

// setKeysURL makes an issuer's keys come from url, over plain HTTP. It keeps the
// intervals.
func setKeysURL(issuer *yaml.Node, url string) {
	jwks := member(issuer, "jwks")
	if jwks == nil || jwks.Kind != yaml.MappingNode {
		jwks = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		set(issuer, "jwks", jwks)
	}
	for _, key := range []string{"file", "ca_file", "proxy"} {
		remove(jwks, key)
	}
	set(jwks, "uri", text(url))
	set(issuer, "dangerously_allow_http", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
}

// text returns the node of a string.
func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Style: yaml.DoubleQuotedStyle}
}

// literal escapes a value so that no variables are expanded in it.
func literal(value string) string { return strings.ReplaceAll(value, "${", "$${") }

// member returns the value of key, or nil.
func member(mapping *yaml.Node, key string) *yaml.Node {
	if at := find(mapping, key); at >= 0 {
		return mapping.Content[at+1]
	}
	return nil
}

// set sets the value of key.
func set(mapping *yaml.Node, key string, value *yaml.Node) {
	if at := find(mapping, key); at >= 0 {
		mapping.Content[at+1] = value
		return
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
}

// remove removes key.
func remove(mapping *yaml.Node, key string) {
	if at := find(mapping, key); at >= 0 {
		mapping.Content = append(mapping.Content[:at], mapping.Content[at+2:]...)
	}
}

// find returns the index of key in a mapping's content, or -1.
func find(mapping *yaml.Node, key string) int {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return -1
	}
	for at := 0; at+1 < len(mapping.Content); at += 2 {
		if mapping.Content[at].Value == key {
			return at
		}
	}
	return -1
}
