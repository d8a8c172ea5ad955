// Package house holds the rules of the house as tests: who may import whom,
// what every package comment and every exported name must say, and what is not
// written here at all. They are about all packages alike, so that they stand in
// none of them, and this one has no other code.
//
// A rule that is in the way is changed here, in a commit that says why; it is
// never worked around.
package house
