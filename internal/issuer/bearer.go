package issuer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/filewatch"
)

// maxBearer is how many bytes the file of a bearer token may have.
const maxBearer = 64 << 10

// bearer authorizes requests with the token in a file, for an issuer that shows its keys
// only to callers that it knows, such as a Kubernetes API server.
type bearer struct {
	file    string
	home    *url.URL // only requests to this scheme, host and port get the token
	proxied bool     // requests go through a proxy
}

// newBearer returns nil if no token is configured.
func newBearer(cfg config.JWKS, uri string) *bearer {
	home, err := url.Parse(uri)
	if cfg.BearerFile == "" || err != nil {
		return nil
	}
	return &bearer{file: cfg.BearerFile, home: home, proxied: cfg.Proxy != "" && cfg.Proxy != proxyNone}
}

// authorize adds the token to a request for the issuer's own host. A key set elsewhere, as
// a discovery document may name it, is fetched without the token. The file is read for each
// request, since its token may have been replaced. No error contains the token.
func (b *bearer) authorize(request *http.Request) error {
	if b == nil || request.URL.Scheme != b.home.Scheme || !strings.EqualFold(request.URL.Host, b.home.Host) {
		return nil
	}
	if request.URL.Scheme != schemeHTTPS && (!config.LoopbackHost(request.URL.Hostname()) || b.proxied) {
		return invalid("the token of bearer_file is sent only over https, or to a loopback address without a proxy")
	}
	token, err := b.read()
	if err != nil {
		return &fetchError{result: FetchUnreachable, err: err}
	}
	request.Header.Set("Authorization", "Bearer "+token)
	return nil
}

func (b *bearer) read() (string, error) {
	opened, err := filewatch.OpenRegular(b.file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(b.file, config.PodSecrets):
		return "", fmt.Errorf("bearer_file cannot be read: %w; hint: in a pod, mount a service account token there "+
			"(docs/providers.md, kubernetes); elsewhere, write jwks: {uri: ..., ca_file: ..., bearer_file: ...}", err)
	case err != nil:
		return "", fmt.Errorf("bearer_file cannot be read: %w", err)
	}
	defer func() { _ = opened.Close() }()
	text, err := io.ReadAll(io.LimitReader(opened, maxBearer))
	if err != nil {
		return "", fmt.Errorf("bearer_file cannot be read: %w", err)
	}
	token := string(bytes.TrimSpace(text))
	// RFC 6750 section 2.1, and no byte that could end the header field.
	if token == "" || len(text) == maxBearer || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", errors.New("bearer_file does not contain one token in printable ASCII")
	}
	return token, nil
}
