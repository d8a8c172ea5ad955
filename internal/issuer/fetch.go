package issuer

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// maxBody is how many bytes the body of one response may have.
const maxBody = 1 << 20

// The results of a fetch: a closed list, so that it may be a metric's label.
const (
	FetchOK          = "ok"           // a response with a usable key
	FetchNotModified = "not_modified" // the keys have not changed
	FetchUnreachable = "unreachable"  // DNS, connection or TLS failed, or the connection broke; for a file: unreadable
	FetchTimeout     = "timeout"      // not complete within request_timeout
	FetchStatus      = "status"       // an HTTP status other than 200 and 304
	FetchInvalid     = "invalid"      // a response that must not be used
)

// fetchResults lists the results of a fetch.
func fetchResults() []string {
	return []string{FetchOK, FetchNotModified, FetchUnreachable, FetchTimeout, FetchStatus, FetchInvalid}
}

// source is where an issuer's key set comes from. Only one goroutine uses it at a
// time.
type source interface {
	// fetch fetches the key set; its errors are *fetchError.
	fetch(ctx context.Context, ask ask) (answer, error)
}

// ask are the parameters of a fetch.
type ask struct {
	held validator // of the current keys, for a conditional request; zero: unconditional
	// origin makes caches revalidate with the issuer (RFC 9111 section 5.2.1.4),
	// since a cached key set cannot contain the key of a new kid.
	origin bool
}

// validator identifies the response that the current keys came from (RFC 9110
// section 8.8.3).
type validator struct{ uri, etag string }

// answer is an issuer's key set, or its response that the set was not modified.
type answer struct {
	body        []byte
	notModified bool
	validator   validator
	fresh       time.Duration // from Cache-Control; valid only with bounded
	bounded     bool
	note        error // a problem that did not prevent the fetch
	fallback    bool  // from a fallback
}

// fetchError is the error of a failed fetch.
type fetchError struct {
	result string        // one of the Fetch constants
	wait   time.Duration // the issuer's Retry-After; zero: none
	err    error
}

func (e *fetchError) Error() string { return e.err.Error() }
func (e *fetchError) Unwrap() error { return e.err }

// Result returns one of the Fetch constants.
func (e *fetchError) Result() string { return e.result }

func invalid(format string, args ...any) *fetchError {
	return &fetchError{result: FetchInvalid, err: fmt.Errorf(format, args...)}
}

// remote fetches a key set over HTTP, from a fixed URI or from the one in the
// issuer's discovery document.
type remote struct {
	client    *client
	bearer    *bearer       // nil: requests carry no credentials
	timeout   time.Duration // of each request, with its response
	now       func() time.Time
	uri       string     // of the key set; empty: use discovery
	fallbacks []string   // used in this order while uri cannot be fetched
	discovery *discovery // nil if uri is set
}

func (r *remote) fetch(ctx context.Context, ask ask) (answer, error) {
	uri, note := r.uri, error(nil)
	if r.discovery != nil {
		var err error
		if uri, note, err = r.discovery.keySetURI(ctx, r); err != nil {
			return answer{}, err
		}
	}
	got, err := r.keySet(ctx, uri, ask)
	if err != nil {
		return r.fallback(ctx, ask, err)
	}
	got.note = note
	return got, nil
}

// keySet fetches the key set from one URI.
func (r *remote) keySet(ctx context.Context, uri string, ask ask) (answer, error) {
	if ask.held.uri != uri {
		ask.held = validator{}
	}
	return r.get(ctx, uri, ask)
}

// fallback fetches the key set from the first fallback that answers, because the fetch from
// the configured URI failed. A response that must not be used is not a reason to ask
// another server. If no fallback answers, the error has the result of the first fetch.
func (r *remote) fallback(ctx context.Context, ask ask, first error) (answer, error) {
	failed, ok := errors.AsType[*fetchError](first)
	if !ok || failed.result == FetchInvalid || len(r.fallbacks) == 0 {
		return answer{}, first
	}
	all := failed.err
	for _, uri := range r.fallbacks {
		got, err := r.keySet(ctx, uri, ask)
		if err == nil {
			got.fallback = true
			got.note = fmt.Errorf("%w; the keys are from the fallback %s", first, redact(uri))
			return got, nil
		}
		all = fmt.Errorf("%w; fallback %s: %w", all, redact(uri), err)
	}
	return answer{}, &fetchError{result: failed.result, wait: failed.wait, err: all}
}

