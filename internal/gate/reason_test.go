package gate_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/condition"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/credential"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
	jwt "github.com/jwtgate/jwtgate/internal/token"
)

// answer is the HTTP status of a reason, and the error code of its challenge: "none" is a
// challenge without an error code, "" no challenge.
type answer struct {
	status int
	code   string
}

// answers is the closed list of reasons, written a second time: a reason that is added or
// changed must be changed here too.
func answers() map[gate.Reason]answer {
	list := map[gate.Reason]answer{
		"credential_ambiguous": {http.StatusBadRequest, "invalid_request"},
		"credential_missing":   {http.StatusUnauthorized, "none"},
	}
	for status, codes := range map[int]map[string]string{
		http.StatusOK:         {"": "allowed public anonymous anonymous_invalid preflight shadowed preflight_answered"},
		http.StatusBadRequest: {"": "method_refused path_refused host_refused connection_header_refused"},
		http.StatusUnauthorized: {"invalid_token": `token_malformed token_too_large alg_not_allowed header_not_allowed
			type_not_allowed kid_missing issuer_unknown key_unknown key_unfit signature_invalid claims_malformed
			expiry_missing expired not_yet_valid issued_in_future lifetime_too_long audience_mismatch client_mismatch
			claim_mismatch token_use_mismatch token_bound subject_missing token_revoked`,
			"insufficient_user_authentication": "login_too_old acr_too_weak"},
		http.StatusForbidden: {
			"":                   "route_denied preflight_refused cross_site issuer_not_allowed identity_too_large",
			"insufficient_scope": "group_missing scope_missing client_not_allowed condition_false condition_error",
		},
		http.StatusServiceUnavailable: {
			"": "keys_unavailable keys_stale key_pending deadline request_malformed internal route_unknown route_mismatch",
		},
	} {
		for code, names := range codes {
			for name := range strings.FieldsSeq(names) {
				list[gate.Reason(name)] = answer{status, code}
			}
		}
	}
	return list
}

// declared returns the package's constants of type Reason, read from its source, so that none
// is forgotten.
func declared(t *testing.T) []gate.Reason {
	t.Helper()
	var found []gate.Reason
	eachSpec(t, ".", token.CONST, func(spec *ast.ValueSpec) {
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Reason" {
			return
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, gate.Reason(text))
		}
	})
	return found
}

// eachSpec calls visit for each package-level constant or variable declaration
// of the package in dir, without its tests.
func eachSpec(t *testing.T, dir string, kind token.Token, visit func(*ast.ValueSpec)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source in %s: %v", dir, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != kind {
				continue
			}
			for _, spec := range group.Specs {
				visit(spec.(*ast.ValueSpec))
			}
		}
	}
}

func TestReasonsAreComplete(t *testing.T) {
	w := start(t)
	want := answers()
	known := declared(t)
	slices.Sort(known)
	if listed := slices.Sorted(maps.Keys(want)); !slices.Equal(known, listed) {
		t.Fatalf("the source has the reasons\n\t%v\nand the list in this test\n\t%v", known, listed)
	}
	texts := map[string]gate.Reason{}
	for _, reason := range known {
		t.Run(string(reason), func(t *testing.T) {
			if want[reason].status == http.StatusOK {
				return // TestEveryReasonIsReached tests it
			}
			d := w.gate.Refuse(reason, "for operators")
			consistent(t, d)
			if d.Verdict != gate.VerdictDeny || d.Reason != reason {
				t.Fatalf("verdict %s, reason %s", d.Verdict, d.Reason)
			}
			if d.Denial.Status != want[reason].status {
				t.Errorf("status %d, want %d", d.Denial.Status, want[reason].status)
			}
			if d.Denial.Title != http.StatusText(d.Denial.Status) {
				t.Errorf("title %q, want the text of the status (RFC 9457 section 4.2.1)", d.Denial.Title)
			}
			if first, taken := texts[d.Denial.Detail]; taken {
				t.Errorf("it has the same text as %s: %q", first, d.Denial.Detail)
			}
			texts[d.Denial.Detail] = reason
			checkText(t, d.Denial.Detail)
			checkChallenge(t, d.Denial, want[reason].code)
			checkRetryAfter(t, d.Reason, d.Denial)
		})
	}
}

