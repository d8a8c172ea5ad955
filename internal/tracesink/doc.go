// Package tracesink is a receiver of OpenTelemetry traces on loopback, for tests:
// it speaks OTLP over gRPC and over HTTP as a collector does, and keeps what comes.
//
// Invariants:
//
//  1. It listens on loopback only, and nothing that serves needs it
//     (TestReceives).
//  2. A batch counts as received once it has been answered as such: what was
//     refused, or hangs, is not among the spans (TestRefuses, TestHangs).
package tracesink
