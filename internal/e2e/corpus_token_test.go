package e2e

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/devidp"
)

// recipe is the difference of a row's token from a valid one; the zero value is an access
// token of the pool.
type recipe struct {
	By     string         `yaml:"by"`     // pool (default), partner, or foreign: a pool that is not trusted, with the pool's keys
	Use    string         `yaml:"use"`    // of the pool's tokens: access (default) or id
	Header map[string]any `yaml:"header"` // added to the header; null removes
	Claims map[string]any `yaml:"claims"` // added to the claims; null removes
	// Signature is "" for a true one, empty, foreign (over other claims),
	// flipped, or hmac (the public key as a secret).
	Signature string `yaml:"signature"`
}

var timeHole = regexp.MustCompile(`^\{now([+-]\d+)\}$`)

// mint signs the token.
func (r recipe) mint(t *testing.T, i issuers, expand func(string) string) string {
	t.Helper()
	issuer := map[string]*devidp.Issuer{"": i.cruddur, "pool": i.cruddur, "partner": i.partner, "foreign": i.foreign}[r.By]
	if issuer == nil {
		t.Fatalf("no issuer is called %q", r.By)
	}
	now := time.Now()
	claims := map[string]any{"iss": issuer.ISS(), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	switch {
	case r.By == "partner":
		merged(claims, map[string]any{"sub": "p1", "aud": "orders-api"})
	case r.Use == "id":
		merged(claims, id(nil))
	default:
		merged(claims, access(nil))
	}
	filler := filler{now: now, issuers: i, expand: expand}
	merged(claims, filler.object(r.Claims))
	for name, value := range claims {
		if value == nil {
			delete(claims, name)
		}
	}
	raw, err := issuer.Sign(filler.object(r.Header), claims)
	if err != nil {
		t.Fatal(err)
	}
	return r.resign(t, issuer, raw, claims)
}

// resign replaces the signature of a token.
func (r recipe) resign(t *testing.T, issuer *devidp.Issuer, raw string, claims map[string]any) string {
	t.Helper()
	parts := strings.Split(raw, ".")
	switch r.Signature {
	case "":
		return raw
	case "empty":
		return parts[0] + "." + parts[1] + "."
	case "flipped":
		return parts[0] + "." + parts[1] + "." + flip(parts[2])
	case "hmac":
		return hmacWithPublicKey(t, issuer, parts[1])
	case "foreign":
		claims["sub"] = "somebody else"
		data, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		return parts[0] + "." + base64.RawURLEncoding.EncodeToString(data) + "." + parts[2]
	}
	t.Fatalf("no signature is called %q", r.Signature)
	return ""
}

// filler replaces the placeholders in a recipe's values.
type filler struct {
	now     time.Time
	issuers issuers
	expand  func(string) string
}

func (f filler) object(values map[string]any) map[string]any {
	filled := map[string]any{}
	for name, value := range values {
		filled[name] = f.value(value)
	}
	return filled
}

func (f filler) value(value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			list[i] = f.value(item)
		}
		return list
	case string:
		if found := timeHole.FindStringSubmatch(value); found != nil {
			seconds, _ := strconv.Atoi(found[1])
			return f.now.Unix() + int64(seconds)
		}
		return f.expand(strings.NewReplacer(
			"{partner}", f.issuers.partner.ISS(), "{partner kid}", f.issuers.partner.KeyID(), "{keys}", f.issuers.server.URL(),
		).Replace(value))
	}
	return value
}
