package audit

// Repacked is a record that was packed and unpacked.
func Repacked(r Record) Record { return unpack(r.pack(nil)) }
