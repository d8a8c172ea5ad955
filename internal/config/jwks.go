package config

import "time"

func jwksObject() object[JWKS] {
	return object[JWKS]{
		says: "a mapping such as {refresh_interval: 15m}",
		keys: []key[JWKS]{
			field("uri", "where the keys are; by default what the discovery document says, for Cognito the pool's own",
				webURL("the key set's URL, such as https://login.example/jwks.json", true), func(j *JWKS) *string { return &j.URI }),
			field("file", "a key set on disk instead of uri", filePath("the path of a key set"), func(j *JWKS) *string { return &j.File }),
			field("refresh_interval", "keys are fetched anew this often, or sooner if the issuer says so",
				duration("15m", time.Second, 24*time.Hour), func(j *JWKS) *time.Duration { return &j.RefreshInterval }).or("15m"),
			field("unknown_kid_cooldown", "tokens with an unknown key cause one fetch in this time, after a burst of 3",
				duration("5s", 100*time.Millisecond, time.Hour), func(j *JWKS) *time.Duration { return &j.UnknownKIDCooldown }).or("5s"),
			field("max_stale", "last-good keys serve this long while the issuer cannot be reached",
				duration("24h", time.Second, 30*24*time.Hour), func(j *JWKS) *time.Duration { return &j.MaxStale }).or("24h"),
			field("request_timeout", "a fetch may take this long",
				duration("5s", 100*time.Millisecond, time.Minute), func(j *JWKS) *time.Duration { return &j.RequestTimeout }).or("5s"),
			field("ca_file", "the certificates that the issuer's is held to; by default the system's",
				filePath("the path of a PEM file"), func(j *JWKS) *string { return &j.CAFile }),
			field("proxy", "how the issuer is reached", proxyForm(), func(j *JWKS) *string { return &j.Proxy }).or("none"),
		},
	}
}

// checkJWKS holds the rules between the keys of one issuer's jwks. What is of no
// use, or shuts the gate sooner than was meant, is a warning: it opens nothing.
func checkJWKS(d *decoder, at place, f *issuerFile) {
	jwks := place{path: at.below("jwks")}
	if d.stated(jwks.below("file")) {
		if d.stated(jwks.below("uri")) {
			d.wrong(jwks.below("uri"), "stands beside file, and keys come from one place; keep one of them")
			d.keyless[at.path] = true
		}
		for _, name := range []string{"request_timeout", "ca_file", "proxy"} {
			if d.stated(jwks.below(name)) {
				d.warn(jwks.below(name), "has no effect, since the keys are read from a file")
			}
		}
	}
	if f.JWKS.MaxStale < f.JWKS.RefreshInterval {
		d.warn(jwks.below("max_stale"), "is %s, shorter than refresh_interval (%s): good keys are refused between two fetches",
			brief(f.JWKS.MaxStale), brief(f.JWKS.RefreshInterval))
	}
}
