package policytest

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// jsonNumber is RFC 8259 section 6.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// json converts any value to its JSON equivalent. Numbers keep their digits.
func (r *reader) json(p yamlform.Place) any {
	switch {
	case p.IsMapping():
		object := map[string]any{}
		entries, _ := r.Entries(p, "")
		for _, e := range entries {
			object[e.Name()] = r.json(e)
		}
		return object
	case p.IsList():
		list := []any{}
		items, _ := r.Items(p, "")
		for _, item := range items {
			list = append(list, r.json(item))
		}
		return list
	case r.IsNull(p):
		return nil
	}
	switch text, kind, _ := r.Scalar(p, ""); {
	case kind == yamlform.KindBool:
		return strings.EqualFold(text, "true")
	case kind != yamlform.KindNumber:
		return text
	case jsonNumber.MatchString(text):
		return json.Number(text)
	default:
		r.Report(p, "is not a JSON number: got %s; expected the JSON form, or quotes around it", text)
		return nil
	}
}

// members reads the mapping at p as a JSON object.
func (r *reader) members(p yamlform.Place, expected string) map[string]any {
	if !p.IsMapping() {
		r.ReportKind(p, expected)
		return nil
	}
	object, _ := r.json(p).(map[string]any)
	return object
}

// maxDuration is the maximum duration from now to a decision or an expiry.
const maxDuration = 10 * 365 * 24 * time.Hour

// duration reads a duration, which may be negative.
func (r *reader) duration(p yamlform.Place, expected string) (time.Duration, bool) {
	text, ok := r.text(p, expected)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		r.Report(p, "is invalid: got %s; expected %s", yamlform.Quote(text), expected)
	case d.Abs() > maxDuration:
		r.Report(p, "is more than ten years: got %s; expected %s", yamlform.Quote(text), expected)
	default:
		return d, true
	}
	return 0, false
}
