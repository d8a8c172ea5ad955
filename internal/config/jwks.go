package config

import (
	"time"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func jwksObject() yamlform.Object[JWKS] {
	return yamlform.Object[JWKS]{
		Expected: "a mapping such as {refresh_interval: 15m}",
		Fields: []yamlform.FieldOf[JWKS]{
			yamlform.Field("uri", "where the keys are; by default what the discovery document says, for Cognito the pool's own",
				urlCodec("the key set's URL, such as https://login.example/jwks.json", true), func(j *JWKS) *string { return &j.URI }),
			yamlform.Field("file", "a key set on disk instead of uri", yamlform.FilePath("the path of a key set"),
				func(j *JWKS) *string { return &j.File }),
			yamlform.Field("refresh_interval", "keys are fetched anew this often, or sooner if the issuer says so",
				yamlform.Duration("15m", time.Second, 24*time.Hour), func(j *JWKS) *time.Duration { return &j.RefreshInterval }).WithDefault("15m"),
			yamlform.Field("unknown_kid_cooldown", "tokens with an unknown key cause one fetch in this time, after a burst of 3",
				yamlform.Duration("5s", 100*time.Millisecond, time.Hour), func(j *JWKS) *time.Duration { return &j.UnknownKIDCooldown }).WithDefault("5s"),
			yamlform.Field("max_stale", "last-good keys serve this long while the issuer cannot be reached",
				yamlform.Duration("24h", time.Second, 30*24*time.Hour), func(j *JWKS) *time.Duration { return &j.MaxStale }).WithDefault("24h"),
			yamlform.Field("request_timeout", "a fetch may take this long",
				yamlform.Duration("5s", 100*time.Millisecond, time.Minute), func(j *JWKS) *time.Duration { return &j.RequestTimeout }).WithDefault("5s"),
			yamlform.Field("ca_file", "the certificates that the issuer's is held to; by default the system's",
				yamlform.FilePath("the path of a PEM file"), func(j *JWKS) *string { return &j.CAFile }),
			yamlform.Field("proxy", "how the issuer is reached", proxyCodec(), func(j *JWKS) *string { return &j.Proxy }).WithDefault("none"),
		},
	}
}

// checkJWKS holds the rules between the keys of one issuer's jwks. What is of no
// use, or shuts the gate sooner than was meant, is a warning: it opens nothing.
func checkJWKS(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	below := func(name string) string { return yamlform.JoinPath(at.Child("jwks"), name) }
	if d.IsSet(below("file")) {
		if d.IsSet(below("uri")) {
			d.ReportPath(below("uri"), "stands beside file, and keys come from one place; keep one of them")
			f.keyMistake = true
		}
		for _, name := range []string{"request_timeout", "ca_file", "proxy"} {
			if d.IsSet(below(name)) {
				d.Warn(below(name), "has no effect, since the keys are read from a file")
			}
		}
	}
	if f.JWKS.MaxStale < f.JWKS.RefreshInterval {
		d.Warn(below("max_stale"), "is %s, shorter than refresh_interval (%s): good keys are refused between two fetches",
			yamlform.FormatDuration(f.JWKS.MaxStale), yamlform.FormatDuration(f.JWKS.RefreshInterval))
	}
}
