// Package re2size computes the size of the program that RE2 compiles a regular
// expression to. Envoy does not start with an expression whose program is larger than
// the limit re2.max_program_size.error_level, and only it prints the size.
//
// The package follows RE2's compiler as Envoy 1.40 uses it. A few expressions with two
// neighbouring repetitions of the same thing have another size than computed, by [Margin]
// at most. It runs no expression and reads no file.
//
// Invariants:
//
//  1. The sizes are those that a real Envoy prints, within [Margin] (TestOf; the
//     end-to-end tests measure them again).
//  2. Time and memory are bounded: a program above [Most] is not compiled (TestMost,
//     FuzzOf).
package re2size

// Margin is the part of a size by which it can differ from RE2's.
const Margin = 0.1

// Most is the size that [Of] returns for larger programs too.
const Most = 20_000
