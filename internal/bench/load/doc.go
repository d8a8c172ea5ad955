// Package load is the benchmark's load generator: an HTTP/2 client that sends
// the same call with ever another token, over a few connections, either as fast
// as answers come back or at a fixed rate.
//
// It is made to cost little beside what it measures: the header fields that all
// calls share are encoded once and indexed, tokens are patched into a message
// that stands ready, and one goroutine a connection both reads and writes.
// It looks at every answer (its statuses and its length) and has the caller look
// into those that are of a new shape and into one of 512 of the others. It
// never retries, follows a redirect, or measures CPU.
//
// Invariants:
//
//  1. Every answer is matched with its own call, and one that is not as it
//     should be is counted as failed and told of
//     (TestAnswersBelongToTheirCalls, TestWrongAnswersAreFound).
//  2. Calls take their numbers in turn over all connections: each number is sent
//     once (TestEachNumberIsSentOnce).
//  3. The server's flow control is respected: a call waits for the window, and
//     nothing spins (TestASmallWindow).
//  4. At a fixed rate the latency of a call counts from the moment at which it
//     was due, so a stalled server cannot hide what it delayed
//     (TestLatencyCountsFromWhenACallWasDue).
//  5. Nothing outlives Close (TestCloseEndsEverything).
package load
