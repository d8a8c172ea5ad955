//go:build deploy

package deploy

import (
	"cmp"
	"net/netip"
	"slices"
)

// place is one end of a connection: a pod of the namespace by its labels, a pod of another
// one, or an address.
type place struct {
	name      string
	labels    object
	namespace string     // "" is that of jwtgate
	address   netip.Addr // outside the cluster
}

// connection is a connection that a NetworkPolicy allows or not.
type connection struct {
	from, to place
	port     int
	protocol string // TCP unless it says otherwise
	allowed  bool
}

// The pods of the manifests, and others. TestKustomize compares their labels with the
// manifests.
func gatePod() place {
	return place{name: "jwtgate", labels: object{"app.kubernetes.io/name": "jwtgate", "app.kubernetes.io/component": "gate"}}
}

func envoyPod() place {
	return place{name: "Envoy",
		labels: object{"app.kubernetes.io/name": "jwtgate", "app.kubernetes.io/component": "envoy", "jwtgate-client": "true"}}
}

func protectedPod() place {
	return place{name: "the application", labels: object{"app": "yours", "jwtgate-protected": "true"}}
}

func sidecarPod() place {
	return place{name: "the application with its sidecars", labels: object{"app.kubernetes.io/name": "application"}}
}

func otherPod() place { return place{name: "another pod", labels: object{"app": "other"}} }

func dnsPod() place {
	return place{name: "DNS", labels: object{"k8s-app": "kube-dns"}, namespace: "kube-system"}
}

func outside(address string) place {
	return place{name: address, address: netip.MustParseAddr(address)}
}

// gatewayConnections are the connections of a namespace with a gateway Envoy.
func gatewayConnections() []connection {
	all := []connection{
		{from: outside("203.0.113.7"), to: envoyPod(), port: 8080, allowed: true},
		{from: otherPod(), to: envoyPod(), port: 8080, allowed: true},
		{from: otherPod(), to: envoyPod(), port: 9901},
		{from: envoyPod(), to: protectedPod(), port: 9090, allowed: true},
		{from: otherPod(), to: protectedPod(), port: 9090},
		{from: gatePod(), to: protectedPod(), port: 9090},
		{from: outside("203.0.113.7"), to: protectedPod(), port: 9090},
		{from: envoyPod(), to: otherPod(), port: 9090}, // whose label was forgotten
		{from: otherPod(), to: otherPod(), port: 9090},
		{from: envoyPod(), to: outside("203.0.113.7"), port: 443},
		{from: envoyPod(), to: dnsPod(), port: 53, protocol: "UDP", allowed: true},
	}
	return append(all, gateConnections()...)
}

// sharedConnections are the connections of a namespace with a gateway Envoy whose other
// pods belong to others: they can be reached as before.
func sharedConnections() []connection {
	var all []connection
	for _, c := range gatewayConnections() {
		if c.from.name == otherPod().name && c.to.name == otherPod().name {
			c.allowed = true
		}
		all = append(all, c)
	}
	return all
}

// gateConnections are the connections of jwtgate itself.
func gateConnections() []connection {
	return []connection{
		{from: envoyPod(), to: gatePod(), port: 9001, allowed: true},
		{from: otherPod(), to: gatePod(), port: 9001},
		{from: outside("203.0.113.7"), to: gatePod(), port: 9001},
		{from: envoyPod(), to: gatePod(), port: 9002},
		{from: otherPod(), to: gatePod(), port: 9002},
		{from: gatePod(), to: outside("203.0.113.7"), port: 443, allowed: true},
		{from: gatePod(), to: outside("2001:db8::7"), port: 443, allowed: true},
		{from: gatePod(), to: outside("203.0.113.7"), port: 80},
		{from: gatePod(), to: outside("10.0.0.1"), port: 443},
		{from: gatePod(), to: outside("169.254.169.254"), port: 443},
		{from: gatePod(), to: outside("fd00::1"), port: 443},
		{from: gatePod(), to: dnsPod(), port: 53, protocol: "UDP", allowed: true},
		{from: gatePod(), to: dnsPod(), port: 53, allowed: true},
		{from: gatePod(), to: dnsPod(), port: 443},
	}
}

