// Package revocation has the list of revoked tokens and reads its file.
//
// A [List] names subjects, clients and token IDs of issuers. It contains no token and
// nothing that can be sent as one. The package does not verify tokens and does not open
// files.
//
// Invariants:
//
//  1. A token is revoked only if the list has its sub, client, jti or origin_jti for its
//     issuer. Values are compared byte for byte (TestRevoked).
//  2. issued_before limits a line to tokens with an earlier iat and tokens without one. If
//     two lines have the same value, the one that revokes more tokens applies, in either
//     order (TestRevoked).
//  3. A file with an invalid line is rejected as a whole. The error names each invalid
//     line, at most 20 of them, and the number of the others (TestParseRefuses,
//     TestParseNamesEveryLine).
//  4. Parsing stops after 10 million lines, and a line has at most 4 KiB (TestParseEnds,
//     TestParseRefuses).
//  5. The errors quote and cut the text of the file (TestParseRefuses, FuzzParse).
//  6. A check allocates no memory (TestRevokedAllocatesNothing).
package revocation
