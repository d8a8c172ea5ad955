package extauthz

import "github.com/jwtgate/jwtgate/internal/gate"

// appendAllowed appends the CheckResponse of an allowed decision, and tells where
// the parts of it stand that the next one may have in common. False: it cannot be
// sent.
func appendAllowed(to []byte, d *gate.Decision) ([]byte, gate.Layout, bool) {
	w := writer{bytes: to}
	begin := len(to)
	var layout gate.Layout
	w.begin(statusField, 0) // google.rpc.Status, whose zero code is OK
	size := 0
	for _, h := range d.Set {
		size += sized(optionSize(h))
	}
	for _, h := range d.AddToResponse {
		size += sized(addedSize(h))
	}
	for _, names := range [...][]string{d.Remove, d.RemoveParameters} {
		for _, name := range names {
			size += sized(len(name))
		}
	}
	w.begin(okResponseField, size)
	for _, h := range d.Set {
		w.option(h)
	}
	layout.RemoveBegin = len(w.bytes) - begin
	for _, name := range d.Remove {
		w.text(headersToRemoveField, name)
	}
	layout.RemoveEnd = len(w.bytes) - begin
	for _, h := range d.AddToResponse {
		w.added(h)
	}
	// Envoy takes these out by the bytes of their names.
	for _, name := range d.RemoveParameters {
		w.text(queryParametersToRemoveField, name)
	}
	var id [64]byte
	layout.ID = w.metadata(d, string(d.ID.Append(id[:0]))) - begin
	return w.bytes, layout, !w.invalid
}
