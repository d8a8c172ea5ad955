package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func auditObject(a *Audit) yamlform.Object {
	return yamlform.Object{
		Expected: "a mapping such as {denied: all, allowed: 1/100}",
		Rows: []yamlform.Row{
			yamlform.Field("denied", "which share of the denied requests is recorded", oneInCodec(), &a.Denied).WithDefault("all"),
			yamlform.Field("allowed", "which share of the allowed requests is recorded", oneInCodec(), &a.Allowed).WithDefault("none"),
			yamlform.Field("to", "where they are recorded", yamlform.Enum(AuditStderr, AuditStdout), &a.To).WithDefault("stderr"),
		},
	}
}

// oneInCodec is all, none, or 1/N.
func oneInCodec() yamlform.Codec[OneIn] {
	const limit = 1_000_000
	expected := fmt.Sprintf("all, none, or 1/N with N from 2 to %d", limit)
	number := func(text string) int {
		n, _ := strconv.Atoi(strings.TrimPrefix(text, "1/"))
		return n
	}
	text := yamlform.String(expected, func(text string) string {
		n := number(text)
		valid := text == "all" || text == "none" || n >= 2 && n <= limit && text == "1/"+strconv.Itoa(n)
		return unless(valid, "is invalid", text, expected)
	})
	text.Schema = yamlform.SchemaOrVariable(yamlform.Schema{"type": "string", "pattern": "^(all|none|1/[1-9][0-9]{0,6})$"})
	return yamlform.Then(text, func(_ *yamlform.Decoder, _ yamlform.Place, text string) (OneIn, bool) {
		if text == "all" {
			return 1, true
		}
		return OneIn(number(text)), true // 0 for none
	})
}
