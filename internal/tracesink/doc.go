// Package tracesink is a receiver of OpenTelemetry traces on loopback, for tests. It
// implements OTLP over gRPC and over HTTP, as a collector does, and stores the spans.
//
// Invariants:
//
//  1. It listens on loopback only (TestReceives).
//  2. It stores only the spans of batches that it has accepted, not those of batches
//     that it rejected or has not answered (TestRefuses, TestHangs).
package tracesink
