package devidp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// maxMintBytes is the maximum size of a request to the mint endpoint and of its
// response.
const maxMintBytes = 64 << 10

// mintRequest is the body of POST /NAME/mint.
type mintRequest struct {
	Claims  map[string]any `json:"claims"`
	Expires string         `json:"expires,omitempty"` // a Go duration; absent: DefaultTTL
}

// mintAnswer is the body of the response.
type mintAnswer struct {
	Token string `json:"token"`
}

// mint serves [RequestToken].
func (s *Server) mint(w http.ResponseWriter, r *http.Request) {
	if err := fromThisMachine(r); err != nil {
		answer(w, http.StatusForbidden, problem{Error: err.Error()})
		return
	}
	i, err := s.issuer(r.PathValue("name"))
	if err != nil {
		answer(w, http.StatusNotFound, problem{Error: err.Error()})
		return
	}
	claims, ttl, err := readMintRequest(http.MaxBytesReader(w, r.Body, maxMintBytes))
	if err != nil {
		answer(w, http.StatusBadRequest, problem{Error: err.Error()})
		return
	}
	token, err := i.Mint(claims, ttl)
	if err != nil {
		answer(w, http.StatusInternalServerError, problem{Error: err.Error()})
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	answer(w, http.StatusOK, mintAnswer{Token: token})
}

// fromThisMachine returns an error for a request that a web page in a browser on this
// machine could send. A page cannot send JSON without a preflight, which this server
// does not answer; a page whose name was rebound to loopback sends that name as Host;
// and every browser sends Origin with a POST.
func fromThisMachine(r *http.Request) error {
	if err := loopbackHost(r); err != nil {
		return err
	}
	if r.Header.Get("Origin") != "" {
		return errors.New("a web page cannot ask for tokens here")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errors.New("content-type must be application/json")
	}
	return nil
}

// loopbackHost returns an error if the request names another host than this machine's
// loopback, as a browser does for a name that was rebound to loopback.
func loopbackHost(r *http.Request) error {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if host != "localhost" && (err != nil || !address.IsLoopback()) {
		return fmt.Errorf("host %q is not this machine's loopback", r.Host)
	}
	return nil
}

// readMintRequest reads exactly one JSON object.
func readMintRequest(body io.Reader) (claims map[string]any, ttl time.Duration, err error) {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	decoder.UseNumber() // to keep the digits of numbers
	var request mintRequest
	if err := decoder.Decode(&request); err != nil {
		return nil, 0, fmt.Errorf("read the request: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, 0, errors.New("read the request: unexpected data after the JSON object")
	}
	if request.Expires != "" {
		if ttl, err = time.ParseDuration(request.Expires); err != nil {
			return nil, 0, fmt.Errorf("expires %q is not a duration; expected one such as 10m", request.Expires)
		}
	}
	return request.Claims, ttl, nil
}

// RequestToken requests a token of the named issuer from the server at serverURL, in
// this or another process. claims and expires are as in [Issuer.Mint].
func RequestToken(ctx context.Context, serverURL, issuer string, claims map[string]any, expires time.Duration) (string, error) {
	body := mintRequest{Claims: claims}
	if expires != 0 {
		body.Expires = expires.String()
	}
	data, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encode the claims as JSON: %w", err)
	}
	endpoint := strings.TrimSuffix(serverURL, "/") + "/" + url.PathEscape(issuer) + "/mint"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(data))
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	// Use no proxy, since the server is on loopback, and no keep-alive, since this is
	// the only request.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	return readMintAnswer(response)
}

func readMintAnswer(response *http.Response) (string, error) {
	data, err := io.ReadAll(io.LimitReader(response.Body, maxMintBytes))
	if err != nil {
		return "", fmt.Errorf("read the issuer's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		var refused problem
		if json.Unmarshal(data, &refused) != nil || refused.Error == "" {
			return "", fmt.Errorf("the server at %q answered %s; it is not a jwtgate demo issuer", response.Request.URL.Host, response.Status)
		}
		return "", fmt.Errorf("the issuer rejected the request: %s", refused.Error)
	}
	var minted mintAnswer
	if err := json.Unmarshal(data, &minted); err != nil || minted.Token == "" {
		return "", fmt.Errorf("the server at %q answered without a token", response.Request.URL.Host)
	}
	return minted.Token, nil
}
