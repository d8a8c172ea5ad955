// Package identity says what the application is told of a verified token, and
// takes out of every request what a client could pass off as that.
//
// It turns claims into header values and finds the header names to remove. It
// never allows or denies a request, and never sees a token that was not
// verified.
//
// Invariants:
//
//  1. On every allowed request each identity name is set by the gate or removed,
//     in every spelling that a server may fold into the same name
//     (TestStripEverySpelling, FuzzStrip).
//     An override header arrives in no spelling unless its relaxation is open
//     (TestStripRelaxed), and never if the configuration strips it
//     (TestStripBeforeRelaxations).
//  2. A name that is set is not removed as well: Envoy removes after it sets
//     (TestStripSparesWhatIsSet).
//  3. A header value holds bytes 0x20 to 0x7e only, and the text of a claim, or
//     each text of a list, can be read back out of it (TestEncode, FuzzEncode).
//  4. An email address that its issuer says is not verified is not passed on
//     (TestMapEmail).
package identity
