//go:build deploy

package deploy

import (
	"os/exec"
	"strings"
	"testing"
)

// script is a shell script of a manifest: the last word of a command.
func script(t *testing.T, o object, path string) string {
	t.Helper()
	words := o.words(path)
	if len(words) != 3 || words[0] != "bash" {
		t.Fatalf("%s: %s is %q, no script of bash", o.name(), path, words)
	}
	return words[2]
}

// inPlace runs a script in a service's network, or outside.
func (l *lab) inPlace(place, text string, env ...string) (string, error) {
	cmd := exec.Command("ip", "netns", "exec", l.prefix+place, "env")
	cmd.Args = append(append(cmd.Args, env...), "bash", "-ec", text)
	return finish(cmd, "")
}

// isolationTest runs the chart's own test of isolation: it passes where only Envoy is
// reachable, and fails where the application is.
func isolationTest(t *testing.T, l *lab) {
	t.Helper()
	objects, err := rendered(root, "jwtgate", told()...)
	if err != nil {
		t.Fatal(err)
	}
	text := script(t, named(objects, "Pod", "jwtgate-test-isolation"), "spec.containers.0.command")
	application := l.places["application"]["inside"].String() + "/9090"
	env := []string{"ENVOY=" + l.places["envoy"]["edge"].String() + "/8080", "CLOSED=" + application}
	if said, err := l.inPlace(world, text, env...); err != nil || !strings.Contains(said, "nothing is reached past Envoy") {
		t.Errorf("the chart's test of isolation: %q %v", said, err)
	}
	if _, err := l.inPlace("envoy", text, env...); err == nil || !strings.Contains(err.Error(), application+" is open to every pod") {
		t.Errorf("the chart's test of isolation passes where the application is open: %v", err)
	}
	env[0] = "ENVOY=" + application
	if _, err := l.inPlace("envoy", text, env...); err == nil || !strings.Contains(err.Error(), "answers 200, not 401") {
		t.Errorf("the chart's test of isolation passes without an Envoy: %v", err)
	}
}

// drains runs the scripts of Envoy's readiness probe and preStop hook: Envoy then fails the
// probe and closes connections, and still serves.
func drains(t *testing.T, l *lab, token string) {
	t.Helper()
	objects, err := built(root, "kubernetes/overlays/gateway")
	if err != nil {
		t.Fatal(err)
	}
	container := "spec.template.spec.containers.0."
	deployment := named(objects, "Deployment", "envoy")
	ready := script(t, deployment, container+"readinessProbe.exec.command")
	end := script(t, deployment, container+"lifecycle.preStop.exec.command")
	quick := strings.Replace(end, "sleep 15", "cat <&3", 1)
	if quick == end {
		t.Fatalf("the preStop does not wait: %q", end)
	}
	if _, err := l.inPlace("envoy", ready); err != nil {
		t.Errorf("a serving Envoy is not ready: %v", err)
	}
	if said, err := l.inPlace("envoy", quick); err != nil || !strings.Contains(said, "OK") {
		t.Errorf("the preStop: %q %v", said, err)
	}
	if _, err := l.inPlace("envoy", ready); err == nil {
		t.Error("a draining Envoy is ready")
	}
	response, body := l.ask(t, "/orders", "authorization: Bearer "+token)
	if response.StatusCode != 200 || !response.Close {
		t.Errorf("a draining Envoy answers %d and closes the connection: %v; %s", response.StatusCode, response.Close, body)
	}
}
