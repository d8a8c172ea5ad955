// Package server is the running jwtgate: an engine behind a gRPC listener that Envoy
// asks, and behind an admin port for operators. It opens the listeners, serves TLS and
// reloads certificates, reports health, and stops in order.
//
// It never decides a request, and handles no signal: its caller does.
//
// Invariants:
//
//  1. A server whose configuration, certificates or listeners are wrong does not start,
//     and leaves nothing open (TestListenErrors, TestMistakes).
//  2. A Unix socket that another process serves, or a file that is not a socket, is not
//     replaced (TestUnixSocket).
//  3. A new certificate that is wrong changes nothing, and is reported until it is
//     replaced (TestCertificateReload).
//  4. After its context ended, a server answers until the drain delay is over, and then
//     closes its listeners (TestShutdown).
//  5. Every denial is logged, whatever the log level (TestDecisionsHaveNoLevel).
package server
