package config

import (
	"time"

	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func jwksObject(j *JWKS) yamlform.Object {
	return yamlform.Object{
		Expected: "a mapping such as {refresh_interval: 15m}",
		Rows: []yamlform.Row{
			yamlform.Field("uri", "URL of the key set; by default the one in the discovery document, for Cognito that of the pool",
				urlCodec("the key set's URL, such as https://login.example/jwks.json", true), &j.URI),
			yamlform.Field("file", "a key set in a file, instead of uri", yamlform.FilePath("the path of a key set"), &j.File),
			yamlform.Field("max_keys", "how many of the published keys are held; of more, those that tokens name",
				yamlform.Integer("keys", 1, 10_000), &j.MaxKeys).WithDefault("100"),
			yamlform.Field("refresh_interval", "how often keys are fetched again; sooner if the issuer's Cache-Control asks for it",
				yamlform.Duration("15m", time.Second, 24*time.Hour), &j.RefreshInterval).WithDefault("15m"),
			yamlform.Field("unknown_kid_cooldown", "minimum time between fetches for tokens with an unknown key, after a burst of 3",
				yamlform.Duration("5s", 100*time.Millisecond, time.Hour), &j.UnknownKIDCooldown).WithDefault("5s"),
			yamlform.Field("max_stale", "how long the last valid keys are used while the issuer cannot be reached",
				yamlform.Duration("24h", time.Second, MaxStale), &j.MaxStale).WithDefault("24h"),
			yamlform.Field("request_timeout", "timeout of a fetch",
				yamlform.Duration("5s", 100*time.Millisecond, time.Minute), &j.RequestTimeout).WithDefault("5s"),
			yamlform.Field("ca_file", "CA certificates to verify the issuer's certificate; by default those of the system",
				yamlform.FilePath("the path of a PEM file"), &j.CAFile),
			yamlform.Field("bearer_file",
				"a token that fetches send to the host of uri or issuer, such as a Kubernetes API server; it is read for each fetch",
				yamlform.FilePath("the path of a file with a bearer token"), &j.BearerFile),
			yamlform.Field("proxy", "the proxy through which keys are fetched", proxyCodec(), &j.Proxy).WithDefault("none"),
		},
	}
}

// checkJWKS checks the rules that involve several keys of jwks. A key without effect,
// or one that makes the gate deny sooner than intended, is only a warning, because it
// allows nothing.
func checkJWKS(d *yamlform.Decoder, at yamlform.Place, f *issuerInput) {
	below := func(name string) string { return yamlform.JoinPath(at.Child("jwks"), name) }
	if d.IsSet(below("file")) {
		if d.IsSet(below("uri")) {
			d.ReportPath(below("uri"), "conflicts with file, because keys have one source; keep one of them")
			f.keyMistake = true
		}
		for _, name := range []string{"request_timeout", "ca_file", "bearer_file", "proxy"} {
			if d.IsSet(below(name)) {
				d.Warn(below(name), "has no effect, because the keys are read from a file")
			}
		}
	}
	checkBearer(d, below("bearer_file"), f)
	if f.JWKS.MaxStale < f.JWKS.RefreshInterval {
		d.Warn(below("max_stale"), "is %s, shorter than refresh_interval (%s), so valid keys are rejected between two fetches",
			quote.Duration(f.JWKS.MaxStale), quote.Duration(f.JWKS.RefreshInterval))
	}
}

// checkBearer reports a bearer token that would be sent in plain text over a network.
func checkBearer(d *yamlform.Decoder, path string, f *issuerInput) {
	url := f.JWKS.URI
	if url == "" {
		url = f.url
	}
	switch {
	case f.JWKS.BearerFile == "" || f.JWKS.File != "" || !plainHTTP(url):
		return
	case !loopback(url):
		d.ReportPath(path, "would be sent in plain text to %s; expected https://, or a loopback address", yamlform.Quote(url))
	case f.JWKS.Proxy != "none":
		d.ReportPath(path, "would be sent in plain text to the proxy; expected https://, or proxy: none")
	default:
		return
	}
	f.keyMistake = true
}
