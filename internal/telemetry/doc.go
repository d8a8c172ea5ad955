// Package telemetry shows operators what the gate does: logs, Prometheus
// metrics, and the admin HTTP server with its probes.
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
package telemetry