// sidecarConnections are the connections with Envoy and jwtgate in the application's pods.
func sidecarConnections() []connection {
	return []connection{
		{from: otherPod(), to: sidecarPod(), port: 8080, allowed: true},
		{from: outside("203.0.113.7"), to: sidecarPod(), port: 8080, allowed: true},
		{from: otherPod(), to: sidecarPod(), port: 9090},
		{from: otherPod(), to: sidecarPod(), port: 9002},
		{from: otherPod(), to: sidecarPod(), port: 9901},
		{from: otherPod(), to: otherPod(), port: 9090},
	}
}

// elsewhereConnections are the connections with a platform's Envoys.
func elsewhereConnections(theirs place) []connection {
	stranger := place{name: "a pod like it in another namespace", labels: theirs.labels, namespace: "other"}
	return append(gateConnections(),
		connection{from: theirs, to: gatePod(), port: 9001, allowed: true},
		connection{from: theirs, to: gatePod(), port: 9002},
		connection{from: theirs, to: protectedPod(), port: 9090, allowed: true},
		connection{from: stranger, to: gatePod(), port: 9001},
		connection{from: stranger, to: protectedPod(), port: 9090},
		connection{from: otherPod(), to: protectedPod(), port: 9090},
		connection{from: otherPod(), to: otherPod(), port: 9090},
	)
}

// networkRules check which connections the policies allow.
func networkRules(objects []object, connections []connection) findings {
	var found findings
	policies := ofKind(objects, "NetworkPolicy")
	for _, c := range connections {
		if c.protocol == "" {
			c.protocol = "TCP"
		}
		if got := passes(policies, c, "Egress") && passes(policies, c, "Ingress"); got != c.allowed {
			word := map[bool]string{true: "may", false: "may not"}
			found.add("NetworkPolicy: %s %s reach %s at %s %d", c.from.name, word[got], c.to.name, c.protocol, c.port)
		}
	}
	return found
}

// passes reports whether the policies of one direction allow a connection
// (networking.k8s.io/v1): a pod that no policy selects allows all; otherwise one of their
// rules has to allow it.
func passes(policies []object, c connection, direction string) bool {
	subject, peer, rules, peers := c.to, c.from, "spec.ingress", "from"
	if direction == "Egress" {
		subject, peer, rules, peers = c.from, c.to, "spec.egress", "to"
	}
	if subject.labels == nil || subject.namespace != "" {
		return true // not of this namespace, and so none of its policies' business
	}
	open := true
	for _, p := range policies {
		types, _ := p.at("spec.policyTypes").([]any)
		if !slices.Contains(types, any(direction)) || !selects(p.at("spec.podSelector"), subject.labels) {
			continue
		}
		open = false
		for _, rule := range p.list(rules) {
			if portOf(rule, c) && peerOf(rule, peers, peer) {
				return true
			}
		}
	}
	return open
}

// portOf reports whether a rule is for the connection's port. One without ports
// is for all.
func portOf(rule object, c connection) bool {
	ports := rule.list("ports")
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p object) bool {
		return p["port"] == c.port && p.text("protocol") == c.protocol
	})
}

// peerOf reports whether a rule is for a peer. One without peers is for all.
func peerOf(rule object, key string, peer place) bool {
	if rule[key] == nil {
		return true
	}
	return slices.ContainsFunc(rule.list(key), func(p object) bool {
		if block := p.within("ipBlock"); len(block) > 0 {
			return inBlock(block, peer.address)
		}
		if peer.labels == nil {
			return false
		}
		inNamespace := peer.namespace == ""
		if p["namespaceSelector"] != nil {
			inNamespace = selects(p["namespaceSelector"], namespaceLabels(peer))
		}
		return inNamespace && (p["podSelector"] == nil || selects(p["podSelector"], peer.labels))
	})
}

func namespaceLabels(p place) object {
	return object{"kubernetes.io/metadata.name": cmp.Or(p.namespace, "jwtgate")}
}

func inBlock(block object, address netip.Addr) bool {
	if !address.IsValid() || !netip.MustParsePrefix(block.text("cidr")).Contains(address) {
		return false
	}
	except, _ := block.at("except").([]any)
	return !slices.ContainsFunc(except, func(cidr any) bool {
		text, _ := cidr.(string)
		return netip.MustParsePrefix(text).Contains(address)
	})
}
