package gate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// cors is the compiled section cors of a config (Fetch standard, CORS protocol). Decisions
// share the lists that it returns.
type cors struct {
	config  *config.CORS
	readers map[string]readers // :: origin -> fields that let its pages read a response
	others  []request.Header   // of a denial for any other origin; nil if no origin is listed
}

// readers has the fields that let an origin's pages read a response.
type readers struct {
	number          int // from 1
	allowed, denied []request.Header
}

// exposed lists the fields of a denial that a page may read.
const exposed = "WWW-Authenticate, Retry-After"

func newCORS(cfg *config.CORS) *cors {
	c := &cors{config: cfg, readers: make(map[string]readers, len(cfg.Origins))}
	for i, origin := range cfg.Origins {
		fields := []request.Header{
			{Name: "access-control-allow-origin", Value: origin},
			{Name: "access-control-expose-headers", Value: exposed},
		}
		if cfg.Credentials {
			fields = append(fields, request.Header{Name: "access-control-allow-credentials", Value: "true"})
		}
		c.readers[origin] = readers{number: i + 1, allowed: fields, denied: slices.Insert(slices.Clone(fields), 0, varies())}
	}
	if len(cfg.Origins) > 0 {
		c.others = []request.Header{varies()}
	}
	return c
}

// varies tells caches that a response depends on the origin.
func varies() request.Header { return request.Header{Name: "vary", Value: "Origin"} }

// allowed returns the fields that are added to the response to an allowed request unless it
// has them. It returns none for an origin that is not listed.
func (c *cors) allowed(origin string) []request.Header { return c.readers[origin].allowed }

// denied returns the fields of a denial. It returns nil if no origin is listed.
func (c *cors) denied(origin string) []request.Header {
	if r, listed := c.readers[origin]; listed {
		return r.denied
	}
	return c.others
}

// maxAskedHeaders limits the total size, in bytes, of the header names of a preflight that
// are repeated in its answer.
const maxAskedHeaders = 4096

// preflight returns the fields of the answer to a preflight from a listed origin, which
// asks for a method and for header names. The answer repeats what the client wrote only if
// it is a token of RFC 9110 section 5.6.2.
func (c *cors) preflight(origin, method string, asked []string) []request.Header {
	methods, names := strings.Join(c.config.Methods, ", "), strings.Join(c.config.Headers, ", ")
	if methods == "" && config.Token(method) {
		methods = method
	}
	if names == "" {
		names = askedNames(asked)
	}
	fields := []request.Header{
		{Name: "vary", Value: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"},
		{Name: "access-control-allow-origin", Value: origin},
		{Name: "access-control-max-age", Value: strconv.FormatInt(int64(c.config.MaxAge.Seconds()), 10)},
	}
	if methods != "" {
		fields = append(fields, request.Header{Name: "access-control-allow-methods", Value: methods})
	}
	if names != "" {
		fields = append(fields, request.Header{Name: "access-control-allow-headers", Value: names})
	}
	if c.config.Credentials {
		fields = append(fields, request.Header{Name: "access-control-allow-credentials", Value: "true"})
	}
	return fields
}

// askedNames returns the names in the fields Access-Control-Request-Headers, or "" if the
// fields are not lists of names or are too long.
func askedNames(fields []string) string {
	var names []string
	size := 0
	for _, field := range fields {
		for name := range strings.SplitSeq(field, ",") {
			name = strings.Trim(name, " \t")
			if name == "" {
				continue
			}
			if size += len(name) + len(", "); size > maxAskedHeaders || !config.Token(name) {
				return ""
			}
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
