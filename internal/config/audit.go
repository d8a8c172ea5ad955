package config

import (
	"fmt"
	"strconv"
	"strings"
)

func auditObject() object[Audit] {
	return object[Audit]{
		says: "a mapping such as {denied: all, allowed: 1/100}",
		keys: []key[Audit]{
			field("denied", "how many of the denied requests are recorded", oneIn(), func(a *Audit) *OneIn { return &a.Denied }).or("all"),
			field("allowed", "how many of the allowed requests are recorded", oneIn(), func(a *Audit) *OneIn { return &a.Allowed }).or("none"),
			field("to", "where they are recorded", oneOf(AuditStderr, AuditStdout), func(a *Audit) *AuditTarget { return &a.To }).or("stderr"),
		},
	}
}

// oneIn is all, none, or one in so many.
func oneIn() form[OneIn] {
	const most = 1_000_000
	says := fmt.Sprintf("all, none, or 1/N with N from 2 to %d", most)
	return form[OneIn]{says: says, shape: variableOr(schema{"type": "string", "pattern": "^(all|none|1/[1-9][0-9]{0,6})$"}), read: func(d *decoder, p place) (OneIn, bool) {
		text, ok := d.text(p, says, "")
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
			d.fault(p, "is %s; write %s", shown(text), says)
			return 0, false
		}
		return OneIn(n), true
	}}
}
