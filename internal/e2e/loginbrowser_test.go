//go:build !race

package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// loginBrowser is a browser as far as signing in needs it: it keeps cookies, those that are
// Secure on localhost too, as browsers do, and says that a person opens a page.
type loginBrowser struct {
	cookies map[string]map[string]string // :: host:port -> name -> value
	client  http.Client
}

// newLoginBrowser returns a browser that finds localhost on 127.0.0.1.
func newLoginBrowser() *loginBrowser {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.Replace(address, "localhost", "127.0.0.1", 1))
	}
	return &loginBrowser{cookies: map[string]map[string]string{}, client: http.Client{
		Timeout:   clientTimeout,
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// page is an answer to a browser.
type page struct {
	answer
	url string // of the request
}

// location is where the answer redirects to, absolute; empty if it does not.
func (p page) location(t *testing.T) string {
	t.Helper()
	to := p.Header.Get("Location")
	if to == "" {
		return ""
	}
	base, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	target, err := base.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return target.String()
}

// navigation are the headers by which a browser says that a person opens a page, and
// fetching those of a script.
var (
	navigation = []string{"accept: text/html,application/xhtml+xml,*/*;q=0.8", "sec-fetch-mode: navigate", "sec-fetch-dest: document"}
	fetching   = []string{"accept: */*", "sec-fetch-mode: cors", "sec-fetch-site: same-origin"}
)

// send sends one request with the cookies of its host, and follows no redirect.
func (b *loginBrowser) send(t *testing.T, method, target string, headers []string, body string) page {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if request.Header.Set(name, value); name == "host" {
			request.Host = value
		}
	}
	for name, value := range b.cookies[request.URL.Host] {
		request.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	response, err := b.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range response.Cookies() {
		if strings.HasPrefix(cookie.Name, "__Host-") && (cookie.Domain != "" || cookie.Path != "/" || !cookie.Secure) {
			continue // as browsers do
		}
		if b.cookies[request.URL.Host] == nil {
			b.cookies[request.URL.Host] = map[string]string{}
		}
		if b.cookies[request.URL.Host][cookie.Name] = cookie.Value; cookie.MaxAge < 0 || cookie.Value == "deleted" {
			delete(b.cookies[request.URL.Host], cookie.Name)
		}
	}
	return page{answer{Status: response.StatusCode, Header: response.Header, Body: string(text)}, target}
}

// open opens a page and follows redirects until there is none.
func (b *loginBrowser) open(t *testing.T, target string) (last page, visited []string) {
	t.Helper()
	for range 12 {
		last = b.send(t, http.MethodGet, target, navigation, "")
		visited = append(visited, target)
		if target = last.location(t); target == "" {
			return last, visited
		}
	}
	t.Fatalf("the redirects do not end: %q", visited)
	return page{}, nil
}
