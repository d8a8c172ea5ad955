package config

import (
	"fmt"
	"strings"
	"time"
)

func corsObject() object[CORS] {
	return object[CORS]{
		says: "a mapping such as {origins: [\"https://app.example\"]}",
		keys: []key[CORS]{
			field("origins", "origins whose pages may call, and read the answers, where no CORS filter runs before the gate",
				setOf("a list such as [https://app.example]", originForm()), func(c *CORS) *[]string { return &c.Origins }),
			field("credentials", "whether they may do so with cookies too", truth(), func(c *CORS) *bool { return &c.Credentials }).or("false"),
			field("preflight", "answer: the gate answers it, yes to the origins and no to any other; check: it needs what its route needs; "+
				"pass: it reaches the application without a token. By default answer where there are origins, else check",
				oneOf(PreflightAnswer, PreflightCheck, PreflightPass), func(c *CORS) *PreflightMode { return &c.Preflight }),
			field("methods", "the methods that a preflight is answered with; by default the one that it asks for",
				setOf("a list such as [GET, PUT]", methodForm()), func(c *CORS) *[]string { return &c.Methods }),
			field("headers", "the request headers that a preflight is answered with; by default those that it asks for",
				setOf("a list such as [authorization, content-type]", requestHeader()), func(c *CORS) *[]string { return &c.Headers }),
			field("max_age", "how long a browser may remember the answer to a preflight",
				duration("10m", 0, 24*time.Hour), func(c *CORS) *time.Duration { return &c.MaxAge }).or("10m"),
		},
		check: checkCORS,
	}
}

// checkCORS holds the rules between the keys, and fills in what becomes of a
// preflight.
func checkCORS(d *decoder, at place, c *CORS) {
	// Origins with mistakes are not known; those were reported.
	none := len(c.Origins) == 0 && !(c.Origins == nil && d.stated(at.below("origins")))
	if c.Credentials && none {
		d.wrong(at.below("credentials"), "needs origins, since no other origin may read anything; write origins, or leave it out")
	}
	if c.Preflight == "" && !d.stated(at.below("preflight")) {
		c.Preflight = PreflightCheck
		if len(c.Origins) > 0 {
			c.Preflight = PreflightAnswer
		}
	}
	if c.Preflight == PreflightAnswer && none {
		d.wrong(at.below("preflight"), "is answer, which needs origins, since it would refuse every preflight; write origins, or check")
	}
	for _, name := range []string{"methods", "headers"} {
		if d.stated(at.below(name)) && c.Preflight != PreflightAnswer && c.Preflight != "" {
			d.wrong(at.below(name), "is what a preflight is answered with, and preflight is %s; write preflight: answer, or leave it out", c.Preflight)
		}
	}
}

// methodForm is a request method, a token of RFC 9110 section 9.1 without
// lower-case letters: no request with another one passes.
func methodForm() form[string] {
	const says = "a method such as PUT"
	return textOf(says, func(text string) string {
		switch {
		case text == "*":
			return `is "*", which means nothing for requests with credentials; write the methods out, or leave the key out`
		case !Token(text) || strings.ToUpper(text) != text:
			return fmt.Sprintf("is %s, which is not a method; write %s", shown(text), says)
		}
		return ""
	})
}

// requestHeader is the name of any request header, in lower case.
func requestHeader() form[string] {
	const says = "a header name such as content-type"
	return lowered(textOf(says, func(text string) string {
		if text == "*" {
			return `is "*", which does not cover authorization; write the names out, or leave the key out`
		}
		if !Token(text) {
			return fmt.Sprintf("is %s, which is not a header name; write %s", shown(text), says)
		}
		return ""
	}))
}

// Token reports whether text is a token of RFC 9110 section 5.6.2, the form of
// methods and of field names.
func Token(text string) bool { return text != "" && madeOf(text, tokenBytes) }

// tokenBytes are the bytes of a token beside letters and digits.
const tokenBytes = "!#$%&'*+-.^_`|~"
