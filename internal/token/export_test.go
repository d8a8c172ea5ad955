package token

// ParseObject lets the tests at the strict JSON reader itself.
func ParseObject(data string) (map[string]any, error) { return parseObject(data) }