// checkText checks that a public text needs no escaping in a quoted-string, in JSON and in
// grpc-message, and that it has neither an initial capital nor a full stop.
func checkText(t *testing.T, text string) {
	t.Helper()
	if !regexp.MustCompile(`^[a-z][A-Za-z0-9 ,;'-]+[A-Za-z]$`).MatchString(text) {
		t.Errorf("the text %q has a character that needs escaping, an initial capital or a full stop", text)
	}
}

// checkChallenge checks WWW-Authenticate (RFC 6750 section 3): the realm comes first, and the
// error code is the expected one.
func checkChallenge(t *testing.T, d *gate.Denial, code string) {
	t.Helper()
	want := `Bearer realm="jwtgate"`
	switch code {
	case "":
		want = ""
	case "none":
	case "invalid_token":
		want += fmt.Sprintf(`, error=%q, error_description=%q`, code, d.Detail)
	default:
		want += fmt.Sprintf(`, error=%q`, code)
	}
	if d.Challenge != want {
		t.Errorf("challenge\n\t%s\nwant\n\t%s", d.Challenge, want)
	}
}

// checkRetryAfter checks that a denial for an outage of the issuer has Retry-After, and that
// other denials do not.
func checkRetryAfter(t *testing.T, reason gate.Reason, d *gate.Denial) {
	t.Helper()
	if slices.Contains([]gate.Reason{"keys_unavailable", "keys_stale", "key_pending"}, reason) {
		if d.RetryAfter < 1 || d.RetryAfter > 30 {
			t.Errorf("Retry-After %d, want 1 to 30", d.RetryAfter)
		}
	} else if d.RetryAfter != 0 {
		t.Errorf("Retry-After %d on a status of %d", d.RetryAfter, d.Status)
	}
}

// failures has the errors of the packages that the gate calls, and the reason of each.
func failures() map[error]gate.Reason {
	return map[error]gate.Reason{
		request.ErrMethodRefused: "method_refused", request.ErrPathRefused: "path_refused", request.ErrHostRefused: "host_refused",
		route.ErrIssuerNotAllowed: "issuer_not_allowed", route.ErrGroupMissing: "group_missing",
		route.ErrScopeMissing: "scope_missing", route.ErrClientNotAllowed: "client_not_allowed",
		route.ErrLoginTooOld: "login_too_old", route.ErrACRTooWeak: "acr_too_weak",
		identity.ErrTooLarge:  "identity_too_large",
		credential.ErrMissing: "credential_missing", jwt.ErrTokenBound: "token_bound",
		credential.ErrAmbiguous: "credential_ambiguous", credential.ErrCrossSite: "cross_site", jwt.ErrLifetimeTooLong: "lifetime_too_long",
		jwt.ErrMalformed: "token_malformed", jwt.ErrTooLarge: "token_too_large",
		jwt.ErrAlgNotAllowed: "alg_not_allowed", jwt.ErrHeaderNotAllowed: "header_not_allowed",
		jwt.ErrTypeNotAllowed: "type_not_allowed", jwt.ErrKIDMissing: "kid_missing", jwt.ErrIssuerUnknown: "issuer_unknown",
		jwt.ErrSignatureInvalid: "signature_invalid", jwt.ErrClaimsMalformed: "claims_malformed",
		jwt.ErrExpiryMissing: "expiry_missing", jwt.ErrExpired: "expired", jwt.ErrNotYetValid: "not_yet_valid",
		jwt.ErrIssuedInFuture: "issued_in_future", jwt.ErrAudienceMismatch: "audience_mismatch",
		jwt.ErrClientMismatch: "client_mismatch", jwt.ErrClaimMismatch: "claim_mismatch", jwt.ErrTokenUseMismatch: "token_use_mismatch",
		jwt.ErrSubjectMissing: "subject_missing", jwt.ErrTokenRevoked: "token_revoked",
		condition.ErrFalse: "condition_false", condition.ErrEvaluation: "condition_error",
		issuer.ErrKeyUnknown: "key_unknown", issuer.ErrKeyUnfit: "key_unfit", issuer.ErrKeyPending: "key_pending",
		issuer.ErrKeysStale: "keys_stale", issuer.ErrKeysUnavailable: "keys_unavailable",
	}
}

