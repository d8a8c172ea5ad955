package envoylint

// WayNames returns the rules that the platforms' ways name.
func WayNames() []string {
	var names []string
	for name := range gatewayWays() {
		names = append(names, name)
	}
	for name := range istioWays() {
		names = append(names, name)
	}
	return names
}
