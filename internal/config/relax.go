package config

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Relax is the relaxations of the strict checks of requests.
type Relax struct {
	All   []Relaxation // on every host
	Hosts []HostRelaxations
}

// HostRelaxations is relaxations on one host, in addition to those on all hosts.
type HostRelaxations struct {
	Host        string // a pattern of [MatchHost]
	Relaxations []Relaxation
}

// Relaxation is the name of one relaxation.
type Relaxation string

// All relaxations.
const (
	RelaxEncodedSlash    Relaxation = "encoded_slash"    // %2F is a plain character of its segment
	RelaxEncodedPercent  Relaxation = "encoded_percent"  // %25 is a plain character
	RelaxSemicolon       Relaxation = "semicolon"        // ; and what follows it in a segment is removed before matching
	RelaxDoubleSlash     Relaxation = "double_slash"     // empty segments are removed before matching
	RelaxIgnoreCase      Relaxation = "ignore_case"      // paths are matched without regard to case
	RelaxCaseSensitive   Relaxation = "case_sensitive"   // the application distinguishes /a from /A
	RelaxSlashSensitive  Relaxation = "slash_sensitive"  // the application distinguishes /a from /a/
	RelaxMethodOverride  Relaxation = "method_override"  // headers and parameters that name another method reach the application
	RelaxOriginalURL     Relaxation = "original_url"     // headers that name another URL reach the application
	RelaxForwardedHost   Relaxation = "forwarded_host"   // headers that name another host reach the application
	RelaxUnverifiedEmail Relaxation = "unverified_email" // an unverified email address is sent to the application
)

// OverrideHeaders returns, in lower case, the headers with which some applications let
// clients override the method, URL or host that was checked. They are removed from
// requests unless the relaxation applies.
func OverrideHeaders() map[Relaxation][]string {
	return map[Relaxation][]string{
		RelaxMethodOverride: {
			"x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-forwarded-method",
		},
		RelaxOriginalURL: {
			"x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri", "x-forwarded-path", "x-forwarded-prefix",
			"x-script-name", "script-name", "path-info",
		},
		RelaxForwardedHost: {
			"x-forwarded-host", "x-forwarded-server", "forwarded", "x-host", "x-original-host", "x-http-host-override",
		},
	}
}

// overrideHeader reports whether a header is one of [OverrideHeaders].
func overrideHeader(name string) bool {
	for _, names := range OverrideHeaders() {
		if slices.Contains(names, name) {
			return true
		}
	}
	return false
}

// Relaxations returns all relaxations.
func Relaxations() []Relaxation {
	return []Relaxation{
		RelaxEncodedSlash, RelaxEncodedPercent, RelaxSemicolon, RelaxDoubleSlash, RelaxIgnoreCase,
		RelaxCaseSensitive, RelaxSlashSensitive, RelaxMethodOverride, RelaxOriginalURL, RelaxForwardedHost, RelaxUnverifiedEmail,
	}
}

// Relaxed is the relaxations that apply to one request. The zero value is strict.
type Relaxed struct {
	EncodedSlash, EncodedPercent, Semicolon, DoubleSlash, IgnoreCase bool
	CaseSensitive, SlashSensitive                                    bool
	MethodOverride, OriginalURL, ForwardedHost, UnverifiedEmail      bool
}

// Bits is the same as a number, each hole one bit of it.
func (r Relaxed) Bits() (bits uint16) {
	for i, open := range [...]bool{
		r.EncodedSlash, r.EncodedPercent, r.Semicolon, r.DoubleSlash, r.IgnoreCase, r.CaseSensitive, r.SlashSensitive,
		r.MethodOverride, r.OriginalURL, r.ForwardedHost, r.UnverifiedEmail,
	} {
		if open {
			bits |= 1 << i
		}
	}
	return bits
}

// For returns the relaxations on a host, which must be in lower case and without port
// and final dot. It is safe for concurrent use.
func (r *Relax) For(host string) Relaxed {
	var open Relaxed
	open.add(r.All)
	for _, one := range r.Hosts {
		if MatchHost(one.Host, host) {
			open.add(one.Relaxations)
		}
	}
	return open
}

// Everywhere returns the relaxations on all hosts.
func (r *Relax) Everywhere() Relaxed {
	var open Relaxed
	open.add(r.All)
	return open
}

// Anywhere returns the relaxations on at least one host.
func (r *Relax) Anywhere() Relaxed {
	open := r.Everywhere()
	for _, one := range r.Hosts {
		open.add(one.Relaxations)
	}
	return open
}

