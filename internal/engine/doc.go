// Package engine is jwtgate without a protocol: the gate and what runs around it.
// It loads and compiles a configuration, decides by it, reloads it and the other
// files when they change, writes audit lines, metrics and traces, compares a candidate
// configuration with the live one, and shows its state to operators.
//
// A front end such as package server passes requests to [Engine.Gate] and each decision
// to [Engine.Log], [Engine.Metrics], [Engine.Candidate] and [Engine.Traces]. The package
// knows no protocol, opens no listener and handles no signal.
//
// Invariants:
//
//  1. A reload that fails changes no decision: the previous version stays active, and
//     the failure is reported until a reload succeeds (TestReload,
//     TestReloadAfterAFix, TestFailuresAreSeparate).
//  2. A start and a reload compile each configuration once (TestCompilesOnce).
//  3. No change is missed: files are watched before they are read
//     (TestChangeDuringTheStart).
//  4. An engine that once had keys stays ready, whatever happens to its issuers
//     (TestStaysReady).
package engine
