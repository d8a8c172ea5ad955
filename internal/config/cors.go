package config

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func corsObject() yamlform.Object[CORS] {
	return yamlform.Object[CORS]{
		Expected: "a mapping such as {origins: [\"https://app.example\"]}",
		Fields: []yamlform.FieldOf[CORS]{
			yamlform.Field("origins", "origins whose pages may call, and read the answers, where no CORS filter runs before the gate",
				yamlform.Set("a list such as [https://app.example]", originCodec()), func(c *CORS) *[]string { return &c.Origins }),
			yamlform.Field("credentials", "whether they may do so with cookies too", yamlform.Boolean(),
				func(c *CORS) *bool { return &c.Credentials }).WithDefault("false"),
			yamlform.Field("preflight",
				"answer: the gate answers it, yes to the origins and no to any other; check: it needs what its route needs; "+
					"pass: it reaches the application without a token. By default answer where there are origins, else check",
				yamlform.Enum(PreflightAnswer, PreflightCheck, PreflightPass), func(c *CORS) *PreflightMode { return &c.Preflight }),
			yamlform.Field("methods", "the methods that a preflight is answered with; by default the one that it asks for",
				yamlform.Set("a list such as [GET, PUT]", methodCodec()), func(c *CORS) *[]string { return &c.Methods }),
			yamlform.Field("headers", "the request headers that a preflight is answered with; by default those that it asks for",
				yamlform.Set("a list such as [authorization, content-type]", requestHeaderCodec()), func(c *CORS) *[]string { return &c.Headers }),
			yamlform.Field("max_age", "how long a browser may remember the answer to a preflight",
				yamlform.Duration("10m", 0, 24*time.Hour), func(c *CORS) *time.Duration { return &c.MaxAge }).WithDefault("10m"),
		},
		Check: checkCORS,
	}
}

// checkCORS holds the rules between the keys, and fills in what becomes of a
// preflight.
func checkCORS(d *yamlform.Decoder, at yamlform.Place, c *CORS) {
	// Origins with mistakes are not known; those were reported.
	none := len(c.Origins) == 0 && !(c.Origins == nil && d.IsSet(at.Child("origins")))
	if c.Credentials && none {
		d.ReportPath(at.Child("credentials"), "needs origins, since no other origin may read anything; write origins, or leave it out")
	}
	if c.Preflight == "" && !d.IsSet(at.Child("preflight")) {
		c.Preflight = PreflightCheck
		if len(c.Origins) > 0 {
			c.Preflight = PreflightAnswer
		}
	}
	if c.Preflight == PreflightAnswer && none {
		d.ReportPath(at.Child("preflight"), "is answer, which needs origins, since it would refuse every preflight; write origins, or check")
	}
	for _, name := range []string{"methods", "headers"} {
		if d.IsSet(at.Child(name)) && c.Preflight != PreflightAnswer && c.Preflight != "" {
			d.ReportPath(at.Child(name), "is what a preflight is answered with, and preflight is %s; write preflight: answer, or leave it out",
				c.Preflight)
		}
	}
}

// methodCodec is a request method, a token of RFC 9110 section 9.1 without
// lower-case letters: no request with another one passes.
func methodCodec() yamlform.Codec[string] {
	const expected = "a method such as PUT"
	return yamlform.String(expected, func(text string) string {
		switch {
		case text == "*":
			return `is "*", which means nothing for requests with credentials; write the methods out, or leave the key out`
		case !Token(text) || strings.ToUpper(text) != text:
			return fmt.Sprintf("is %s, which is not a method; write %s", yamlform.Quote(text), expected)
		}
		return ""
	})
}

// requestHeader is the name of any request header, in lower case.
func requestHeaderCodec() yamlform.Codec[string] {
	const expected = "a header name such as content-type"
	return yamlform.Lower(yamlform.String(expected, func(text string) string {
		if text == "*" {
			return `is "*", which does not cover authorization; write the names out, or leave the key out`
		}
		if !Token(text) {
			return fmt.Sprintf("is %s, which is not a header name; write %s", yamlform.Quote(text), expected)
		}
		return ""
	}))
}

// Token reports whether text is a token of RFC 9110 section 5.6.2, the form of
// methods and of field names.
func Token(text string) bool { return httpguts.ValidHeaderFieldName(text) }

// tokenBytes are the bytes of a token other than letters and digits, for messages.
const tokenBytes = "!#$%&'*+-.^_`|~"
