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

// refusalLogInterval is the minimum time between two log lines about connections that were
// refused, and between two about failed handshakes, because any client can cause them.
const refusalLogInterval = 10 * time.Second

// loggedCredentials are transport credentials that count and log failed handshakes.
type loggedCredentials struct {
	credentials.TransportCredentials
	failures *handshakeFailures
}

func newLoggedCredentials(certificates *Certificates, logger *slog.Logger, metrics *telemetry.Metrics) loggedCredentials {
	return loggedCredentials{credentials.NewTLS(certificates.config()), &handshakeFailures{logger: logger, metrics: metrics}}
}

// ServerHandshake implements credentials.TransportCredentials.
func (l loggedCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := l.TransportCredentials.ServerHandshake(raw)
	// A client that sends nothing and closes the connection, such as a port probe, was not
	// refused.
	if err != nil && !errors.Is(err, io.EOF) {
		l.failures.add(raw.RemoteAddr(), err)
	}
	return conn, info, err
}

// Clone implements credentials.TransportCredentials. The copy shares the count of failures.
func (l loggedCredentials) Clone() credentials.TransportCredentials {
	return loggedCredentials{l.TransportCredentials.Clone(), l.failures}
}

// handshakeFailures counts failed handshakes and logs some of them. It is safe for
// concurrent use.
type handshakeFailures struct {
	logger  *slog.Logger
	metrics *telemetry.Metrics

	mu       sync.Mutex
	lastLog  time.Time // guarded by mu
	unlogged int       // failures since lastLog; guarded by mu
}

func (f *handshakeFailures) add(peer net.Addr, err error) {
	f.metrics.HandshakeRefused()
	f.mu.Lock()
	now := time.Now()
	unlogged, log := f.unlogged, f.lastLog.IsZero() || now.Sub(f.lastLog) >= refusalLogInterval
	if log {
		f.lastLog, f.unlogged = now, 0
	} else {
		f.unlogged++
	}
	f.mu.Unlock()
	if log {
		f.logger.Warn("TLS handshake failed", "peer", peer.String(), "error", err, "others_before", unlogged)
	}
}
