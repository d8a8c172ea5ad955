package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func auditObject() yamlform.Object[Audit] {
	return yamlform.Object[Audit]{
		Expected: "a mapping such as {denied: all, allowed: 1/100}",
		Fields: []yamlform.FieldOf[Audit]{
			yamlform.Field("denied", "which share of the denied requests is recorded", oneInCodec(),
				func(a *Audit) *OneIn { return &a.Denied }).WithDefault("all"),
			yamlform.Field("allowed", "which share of the allowed requests is recorded", oneInCodec(),
				func(a *Audit) *OneIn { return &a.Allowed }).WithDefault("none"),
			yamlform.Field("to", "where they are recorded", yamlform.Enum(AuditStderr, AuditStdout),
				func(a *Audit) *AuditTarget { return &a.To }).WithDefault("stderr"),
		},
	}
}

// oneInCodec is all, none, or 1/N.
func oneInCodec() yamlform.Codec[OneIn] {
	const limit = 1_000_000
	expected := fmt.Sprintf("all, none, or 1/N with N from 2 to %d", limit)
	shape := yamlform.SchemaOrVariable(yamlform.Schema{"type": "string", "pattern": "^(all|none|1/[1-9][0-9]{0,6})$"})
	return yamlform.Codec[OneIn]{Expected: expected, Schema: shape, Read: func(d *yamlform.Decoder, p yamlform.Place) (OneIn, bool) {
		text, ok := d.Text(p, expected, "")
		if !ok {
			return 0, false
		}
		switch text {
		case "all":
			return 1, true
		case "none":
			return 0, true
		}
		digits, _ := strings.CutPrefix(text, "1/")
		n, err := strconv.Atoi(digits)
		if err != nil || n < 2 || n > limit || text != "1/"+strconv.Itoa(n) {
			d.Report(p, "is invalid: got %s; expected %s", yamlform.Quote(text), expected)
			return 0, false
		}
		return OneIn(n), true
	}}
}
