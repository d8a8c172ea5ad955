// Package issuer holds the trusted issuers and their keys.
package issuer
