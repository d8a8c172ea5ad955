//go:build deploy

package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

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

// configRules check every configuration in the ConfigMaps with the program that reads it,
// with the other files that it finds where it runs.
func configRules(objects []object) findings {
	var found findings
	lists := "" // of revoked tokens
	for _, m := range ofKind(objects, "ConfigMap") {
		lists += m.within("data").raw("revoked.jsonl")
	}
	for _, m := range ofKind(objects, "ConfigMap") {
		data := m.within("data")
		for name := range data {
			switch name {
			case "jwtgate.yaml", "candidate.yaml":
				found = append(found, gateConfig(m.name(), name, data.raw(name), lists)...)
			case "envoy.yaml":
				found = append(found, envoyConfig(m.name(), data.raw(name), data.raw("tls.yaml"), objects)...)
			}
		}
	}
	return found
}

// gateConfig runs `jwtgate check`.
func gateConfig(mapName, name, text, revoked string) findings {
	certificate, key, err := selfSigned()
	if err != nil {
		return findings{err.Error()}
	}
	files := map[string]string{
		name: text, "/etc/jwtgate-revoked/revoked.jsonl": revoked,
		"/etc/jwtgate-tls/tls.crt": certificate, "/etc/jwtgate-tls/tls.key": key, "/etc/jwtgate-tls/ca.crt": certificate,
	}
	return runOn(mapName, name, files, jwtgateBinary, "check", "--config")
}

// envoyJudges are the commands that check every Envoy file in deploy/; the file's path is
// the last argument.
func envoyJudges() [][]string {
	return [][]string{
		{envoyBinary, "--mode", "validate", "--log-level", "warning", "--config-path"},
		{jwtgateBinary, "lint-envoy", "--config", filepath.Join(root, "deploy/kubernetes/config/jwtgate.yaml")},
	}
}

// envoyConfig runs all of them, Envoy with the arguments of its container.
func envoyConfig(mapName, text, secrets string, objects []object) findings {
	var found findings
	files := map[string]string{"envoy.yaml": text, "/etc/envoy/tls.yaml": secrets}
	for _, command := range envoyJudges() {
		args := command[1:]
		if command[0] == envoyBinary {
			args = append(containerArgs(objects), args...)
		}
		found = append(found, runOn(mapName, "envoy.yaml", files, command[0], args...)...)
	}
	return found
}

// containerArgs returns the arguments that Envoy's container adds to
// `envoy -c /etc/envoy/envoy.yaml --concurrency N --log-level L`.
func containerArgs(objects []object) []string {
	const usual = 7
	for _, d := range ofKind(objects, "Deployment") {
		for _, c := range d.list("spec.template.spec.containers") {
			command, _ := c.at("command").([]any)
			if c.text("name") != "envoy" || len(command) < usual {
				continue
			}
			var args []string
			for _, arg := range command[usual:] {
				args = append(args, fmt.Sprint(arg))
			}
			return args
		}
	}
	return nil
}

// runOn runs a program with one of these files. The others have the paths that they have in
// a container.
func runOn(name, file string, files map[string]string, program string, args ...string) findings {
	dir, err := os.MkdirTemp("", "jwtgate-asked-")
	if err != nil {
		return findings{err.Error()}
	}
	defer os.RemoveAll(dir)
	var moved []string // pairs, for a strings.Replacer
	for path := range files {
		if filepath.IsAbs(path) {
			moved = append(moved, path, filepath.Join(dir, path))
		}
	}
	for path, text := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return findings{err.Error()}
		}
		if err := os.WriteFile(path, []byte(strings.NewReplacer(moved...).Replace(text)), 0o600); err != nil {
			return findings{err.Error()}
		}
	}
	if _, err := outputOf("", program, append(args, filepath.Join(dir, file))...); err != nil {
		return findings{name + ": " + strings.ReplaceAll(err.Error(), dir+"/", "")}
	}
	return nil
}

// selfSigned returns a certificate and its key in PEM.
func selfSigned() (certificate, key string, err error) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"envoy"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	if err != nil {
		return "", "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	block := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", private), err
}
