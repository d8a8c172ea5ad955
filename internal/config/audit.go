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
			yamlform.Field("redact", "personal data that is not recorded, or only as a hash", yamlform.Mapping(redactObject), &a.Redact),
		},
	}
}

func redactObject(r *Redact) yamlform.Object {
	return yamlform.Object{
		Expected: "a mapping such as {fields: [subject, source], mode: omit}",
		Rows: []yamlform.Row{
			yamlform.Field("fields", "which fields of a recorded decision are redacted", yamlform.NonEmptySet(
				"a list such as [subject, source, path]", yamlform.Enum(RedactSubject, RedactSource, RedactPath)), &r.Fields).MustBeSet(),
			yamlform.Field("mode", "omit leaves the fields out; hash writes a keyed hash (HMAC-SHA-256), so that equal values can be found",
				yamlform.Enum(RedactOmit, RedactHash), &r.Mode).MustBeSet(),
			yamlform.Field("key_file",
				"the key of the hashes, at least 32 bytes, for example from openssl rand -hex 32; a changed file is read again",
				yamlform.FilePath("the path of a file"), &r.KeyFile),
		},
	}
}

// checkRedact checks that a key is given exactly if there are hashes.
func checkRedact(d *yamlform.Decoder, r *Redact) {
	switch {
	case r.Mode == RedactHash && !d.IsSet("audit.redact.key_file"):
		d.ReportPath("audit.redact.mode", "is hash, and key_file is missing; expected the path of a file with at least 32 bytes; "+
			"hint: openssl rand -hex 32 > audit.key")
	case r.Mode == RedactOmit && r.KeyFile != "":
		d.ReportPath("audit.redact.key_file", "has no effect, because mode is omit; remove it, or write mode: hash")
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
