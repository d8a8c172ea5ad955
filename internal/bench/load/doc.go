// Package load is the load generator of the benchmark: an HTTP/2 client that
// sends one call again and again, each time with another token, over a few
// connections. It sends either as fast as answers arrive (a closed loop) or at a
// fixed rate (an open loop).
//
// It must use much less CPU than the servers that it measures: 4 microseconds a
// call, where the clients of grpc-go and net/http use 40 to 60, more than jwtgate
// itself. So the header fields that all calls share are encoded once and indexed,
// tokens are copied into a prepared message, and one goroutine for each connection
// reads and writes.
// It checks the statuses and the length of every answer. The caller checks the
// content of the first answer of each shape, and of one answer in 512 after it.
// It never retries, follows a redirect, or measures CPU.
//
// Invariants:
//
//  1. Every answer is matched with its own call, and every wrong answer that is
//     found counts as failed and is reported
//     (TestAnswersBelongToTheirCalls, TestWrongAnswersAreFound).
//  2. Calls are numbered over all connections, and each number is sent once
//     (TestEachNumberIsSentOnce).
//  3. The server's flow control is respected: a call waits for the window
//     without spinning (TestASmallWindow).
//  4. At a fixed rate the latency of a call includes the time that it waited to
//     be sent, so a server that stalls cannot hide the delay
//     (TestLatencyIncludesTheWaitToBeSent).
//  5. No goroutine outlives Close (TestCloseEndsEverything).
package load
