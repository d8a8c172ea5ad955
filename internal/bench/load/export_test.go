package load

// Sent returns how many calls were begun.
func (r *Run) Sent() uint64 { return r.numbers.Load() }
