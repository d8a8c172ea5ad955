package identity_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/request"
)

// The headers with which some applications let a client change the method, URL or host
// that was checked.
func methodOverrides() []string {
	return []string{"x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-forwarded-method"}
}

func urlOverrides() []string {
	return []string{
		"x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri", "x-forwarded-path", "x-forwarded-prefix",
		"x-script-name", "script-name", "path-info",
	}
}

func hostOverrides() []string {
	return []string{"x-forwarded-host", "x-forwarded-server", "forwarded", "x-host", "x-original-host", "x-http-host-override"}
}

func overrides() []string { return slices.Concat(methodOverrides(), urlOverrides(), hostOverrides()) }

// folded converts a header name like CGI (RFC 3875 section 4.1.18) and like less exact
// servers: it ignores case and makes all bytes other than letters and digits equal.
func folded(name string) string {
	bytes := []byte(strings.ToLower(name))
	for i, c := range bytes {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			bytes[i] = '-'
		}
	}
	return string(bytes)
}

// guardedNames returns the folded names that no client may send to a gate.
func guardedNames(g *gate) map[string]bool {
	names := make(map[string]bool)
	for _, h := range g.cfg.Identity.Headers {
		names[folded(h.Name)] = true
	}
	for _, name := range slices.Concat(g.cfg.Identity.Removed, g.cfg.Identity.Strip, overrides()) {
		names[folded(name)] = true
	}
	return names
}

// asEnvoy changes the received headers like Envoy does for an allowed request: it
// overwrites the set headers and then removes headers, ignoring case.
func asEnvoy(received, set []request.Header, remove []string) []request.Header {
	without := func(headers []request.Header, name string) []request.Header {
		return slices.DeleteFunc(headers, func(h request.Header) bool { return strings.EqualFold(h.Name, name) })
	}
	left := slices.Clone(received)
	for _, h := range set {
		left = append(without(left, h.Name), h)
	}
	for _, name := range remove {
		left = without(left, name)
	}
	return left
}

// spellings returns names that fold to the same name: with each valid separator in
// place of each dash, and with other letter case.
func spellings(name string) []string {
	list := []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]}
	for _, separator := range "-_.!#$%&'*+^`|~" {
		all := strings.ReplaceAll(name, "-", string(separator))
		first := strings.Replace(name, "-", string(separator), 1)
		last := name
		if at := strings.LastIndexByte(name, '-'); at >= 0 {
			last = name[:at] + string(separator) + name[at+1:]
		}
		list = append(list, all, first, last, strings.ToUpper(all), strings.ToUpper(last))
	}
	return list
}

const tailored = "identity: {strip: [x-roles, tenant], headers: {x-user-email: null, x-user-kind: null, x-city: city}}"

// No guarded header of a client reaches the application, in any spelling, alone or all
// at once, with and without an identity.
func TestStripEverySpelling(t *testing.T) {
	for _, section := range []string{"", tailored} {
		g := newGate(t, section)
		guarded := guardedNames(g)
		set, err := g.mapper.Map(g.verified(t, "shop", claims{"groups": []string{"staff"}, "city": "Bern"}), config.Relaxed{})
		if err != nil {
			t.Fatal(err)
		}
		var all []request.Header
		for name := range guarded {
			for _, spelling := range spellings(name) {
				one := []request.Header{{Name: spelling, Value: "forged"}, {Name: "accept", Value: "*/*"}, {Name: spelling, Value: "again"}}
				all = append(all, one...)
				checkApplied(t, guarded, one, set, g.mapper.Strip(one, set, config.Relaxed{}))
				checkApplied(t, guarded, one, nil, g.mapper.Strip(one, nil, config.Relaxed{}))
			}
		}
		checkApplied(t, guarded, all, set, g.mapper.Strip(all, set, config.Relaxed{}))
		checkApplied(t, guarded, all, nil, g.mapper.Strip(all, nil, config.Relaxed{}))
	}
}

