package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/jwtgate/jwtgate/internal/filewatch"
)

// maxBody is how many bytes one answer may have.
const maxBody = 1 << 20

// What came of a fetch, a closed list fit for a metric's label.
const (
	FetchOK          = "ok"           // an answer with a usable key
	FetchNotModified = "not_modified" // the keys that are held still stand
	FetchUnreachable = "unreachable"  // DNS, connection, TLS, or it broke off; for a file: unreadable
	FetchTimeout     = "timeout"      // not complete within request_timeout
	FetchStatus      = "status"       // an HTTP status other than 200 and 304
	FetchInvalid     = "invalid"      // an answer that may not be used
)

// fetchResults lists what can come of a fetch.
func fetchResults() []string {
	return []string{FetchOK, FetchNotModified, FetchUnreachable, FetchTimeout, FetchStatus, FetchInvalid}
}

// source is where an issuer's key set comes from. It is used by one goroutine
// at a time.
type source interface {
	// fetch gets the key set; its errors are *fetchError.
	fetch(ctx context.Context, ask ask) (answer, error)
}

// ask says how to fetch.
type ask struct {
	held validator // of the answer that is held; zero: get it whole
	// origin asks caches on the way to check with the issuer, RFC 9111 section
	// 5.2.1.4: a cached set is of no use to a kid that it lacks.
	origin bool
}

// validator names the answer that is held, RFC 9110 section 8.8.3.
type validator struct{ uri, etag string }

// answer is an issuer's key set, or its word that the held one stands.
type answer struct {
	body        []byte
	notModified bool
	validator   validator
	fresh       time.Duration // by Cache-Control; meaningful only with bounded
	bounded     bool
	note        error // what went wrong without spoiling the answer
}

// fetchError is why there is no answer.
type fetchError struct {
	result string        // one of the Fetch constants
	wait   time.Duration // the issuer's Retry-After; zero: none
	err    error
}

func (e *fetchError) Error() string { return e.err.Error() }
func (e *fetchError) Unwrap() error { return e.err }

func invalid(format string, args ...any) *fetchError {
	return &fetchError{result: FetchInvalid, err: fmt.Errorf(format, args...)}
}

// remote gets a key set over HTTP, from a fixed URI or from the one that the
// issuer's discovery document names.
type remote struct {
	client    *client
	timeout   time.Duration // of each request with its answer
	now       func() time.Time
	uri       string     // of the key set; empty: by discovery
	discovery *discovery // nil with uri
}

func (r *remote) fetch(ctx context.Context, ask ask) (answer, error) {
	uri, note := r.uri, error(nil)
	if r.discovery != nil {
		var err error
		if uri, note, err = r.discovery.keySetURI(ctx, r); err != nil {
			return answer{}, err
		}
	}
	if ask.held.uri != uri {
		ask.held = validator{}
	}
	got, err := r.get(ctx, uri, ask)
	if err != nil {
		return answer{}, err
	}
	got.note = note
	return got, nil
}

// get makes one request, bounded in time and size.
func (r *remote) get(ctx context.Context, uri string, ask ask) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return answer{}, invalid("%q is no URL", clip(redact(uri)))
	}
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Accept", "application/json, application/jwk-set+json")
	if ask.held.etag != "" {
		request.Header.Set("If-None-Match", ask.held.etag)
	}
	if ask.origin {
		request.Header.Set("Cache-Control", "no-cache")
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
	case response.Header.Get("Content-Encoding") != "" && response.Header.Get("Content-Encoding") != "identity":
		return answer{}, invalid("%s answered with Content-Encoding %q, which was not asked for", redact(uri), clip(response.Header.Get("Content-Encoding")))
	}
	body, err := readBounded(response.Body)
	if err != nil {
		if errors.Is(err, errTooLong) {
			return answer{}, invalid("%s answered with more than %d bytes", redact(uri), maxBody)
		}
		return answer{}, transportError(err, r.timeout)
	}
	got.body = body
	return got, nil
}

// errTooLong marks an answer beyond maxBody.
var errTooLong = errors.New("too long")

func readBounded(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errTooLong
	}
	return body, err
}

// transportError is err without the URL, which may hold a secret in its query.
func transportError(err error, timeout time.Duration) *fetchError {
	if errors.Is(err, errRedirect) {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return &fetchError{result: FetchInvalid, err: err}
	}
	if network, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && network.Timeout() {
		return &fetchError{result: FetchTimeout, err: fmt.Errorf("no complete answer within %s", timeout)}
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
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