// Each error that the other packages export has a row in the table of reasons. Without one, it
// would be denied as an internal error.
func TestEveryFailureHasItsReason(t *testing.T) {
	w := start(t)
	exported := 0
	for _, dir := range []string{"../request", "../credential", "../token", "../route", "../condition", "../identity", "../issuer"} {
		eachSpec(t, dir, token.VAR, func(spec *ast.ValueSpec) {
			for _, name := range spec.Names {
				if strings.HasPrefix(name.Name, "Err") {
					exported++
				}
			}
		})
	}
	if exported != len(failures()) {
		t.Errorf("the packages export %d errors and %d have a reason in this test", exported, len(failures()))
	}
	for failure, reason := range failures() {
		t.Run(string(reason), func(t *testing.T) {
			for _, err := range []error{
				failure,
				fmt.Errorf("in context: %w", failure),
				&denial.Error{Kind: failure, Internal: "found"},
				&denial.Error{Kind: failure},
			} {
				d := w.gate.Fail(err)
				consistent(t, d)
				if d.Reason != reason || d.Verdict != gate.VerdictDeny {
					t.Errorf("%T is %s (%s), want a denial for %s", err, d.Reason, d.Verdict, reason)
				}
				if d.InternalDetail != err.Error() {
					t.Errorf("internal detail %q, want %q", d.InternalDetail, err)
				}
			}
		})
	}
}

// Retry-After is the time of the next fetch from the issuer, within limits.
func TestRetryAfter(t *testing.T) {
	w := start(t)
	for after, want := range map[time.Duration]int{
		-time.Second: 1, 0: 1, time.Millisecond: 1, time.Second: 1, 1001 * time.Millisecond: 2,
		7 * time.Second: 7, 30 * time.Second: 30, 31 * time.Second: 30, time.Hour: 30,
	} {
		for _, err := range []error{issuer.ErrKeysUnavailable, issuer.ErrKeysStale, issuer.ErrKeyPending} {
			d := w.gate.Fail(&denial.Error{Kind: err, RetryAfter: after})
			if d.Denial.RetryAfter != want {
				t.Errorf("%s in %v: Retry-After %d, want %d", d.Reason, after, d.Denial.RetryAfter, want)
			}
		}
	}
	if d := w.gate.Fail(&denial.Error{Kind: issuer.ErrKeyUnknown, RetryAfter: time.Minute}); d.Denial.RetryAfter != 0 {
		t.Errorf("%s: Retry-After %d", d.Reason, d.Denial.RetryAfter)
	}
}

func TestUnknownFailureIsDenied(t *testing.T) {
	w := start(t)
	for name, err := range map[string]error{
		"a new error":           errors.New("unknown"),
		"an error without text": errors.New(""),
		"a failure of no kind":  &denial.Error{Kind: errors.New("new")},
		"a denial of no kind":   &denial.Error{Kind: errors.New("new")},
		"a context's own":       context.Canceled,
		"not comparable":        config.Mistakes{{Text: "new"}},
		"the text of a kind":    errors.New(jwt.ErrExpired.Error()),
	} {
		t.Run(name, func(t *testing.T) {
			d := w.gate.Fail(err)
			consistent(t, d)
			if d.Verdict != gate.VerdictDeny || d.Reason != gate.ReasonInternal || d.Denial.Status != http.StatusServiceUnavailable {
				t.Errorf("%s %s %d, want a denial of 503 for internal", d.Verdict, d.Reason, d.Denial.Status)
			}
		})
	}
}