func (r *Relaxed) add(opened []Relaxation) {
	has := func(one Relaxation) bool { return slices.Contains(opened, one) }
	r.EncodedSlash = r.EncodedSlash || has(RelaxEncodedSlash)
	r.EncodedPercent = r.EncodedPercent || has(RelaxEncodedPercent)
	r.Semicolon = r.Semicolon || has(RelaxSemicolon)
	r.DoubleSlash = r.DoubleSlash || has(RelaxDoubleSlash)
	r.IgnoreCase = r.IgnoreCase || has(RelaxIgnoreCase)
	r.MethodOverride = r.MethodOverride || has(RelaxMethodOverride)
	r.OriginalURL = r.OriginalURL || has(RelaxOriginalURL)
	r.ForwardedHost = r.ForwardedHost || has(RelaxForwardedHost)
	r.CaseSensitive = r.CaseSensitive || has(RelaxCaseSensitive)
	r.SlashSensitive = r.SlashSensitive || has(RelaxSlashSensitive)
	r.UnverifiedEmail = r.UnverifiedEmail || has(RelaxUnverifiedEmail)
}

// MatchHost reports whether host is equal to pattern, or is a subdomain if pattern
// begins with "*.". Both must be in lower case, and host without port and final dot.
func MatchHost(pattern, host string) bool {
	if parent, ok := strings.CutPrefix(pattern, "*"); ok {
		return len(host) > len(parent) && strings.HasSuffix(host, parent)
	}
	return host == pattern
}

func relaxObject(r *Relax) yamlform.Object {
	return yamlform.Object{
		Expected: "a mapping such as {all: [encoded_slash]} or {hosts: {api.example: [encoded_slash]}}",
		Rows: []yamlform.Row{
			yamlform.Field("all", "relaxations on all hosts", relaxationListCodec(), &r.All),
			yamlform.Field("hosts", "relaxations on single hosts", hostRelaxationsCodec(), &r.Hosts),
		},
		Check: func(d *yamlform.Decoder, at yamlform.Place) { checkCase(d, at, r) },
	}
}

// checkCase rejects ignore_case and case_sensitive on the same host.
func checkCase(d *yamlform.Decoder, at yamlform.Place, r *Relax) {
	if slices.Contains(r.All, RelaxIgnoreCase) && slices.Contains(r.All, RelaxCaseSensitive) {
		d.ReportPath(at.Child("all"), "%s", contraryCase)
		return
	}
	everywhere := HostRelaxations{Relaxations: r.All}
	for i, one := range r.Hosts {
		for _, other := range append([]HostRelaxations{everywhere}, r.Hosts[:i+1]...) {
			if other.Host != "" && !hostsOverlap(one.Host, other.Host) {
				continue
			}
			both := slices.Concat(one.Relaxations, other.Relaxations)
			if slices.Contains(both, RelaxIgnoreCase) && slices.Contains(both, RelaxCaseSensitive) {
				d.ReportPath(yamlform.JoinPath(at.Child("hosts"), one.Host), "%s", contraryCase)
				break
			}
		}
	}
}

const contraryCase = "has both ignore_case and case_sensitive for one host; keep the one that is true for its application"

// hostsOverlap reports whether some host matches both patterns.
func hostsOverlap(a, b string) bool {
	return MatchHost(a, strings.TrimPrefix(b, "*")) || MatchHost(b, strings.TrimPrefix(a, "*")) || a == b
}

func relaxationListCodec() yamlform.Codec[[]Relaxation] {
	return yamlform.Set("a list such as [encoded_slash]", yamlform.Enum(Relaxations()...))
}

// hostRelaxationsCodec is a mapping from hosts to lists of relaxations.
func hostRelaxationsCodec() yamlform.Codec[[]HostRelaxations] {
	const expected = "a mapping from hosts to lists, such as {api.example: [encoded_slash]}"
	host, list := hostCodec("list the relaxations for every host under all"), relaxationListCodec()
	shape := func() yamlform.Schema { return yamlform.NamesSchema("", list.JSONSchema()) }
	return yamlform.Codec[[]HostRelaxations]{Expected: expected, Schema: shape,
		Read: func(d *yamlform.Decoder, p yamlform.Place) ([]HostRelaxations, bool) {
			entries, ok := d.Entries(p, expected)
			if !ok {
				return nil, false
			}
			var all []HostRelaxations
			given := map[string]bool{}
			for _, entry := range entries {
				name, named := host.Read(d, entry.Key())
				opened, read := list.Read(d, entry)
				switch {
				case !named:
				case given[name]:
					d.ReportPos(d.KeyPos(entry), "%s is repeated with other letter case; keep one of them", entry.Path)
				case read:
					all = append(all, HostRelaxations{Host: name, Relaxations: opened})
				}
				given[name] = named
			}
			return all, true
		}}
}
