package extauthz

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// refusalPause is how long at least lies between two lines about handshakes that
// failed: strangers can have as many as they like.
const refusalPause = 10 * time.Second

// handshakes are the credentials of a server that says which clients it refuses.
type handshakes struct {
	credentials.TransportCredentials
	told *refusals
}

func newHandshakes(certificates *Certificates, logger *slog.Logger, metrics *telemetry.Metrics) handshakes {
	return handshakes{credentials.NewTLS(certificates.config()), &refusals{logger: logger, metrics: metrics}}
}

// ServerHandshake is that of TLS.
func (h handshakes) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ServerHandshake(raw)
	// Who goes without a word, such as a probe of the port, was not refused.
	if err != nil && !errors.Is(err, io.EOF) {
		h.told.add(raw.RemoteAddr(), err)
	}
	return conn, info, err
}

// Clone returns credentials that tell of refusals together with these.
func (h handshakes) Clone() credentials.TransportCredentials {
	return handshakes{h.TransportCredentials.Clone(), h.told}
}

// refusals counts handshakes that failed, and logs some of them.
type refusals struct {
	logger  *slog.Logger
	metrics *telemetry.Metrics

	mu     sync.Mutex
	last   time.Time // when one was logged; guarded by mu
	silent int       // how many were not, since; guarded by mu
}

func (r *refusals) add(peer net.Addr, err error) {
	r.metrics.HandshakeRefused()
	r.mu.Lock()
	now := time.Now()
	silent, logged := r.silent, r.last.IsZero() || now.Sub(r.last) >= refusalPause
	if logged {
		r.last, r.silent = now, 0
	} else {
		r.silent++
	}
	r.mu.Unlock()
	if logged {
		r.logger.Warn("a TLS handshake failed", "peer", peer.String(), "error", err, "others_before", silent)
	}
}
