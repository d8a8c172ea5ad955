// Package house contains the project's rules as tests: which package imports which, what
// package comments and exported names need, and what the code must not contain. The rules
// apply to all packages. This package has no other code.
//
// To change a rule, change it here, in a commit that says why; do not work around it.
package house
