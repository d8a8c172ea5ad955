package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func auditObject() yamlform.Object[Audit] {
	return yamlform.Object[Audit]{
		Form: "a mapping such as {denied: all, allowed: 1/100}",
		Fields: []yamlform.FieldOf[Audit]{
			yamlform.Field("denied", "how many of the denied requests are recorded", oneIn(), func(a *Audit) *OneIn { return &a.Denied }).Or("all"),
			yamlform.Field("allowed", "how many of the allowed requests are recorded", oneIn(),
				func(a *Audit) *OneIn { return &a.Allowed }).Or("none"),
			yamlform.Field("to", "where they are recorded", yamlform.Enum(AuditStderr, AuditStdout),
				func(a *Audit) *AuditTarget { return &a.To }).Or("stderr"),
		},
	}
}

// oneIn is all, none, or one in so many.
func oneIn() yamlform.Codec[OneIn] {
	const most = 1_000_000
	form := fmt.Sprintf("all, none, or 1/N with N from 2 to %d", most)
	shape := yamlform.OrVariable(yamlform.Schema{"type": "string", "pattern": "^(all|none|1/[1-9][0-9]{0,6})$"})
	return yamlform.Codec[OneIn]{Form: form, Shape: shape, Read: func(d *yamlform.Decoder, p yamlform.Place) (OneIn, bool) {
		text, ok := d.Text(p, form, "")
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
		if err != nil || n < 2 || n > most || text != "1/"+strconv.Itoa(n) {
			d.Fault(p, "is %s; write %s", yamlform.Quote(text), form)
			return 0, false
		}
		return OneIn(n), true
	}}
}
