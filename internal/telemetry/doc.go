// Package telemetry provides the gate's logs, Prometheus metrics, OpenTelemetry
// traces, and the admin HTTP server with its probes.
//
// Its callers pass plain values. It imports no other package of the program except
// issuer, whose Stats describe the state of an issuer.
//
// Security invariants:
//
//  1. The admin server serves GET and HEAD only, on a port of its own
//     (TestAdminIsReadOnly).
//  2. The values of metric labels come from the configuration and from closed
//     lists, never from a client (TestMetricNames).
//  3. A trace receiver that rejects spans, hangs or is down neither delays a check
//     nor uses more memory than a queue of fixed length (TestReceiverHangs,
//     TestReceiverRefuses, TestCloseIsBounded).
//  4. Log lines about OpenTelemetry's variables do not contain their values
//     (TestSDKLogHoldsNoSecret).
//  5. A web page cannot read the admin server by DNS rebinding: a Host that is a
//     name must be a loopback name or a configured one (TestAdminHost,
//     TestAdminHostIsForEveryPage).
//  6. The admin server holds at most 256 connections, and closes one on which no
//     request arrives for 5 seconds (TestAdminConnections).
package telemetry