// get makes one request, with limits on time and size.
func (r *remote) get(ctx context.Context, uri string, ask ask) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return answer{}, invalid("%s is not a valid URL", quote.Text(redact(uri)))
	}
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Accept", "application/json, application/jwk-set+json")
	// Without this field, any coding is acceptable (RFC 9110 section 12.5.3).
	request.Header.Set("Accept-Encoding", "identity")
	if ask.held.etag != "" {
		request.Header.Set("If-None-Match", ask.held.etag)
	}
	if ask.origin {
		request.Header.Set("Cache-Control", "no-cache")
	}
	if err := r.bearer.authorize(request); err != nil {
		return answer{}, err
	}
	response, err := r.client.do(request)
	if err != nil {
		return answer{}, transportError(err, r.timeout)
	}
	defer func() { _ = response.Body.Close() }()
	return r.read(response, uri, ask)
}

func (r *remote) read(response *http.Response, uri string, ask ask) (answer, error) {
	got := answer{validator: validator{uri: uri, etag: response.Header.Get("ETag")}}
	got.fresh, got.bounded = freshness(response.Header)
	switch {
	case response.StatusCode == http.StatusNotModified && ask.held.etag != "":
		got.notModified, got.validator = true, ask.held
		return got, nil
	case response.StatusCode != http.StatusOK:
		return answer{}, &fetchError{
			result: FetchStatus, wait: retryAfter(response.Header, r.now()),
			err: fmt.Errorf("%s answered with status %d", redact(uri), response.StatusCode),
		}
	}
	coding := strings.Join(response.Header.Values("Content-Encoding"), ", ")
	body, err := readCoded(response.Body, coding)
	switch {
	case errors.Is(err, errTooLong):
		return answer{}, invalid("%s answered with more than %d bytes", redact(uri), maxBody)
	case errors.Is(err, errCoding):
		return answer{}, invalid("%s answered with Content-Encoding %s, which is not supported; expected none or gzip",
			redact(uri), quote.Text(coding))
	case errors.Is(err, errNoGzip):
		return answer{}, invalid("%s answered with Content-Encoding gzip and a body that is not valid gzip", redact(uri))
	case err != nil:
		return answer{}, transportError(err, r.timeout)
	}
	got.body = body
	return got, nil
}

var (
	errCoding = errors.New("unsupported content coding")
	errNoGzip = errors.New("not valid gzip")
)

// readCoded reads a body of at most maxBody bytes, before and after it is decoded. Some
// stores send gzip although the request does not accept it.
func readCoded(body io.Reader, coding string) ([]byte, error) {
	raw, err := readBounded(body)
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(coding) {
	case "", "identity":
		return raw, nil
	case "gzip", "x-gzip":
	default:
		return nil, errCoding
	}
	decoder, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, errNoGzip
	}
	decoded, err := readBounded(decoder)
	if err != nil && !errors.Is(err, errTooLong) {
		return nil, errNoGzip
	}
	return decoded, err
}

// errTooLong is returned for more than maxBody bytes.
var errTooLong = errors.New("too long")

func readBounded(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errTooLong
	}
	return body, err
}

// transportError classifies err. It drops the URL from its text, since the query
// may contain a secret.
func transportError(err error, timeout time.Duration) *fetchError {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if errors.Is(err, errRedirect) {
		return &fetchError{result: FetchInvalid, err: err}
	}
	if network, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && network.Timeout() {
		return &fetchError{result: FetchTimeout, err: fmt.Errorf("no complete response within %s", timeout)}
	}
	return &fetchError{result: FetchUnreachable, err: err}
}

// file reads a key set from disk.
type file struct{ name string }

func (f file) fetch(context.Context, ask) (answer, error) {
	opened, err := filewatch.OpenRegular(f.name)
	if err != nil {
		return answer{}, &fetchError{result: FetchUnreachable, err: err}
	}
	defer func() { _ = opened.Close() }()
	body, err := readBounded(opened)
	if errors.Is(err, errTooLong) {
		return answer{}, invalid("%q has more than %d bytes", f.name, maxBody)
	}
	if err != nil {
		return answer{}, &fetchError{result: FetchUnreachable, err: err}
	}
	return answer{body: body}, nil
}
