package token

// ParseObject lets the tests at the strict JSON reader itself.
func ParseObject(data string) (map[string]any, error) { return parseObject(data) }

// Skim lets the tests at what is read of a token before its signature held.
func Skim(data string, wanted ...string) (map[string]any, error) { return skim(data, wanted...) }
