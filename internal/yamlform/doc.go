// Package yamlform decodes YAML files from tables. A table ([Object]) lists the
// keys of one mapping: what each key is for, how its value is written ([Codec])
// and its default. The strict decoder, the reference of all keys
// ([Object.Reference]) and the JSON Schema for editors ([Object.Schema]) are all
// made from the same table.
//
// A [Decoder] collects every [Mistake] in a file, each with its line, its column
// and the expected value. It records the position of each value ([Places]), so
// that other packages can report their own mistakes at the right position.
//
// The package never opens a file or a network connection and never starts a
// goroutine. It defines no keys of its own.
//
// Invariants, each with its tests:
//
//  1. Nothing in a file is ignored: an unknown or repeated key, a second
//     document, an anchor, an alias, a merge key and a tag are mistakes
//     (TestRefusedYAML, TestUnknownKeys).
//  2. The value of a variable stays inside the scalar that names the variable: it
//     never adds a key, an item or a document (TestExpansionStaysInItsScalar).
//     Nothing is expanded in a [Verbatim] text or when [File.Getenv] is nil
//     (TestTakenAsWritten).
//  3. All mistakes in a file are reported at once, each on one line and with a
//     position inside the file (TestAllAtOnce, FuzzDecode).
//  4. The decoder, the reference and the schema have the same keys and defaults
//     (TestOneTable).
//  5. Each value has a unique path (TestPlaces).
//  6. A list that must not be empty is never decoded as empty, and a set never
//     contains a value twice (TestLists).
//  7. A preset never replaces a value of the file, and a parameter of it never adds a key
//     or an item (TestPreset).
package yamlform
