// Package telemetry shows operators what the gate does: logs, Prometheus
// metrics, OpenTelemetry traces, and the admin HTTP server with its probes.
//
// It knows no other package of the program: what is measured is handed in as
// plain values. Labels are bounded: a label's value is never a client's text.
//
// Security invariants:
//
//  1. The admin server serves GET and HEAD only, on its own port, and tells no
//     secret: key ids and ages, never keys (TestAdminIsReadOnly).
//  2. Metric labels come from the config and closed lists
//     (TestMetricNames).
//  3. A receiver of traces that refuses, hangs or is gone holds nothing up and
//     takes no more memory than a queue of fixed length (TestReceiverHangs,
//     TestReceiverRefuses, TestCloseIsBounded).
//  4. What the OpenTelemetry SDK says of its variables does not tell their values
//     (TestSDKLogHoldsNoSecret).
//  5. No web page can read the admin server by having its own name resolve to it:
//     a Host that is a name must be a loopback name or listed (TestAdminHost,
//     TestAdminHostIsForEveryPage).
//  6. The admin server holds at most 256 connections, and none without a request
//     for longer than 5 seconds (TestAdminConnections).
package telemetry
