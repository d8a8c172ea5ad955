package route

// Segments shows how a path was taken apart, which is nobody's business but the
// patterns' and the tests'.
func Segments(p Path) []string { return p.segments }
