// Package identity converts the claims of a verified token to request headers, and
// finds the headers of a request that a client could use to forge them.
//
// It never allows or denies a request, and never sees a token that was not verified.
//
// Invariants:
//
//  1. In every allowed request, each identity header is set by the gate or removed, in
//     every spelling that a server may convert to the same name
//     (TestStripEverySpelling, TestStripUnseen, FuzzStrip). An override header is removed in every
//     spelling unless its relaxation applies (TestStripRelaxed), and always if the
//     configuration strips it (TestStripBeforeRelaxations).
//  2. A header that is set is not removed too, because Envoy removes after it sets
//     (TestStripSparesWhatIsSet).
//  3. A header value contains only the bytes 0x20 to 0x7e, and the text of a claim, or
//     each text of a list, can be decoded from it (TestEncode, FuzzEncode).
//  4. An email address that the issuer calls unverified is not sent to the application
//     (TestMapEmail).
package identity