// The dash and underscore spellings of identity headers are removed even if they were
// not received, because Envoy does not send every header to the gate. Override headers
// are removed only if they were received, because naming all of them in each response
// costs Envoy more than the check.
func TestStripUnseen(t *testing.T) {
	for _, section := range []string{"", tailored} {
		g := newGate(t, section)
		got := g.mapper.Strip(nil, nil, config.Relaxed{})
		var want []string
		for name := range guardedNames(g) {
			if slices.Contains(overrides(), name) {
				continue
			}
			want = append(want, name)
			if strings.Contains(name, "-") {
				want = append(want, strings.ReplaceAll(name, "-", "_"))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// A header that is set is not removed, because Envoy removes after it sets; its other
// spellings are removed.
func TestStripSparesWhatIsSet(t *testing.T) {
	g := newGate(t, "")
	set := []request.Header{{Name: "x-user-id", Value: "alice"}}
	received := []request.Header{{Name: "X-User-Id", Value: "root"}, {Name: "x-user_id", Value: "root"}, {Name: "x-user-id", Value: "root"}}
	got := g.mapper.Strip(received, set, config.Relaxed{})
	if slices.Contains(got, "x-user-id") {
		t.Error("x-user-id is set and removed")
	}
	for _, name := range []string{"x_user_id", "x-user_id", "x-user-name", "x_user_name"} {
		if !slices.Contains(got, name) {
			t.Errorf("%s is not removed", name)
		}
	}
	if twice := slices.Compact(slices.Sorted(slices.Values(got))); len(twice) != len(got) {
		t.Errorf("a name is removed twice: %q", got)
	}
}

// Headers that only resemble guarded ones are not changed.
func TestStripSparesOthers(t *testing.T) {
	g := newGate(t, tailored)
	for _, name := range []string{
		"x-user", "x-user-i", "x-user-ids", "xx-user-id", "user-id", "x-user--id", "xuserid", "x-user-id-", "-x-user-id",
		"x-user-agent", "x-role", "x-roles-2", "tenants", "x-tenant", "x-city-name", "x-auth-request-user", "x-http", "x-url",
		"authorization", "cookie", "host", ":path", "accept", "content-type", "x-request-id", "x-forwarded-for", "",
	} {
		if got := g.mapper.Strip([]request.Header{{Name: name, Value: "x"}}, nil, config.Relaxed{}); slices.Contains(got, strings.ToLower(name)) {
			t.Errorf("%q is removed", name)
		}
	}
}

// A name of one word, and a name that is both removed and stripped, are removed once.
func TestStripOnce(t *testing.T) {
	g := newGate(t, "identity: {strip: [tenant, x-user-email, x-user-id], headers: {x-user-email: null}}")
	got := g.mapper.Strip([]request.Header{{Name: "Tenant"}, {Name: "tenant"}, {Name: "x.user.email"}, {Name: "X.User.Email"}}, nil,
		config.Relaxed{})
	for _, name := range []string{"tenant", "x-user-email", "x_user_email", "x.user.email", "x-user-id"} {
		if n := len(slices.DeleteFunc(slices.Clone(got), func(one string) bool { return one != name })); n != 1 {
			t.Errorf("%s is removed %d times", name, n)
		}
	}
}

// The caller owns the names to remove: changing them has no effect on the mapper.
func TestStripReturnsACopy(t *testing.T) {
	g := newGate(t, "")
	first := g.mapper.Strip(nil, nil, config.Relaxed{})
	want := slices.Clone(first)
	for i := range first {
		first[i] = "x"
	}
	_ = append(first, "y")
	if got := g.mapper.Strip(nil, nil, config.Relaxed{}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFold(t *testing.T) {
	for name, want := range map[string]string{
		"x-user-id": "x-user-id", "X_User.ID": "x-user-id", "a1Z9": "a1z9", "": "", "-_.~": "----", ":path": "-path", "x@y[z": "x-y-z",
	} {
		if got := identity.Fold(name); got != want {
			t.Errorf("%q is folded to %q, want %q", name, got, want)
		}
	}
}

func TestOverrides(t *testing.T) {
	for _, name := range overrides() {
		for _, spelling := range spellings(name) {
			if !identity.Overrides(spelling) {
				t.Errorf("%q is no override", spelling)
			}
		}
	}
	for _, name := range []string{"", "x-http-method-overrides", "method-override", "x-original", "x-forwarded", "x-forwarded-for",
		"x-forwarded-proto", "host", "x-user-id", "x-http-methods"} {
		if identity.Overrides(name) {
			t.Errorf("%q is an override", name)
		}
	}
}

// A relaxation allows the headers of its own kind in every spelling, and no others.
func TestStripRelaxed(t *testing.T) {
	g := newGate(t, "")
	methods, urls, hosts := methodOverrides(), urlOverrides(), hostOverrides()
	for _, row := range []struct {
		name     string
		relaxed  config.Relaxed
		through  []string
		stripped []string
	}{
		{"nothing", config.Relaxed{}, nil, overrides()},
		{"method_override", config.Relaxed{MethodOverride: true}, methods, slices.Concat(urls, hosts)},
		{"original_url", config.Relaxed{OriginalURL: true}, urls, slices.Concat(methods, hosts)},
		{"forwarded_host", config.Relaxed{ForwardedHost: true}, hosts, slices.Concat(methods, urls)},
		{"all three", config.Relaxed{MethodOverride: true, OriginalURL: true, ForwardedHost: true}, overrides(), nil},
		{"what is no header's", config.Relaxed{EncodedSlash: true, Semicolon: true, UnverifiedEmail: true}, nil, overrides()},
	} {
		removed := func(name string) bool {
			got := g.mapper.Strip([]request.Header{{Name: name, Value: "x"}}, nil, row.relaxed)
			return slices.Contains(got, strings.ToLower(name))
		}
		for _, name := range row.through {
			for _, spelling := range spellings(name) {
				if removed(spelling) {
					t.Errorf("%s: %q is removed", row.name, spelling)
				}
			}
		}
		for _, name := range append(row.stripped, "x-user-id") {
			for _, spelling := range spellings(name) {
				if !removed(spelling) {
					t.Errorf("%s: %q is not removed", row.name, spelling)
				}
			}
		}
	}
}

// A header that the file strips is removed even if a relaxation allows it.
func TestStripBeforeRelaxations(t *testing.T) {
	g := newGate(t, "identity: {strip: [x-forwarded-host, script_name, forwarded]}")
	relaxed := config.Relaxed{MethodOverride: true, OriginalURL: true, ForwardedHost: true}
	for name, want := range map[string]bool{
		"x-forwarded-host": true, "X_Forwarded.Host": true, "forwarded": true, "script-name": true, "SCRIPT_NAME": true,
		"x-host": false, "path-info": false,
	} {
		got := g.mapper.Strip([]request.Header{{Name: name, Value: "x"}}, nil, relaxed)
		if slices.Contains(got, strings.ToLower(name)) != want {
			t.Errorf("%s: removed %v, want %v", name, !want, want)
		}
	}
}

// A Connection field that names an identity header is found in any spelling, and no
// other field is.
func TestNominated(t *testing.T) {
	g := newGate(t, tailored)
	for _, value := range []string{
		"x-user-id", "upgrade, X-User-Groups", "Upgrade,x_user_id", "close ,\tx.user.name", "x-roles", "keep-alive, tenant", "x-user-email",
		",,x-city,",
	} {
		if !g.mapper.Nominated(value) {
			t.Errorf("%q is not found", value)
		}
	}
	for _, value := range []string{"", "upgrade", "keep-alive, Upgrade", "close", "te, http2-settings", "x-user", "x-original-url",
		"authorization"} {
		if g.mapper.Nominated(value) {
			t.Errorf("%q is found", value)
		}
	}
}
