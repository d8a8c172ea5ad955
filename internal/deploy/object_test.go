//go:build deploy

package deploy

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// object is a Kubernetes object, or any other YAML mapping.
type object map[string]any

// documents reads a stream of YAML documents, without empty ones.
func documents(text string) ([]object, error) {
	var all []object
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var o object
		err := decoder.Decode(&o)
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case len(o) > 0:
			all = append(all, o)
		}
	}
}

// at returns the value at a path such as spec.template.spec.containers.0, nil if there is
// none. A path cannot contain keys with dots.
func (o object) at(path string) any {
	var node any = map[string]any(o)
	for step := range strings.SplitSeq(path, ".") {
		switch n := node.(type) {
		case map[string]any:
			node = n[step]
		case object:
			node = n[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(n) {
				return nil
			}
			node = n[i]
		default:
			return nil
		}
	}
	return node
}

// text returns the value at a path as text; "" if there is none.
func (o object) text(path string) string {
	if value := o.at(path); value != nil {
		return fmt.Sprint(value)
	}
	return ""
}

// list returns the mappings of a list at a path.
func (o object) list(path string) []object {
	var all []object
	items, _ := o.at(path).([]any)
	for _, item := range items {
		all = append(all, mapping(item))
	}
	return all
}

// within returns the mapping at a path, an empty one if there is none.
func (o object) within(path string) object { return mapping(o.at(path)) }

func mapping(node any) object {
	switch n := node.(type) {
	case map[string]any:
		return n
	case object:
		return n
	default:
		return object{}
	}
}

// name returns an object's name for messages.
func (o object) name() string { return o.text("kind") + "/" + o.text("metadata.name") }

// ofKind returns the objects of a kind.
func ofKind(objects []object, kind string) []object {
	var all []object
	for _, o := range objects {
		if o.text("kind") == kind {
			all = append(all, o)
		}
	}
	return all
}

// named returns the object of a kind and name, an empty one if there is none.
func named(objects []object, kind, name string) object {
	for _, o := range ofKind(objects, kind) {
		if o.text("metadata.name") == name {
			return o
		}
	}
	return object{}
}

// selects reports whether a label selector matches labels. A missing one matches nothing,
// an empty one everything.
func selects(selector any, labels object) bool {
	switch selector.(type) {
	case map[string]any, object:
	default:
		return false
	}
	s := mapping(selector)
	if s["matchExpressions"] != nil {
		return false // none is in use here, so that one is a mistake
	}
	return includes(labels, s.within("matchLabels"))
}

// includes reports whether labels contain all of these.
func includes(labels, these object) bool {
	for key, value := range these {
		if labels[key] != value {
			return false
		}
	}
	return true
}
