// Package yamlform decodes YAML files by tables. A table ([Object]) names the
// keys of one mapping, what each is for, how its value is written ([Codec]) and
// its default. The same table gives a strict decoder, the reference of all keys
// ([Object.Reference]) and a JSON Schema for editors ([Object.Shape]).
//
// A [Decoder] collects every [Mistake] of a file, each with its line and column
// and with what to write instead, and remembers where each value is ([Places]),
// so that other packages can report their own mistakes at the right place.
//
// What the package never does: it opens no file and no network connection,
// starts no goroutine, and knows no key of any file itself.
//
// Invariants, each with the test that shows it:
//
//  1. Nothing in a file is ignored: an unknown or repeated key, a second
//     document, an anchor, an alias, a merge key and a tag are mistakes
//     (TestRefusedYAML, TestUnknownKeys).
//  2. A variable's value stays inside the scalar that names it: it never adds a
//     key, an item or a document (TestExpansionStaysInItsScalar). A file without
//     variables and a [Verbatim] text mean what they say (TestTakenAsWritten).
//  3. All mistakes of a file are reported at once, each at a place that the file
//     has and on one line (TestAllAtOnce, FuzzDecode).
//  4. The decoder, the reference and the schema have the same keys and defaults
//     (TestOneTable).
//  5. Values have different paths, and a path leads to its own value (TestPlaces).
//  6. A list that must not be empty is never read as empty, and a set never holds
//     a value twice (TestLists).
package yamlform
