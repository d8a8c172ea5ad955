package issuer_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/issuer"
)

// TestStatsJSON: the JSON keys of /issuers are public and do not change. Durations are in
// seconds, and absent values are left out.
func TestStatsJSON(t *testing.T) {
	at := time.Date(2026, 5, 17, 10, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		stats issuer.Stats
		want  string
	}{
		"all fields": {
			issuer.Stats{
				Issuer: "home", ISS: []string{"https://home.example/"}, Source: "discovery", HasKeys: true, Stale: true,
				Age: 90 * time.Second, MaxStale: time.Hour,
				Keys:   []issuer.KeyStats{{KID: "a", KTY: "EC", ALG: "ES256", Algs: []string{"ES256"}, Tokens: 1, LastUsed: at, Leaving: true}},
				Beyond: 8, Standard: 9,
				Skipped:   []issuer.Skipped{{KID: "b", Reason: "kid", Detail: "why"}},
				NextFetch: 1500 * time.Millisecond, Fetching: true, Fetches: map[string]uint64{"ok": 2}, Failures: 3,
				LastError: "refused", LastErrorAt: at, CacheError: "full", UnknownKIDs: 4, WithdrawnInUse: 5,
				Withdrawn: []issuer.Withdrawn{{KID: "c", At: at, Tokens: 6, TokensSince: 7}},
			},
			`{"issuer":"home","iss":["https://home.example/"],"source":"discovery",` +
				`"beyond_max_keys":8,"standard_base64_keys":9,"has_keys":true,"stale":true,` +
				`"keys":[{"kid":"a","kty":"EC","algorithms":["ES256"],"tokens":1,"last_used":"2026-05-17T10:00:00Z","leaving":true}],` +
				`"skipped":[{"kid":"b","reason":"kid","detail":"why"}],"fetching":true,"fetches":{"ok":2},"failures_in_row":3,` +
				`"last_error":"refused","last_error_at":"2026-05-17T10:00:00Z","cache_error":"full","unknown_kids":4,"withdrawn_in_use":5,` +
				`"withdrawn":[{"kid":"c","at":"2026-05-17T10:00:00Z","tokens":6,"tokens_since":7}],"age_seconds":90,"next_fetch_seconds":1.5}`,
		},
		"absent values": {
			issuer.Stats{Issuer: "home", ISS: []string{"a"}, Source: "discovery", Keys: []issuer.KeyStats{{KID: "a"}}, Fetches: map[string]uint64{}},
			`{"issuer":"home","iss":["a"],"source":"discovery","has_keys":false,"stale":false,` +
				`"keys":[{"kid":"a","kty":"","algorithms":null,"tokens":0}],"fetching":false,"fetches":{},"failures_in_row":0,` +
				`"unknown_kids":0,"withdrawn_in_use":0,"age_seconds":0,"next_fetch_seconds":0}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(row.stats)
			if err != nil || string(got) != row.want {
				t.Errorf("got %s, %v; expected\n%s", got, err, row.want)
			}
		})
	}
}

// TestStatsWithoutKeys: an issuer without keys has an empty list of them, not null.
func TestStatsWithoutKeys(t *testing.T) {
	set := newSet(t, issuer.Options{}, issuerAt("https://127.0.0.1:1/keys"))
	got, err := json.Marshal(set.Stats())
	if err != nil || !strings.Contains(string(got), `"keys":[]`) {
		t.Errorf("got %s, %v", got, err)
	}
}
