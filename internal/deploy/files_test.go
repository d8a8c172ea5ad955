//go:build deploy

package deploy

import (
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The versions of Kubernetes for the manifests: the oldest supported one, and the newest of
// the pinned schemas.
const (
	oldestKubernetes = "1.30"
	newestKubernetes = "1.37"
)

// schemaRules check manifests with Kubernetes' own schemas; an unknown field is a mistake.
// customRules check objects of other groups.
func schemaRules(objects []object) findings {
	var found findings
	var manifests string
	for _, o := range objects {
		if !isCustom(o) {
			text, err := yaml.Marshal(o)
			if err != nil {
				return findings{err.Error()}
			}
			manifests += "---\n" + string(text)
		}
	}
	for _, version := range []string{oldestKubernetes, newestKubernetes} {
		_, err := outputOf(manifests, filepath.Join(tools, "manifests/bin/python"), "-m", "kubernetes_validate", "--strict",
			"--quiet", "-k", version, "/dev/stdin")
		if err != nil {
			found.add("Kubernetes %s: %v", version, err)
		}
	}
	return found
}

// configRules check every configuration in the ConfigMaps with the program that reads it.
func configRules(objects []object) findings {
	var found findings
	for _, m := range ofKind(objects, "ConfigMap") {
		data := m.within("data")
		for name := range data {
			switch name {
			case "jwtgate.yaml":
				found = append(found, gateConfig(m.name(), data.raw(name))...)
			case "envoy.yaml":
				found = append(found, envoyConfig(m.name(), data.raw(name))...)
			}
		}
	}
	return found
}

// gateConfig runs `jwtgate check`.
func gateConfig(name, text string) findings {
	return runOn(name, text, "jwtgate.yaml", jwtgateBinary, "check", "--config")
}

// envoyJudges are the commands that check every Envoy file in deploy/; the file's path is
// the last argument.
func envoyJudges() [][]string {
	return [][]string{
		{envoyBinary, "--mode", "validate", "--log-level", "warning", "--config-path"},
		{jwtgateBinary, "lint-envoy", "--config", filepath.Join(root, "deploy/kubernetes/config/jwtgate.yaml")},
	}
}

// envoyConfig runs all of them.
func envoyConfig(name, text string) findings {
	var found findings
	for _, command := range envoyJudges() {
		found = append(found, runOn(name, text, "envoy.yaml", command[0], command[1:]...)...)
	}
	return found
}

// runOn runs a program with a text in a file.
func runOn(name, text, file, program string, args ...string) findings {
	dir, err := os.MkdirTemp("", "jwtgate-asked-")
	if err != nil {
		return findings{err.Error()}
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, file)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return findings{err.Error()}
	}
	if _, err := outputOf("", program, append(args, path)...); err != nil {
		return findings{name + ": " + strings.ReplaceAll(err.Error(), path, file)}
	}
	return nil
}
