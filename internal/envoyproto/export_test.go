package envoyproto

// Read decompresses a set of file descriptors.
var Read = read
