//go:build deploy

package deploy

import (
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

// What reads the manifests: the oldest Kubernetes that they are for, and the
// newest that the pinned schemas know.
const (
	oldestKubernetes = "1.30"
	newestKubernetes = "1.37"
)

// schemaRules hold manifests to Kubernetes' own schemas; an unknown field is a
// mistake. Of other groups' objects customRules know.
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

// configRules hold every configuration in the ConfigMaps to the program that
// reads it.
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

// gateConfig asks `jwtgate check`.
func gateConfig(name, text string) findings {
	return asked(name, text, "jwtgate.yaml", jwtgateBinary, "check", "--config")
}

// envoyJudges are who is asked about every Envoy file in deploy/, each by a
// command that the file's path ends. A further one is a further line.
func envoyJudges() [][]string {
	return [][]string{
		{envoyBinary, "--mode", "validate", "--log-level", "warning", "--config-path"},
		{jwtgateBinary, "lint-envoy", "--config", filepath.Join(root, "deploy/kubernetes/config/jwtgate.yaml")},
	}
}

// envoyConfig asks them all.
func envoyConfig(name, text string) findings {
	var found findings
	for _, command := range envoyJudges() {
		found = append(found, asked(name, text, "envoy.yaml", command[0], command[1:]...)...)
	}
	return found
}

// asked runs a program over a text that it wants in a file.
func asked(name, text, file, program string, args ...string) findings {
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
