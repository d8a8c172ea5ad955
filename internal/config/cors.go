package config

import (
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func corsObject(c *CORS) yamlform.Object {
	return yamlform.Object{
		Expected: "a mapping such as {origins: [\"https://app.example\"]}",
		Rows: []yamlform.Row{
			yamlform.Field("origins",
				"origins whose pages may send requests and read the responses, for an Envoy without a CORS filter before the gate",
				yamlform.Set("a list such as [https://app.example]", originCodec()), &c.Origins),
			yamlform.Field("credentials", "whether these requests may include cookies", yamlform.Boolean(), &c.Credentials).WithDefault("false"),
			yamlform.Field("preflight",
				"answer: the gate answers a preflight, and allows only these origins; check: a preflight is checked like any request to its route; "+
					"pass: it is forwarded to the application without a token. The default is answer with origins, check without",
				yamlform.Enum(PreflightAnswer, PreflightCheck, PreflightPass), &c.Preflight),
			yamlform.Field("methods", "the methods in the response to a preflight; by default the requested one",
				yamlform.Set("a list such as [GET, PUT]", methodCodec()), &c.Methods),
			yamlform.Field("headers", "the request headers in the response to a preflight; by default the requested ones",
				yamlform.Set("a list such as [authorization, content-type]", requestHeaderCodec()), &c.Headers),
			yamlform.Field("max_age", "how long a browser may cache the response to a preflight",
				yamlform.Duration("10m", 0, 24*time.Hour), &c.MaxAge).WithDefault("10m"),
		},
		Check: func(d *yamlform.Decoder, at yamlform.Place) { checkCORS(d, at, c) },
	}
}

// checkCORS checks rules that involve several keys, and sets the default of
// preflight.
func checkCORS(d *yamlform.Decoder, at yamlform.Place, c *CORS) {
	// Origins is nil if its value has a mistake, which was reported.
	none := len(c.Origins) == 0 && !(c.Origins == nil && d.IsSet(at.Child("origins")))
	if c.Credentials && none {
		d.ReportPath(at.Child("credentials"), "has no effect without origins; set origins, or remove it")
	}
	if c.Preflight == "" && !d.IsSet(at.Child("preflight")) {
		c.Preflight = PreflightCheck
		if len(c.Origins) > 0 {
			c.Preflight = PreflightAnswer
		}
	}
	if c.Preflight == PreflightAnswer && none {
		d.ReportPath(at.Child("preflight"),
			"is answer, but there are no origins, so every preflight would be denied; set origins, or write check")
	}
	for _, name := range []string{"methods", "headers"} {
		if d.IsSet(at.Child(name)) && c.Preflight != PreflightAnswer && c.Preflight != "" {
			d.ReportPath(at.Child(name), "has no effect, because preflight is %s; write preflight: answer, or remove it",
				c.Preflight)
		}
	}
}

// methodCodec is a request method: a token (RFC 9110 section 9.1) without lower-case
// letters. The gate denies every other method.
func methodCodec() yamlform.Codec[string] {
	const expected = "a method such as PUT"
	return yamlform.String(expected, func(text string) string {
		if text == "*" {
			return `is "*", which browsers do not support for requests with credentials; list the methods, or remove the key`
		}
		return unless(Token(text) && strings.ToUpper(text) == text, "is not a method", text, expected)
	})
}

// requestHeaderCodec is the name of a request header, in lower case.
func requestHeaderCodec() yamlform.Codec[string] {
	const expected = "a header name such as content-type"
	return yamlform.Lower(yamlform.String(expected, func(text string) string {
		if text == "*" {
			return `is "*", which does not cover authorization; list the names, or remove the key`
		}
		return unless(Token(text), "is not a header name", text, expected)
	}))
}

// Token reports whether text is a token (RFC 9110 section 5.6.2), the form of methods
// and field names.
func Token(text string) bool { return httpguts.ValidHeaderFieldName(text) }

// tokenBytes is the characters of a token other than letters and digits, for messages.
const tokenBytes = "!#$%&'*+-.^_`|~"
