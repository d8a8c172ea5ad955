// Package strictjson reads a JSON object (RFC 8259) that an untrusted party
// wrote: the header and claims of a token, a key set, a discovery document.
//
// It accepts only texts that all correct JSON readers understand in the same
// way. encoding/json uses the last of two equal names, replaces invalid UTF-8,
// and matches the names of a struct without regard to case. Each of these lets
// two readers of one text see two different users. The package never writes
// JSON, and its errors never contain the text.
//
// All functions use one scanner, so they cannot disagree about a text.
//
// Invariants:
//
//  1. Each name of an object occurs once. Names are compared byte for byte after
//     their escapes are decoded (TestObject, FuzzObject).
//  2. The text is valid UTF-8, and an escaped surrogate is half of a pair
//     (TestObject, FuzzObject).
//  3. Objects and arrays are nested at most 32 levels deep, and only white space
//     follows the object (TestObject, FuzzObject).
//  4. Numbers are kept as they were written (TestObjectValues).
//  5. An accepted text has the value that encoding/json reads. An object that
//     encoding/json accepts is refused only because of 1, 2 or 3 (FuzzObject).
//  6. [Pick] accepts what [Object] accepts, with the same values (FuzzPick), and
//     builds no value that was not requested (TestPickBuildsNothing).
//  7. [Document] accepts what [Object] accepts, with the same values. In addition,
//     it accepts a repeated name in a nested object, which becomes [Ambiguous]
//     (TestDocument, FuzzDocument).
package strictjson
