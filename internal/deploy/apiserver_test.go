//go:build deploy && kubernetes

package deploy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// apiServer is a real Kubernetes API server with its etcd. It has no controllers, no
// kubelet and no network: it accepts or refuses objects.
type apiServer struct {
	url, kubeconfig string
	client          *http.Client
}

const apiToken = "token-of-a-test"

// startAPIServer runs etcd and kube-apiserver until the test ends.
func startAPIServer(t *testing.T) *apiServer {
	t.Helper()
	dir, bin := t.TempDir(), filepath.Join(root, ".tools/kubeapi/bin")
	clients, peers := "http://"+freeAddress(t), "http://"+freeAddress(t)
	programs.Start(t, "etcd", exec.Command(filepath.Join(bin, "etcd"), "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--log-level", "error", "--listen-client-urls", clients, "--advertise-client-urls", clients, "--listen-peer-urls", peers,
		"--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers))
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(pair)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := file("sa.key", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	s := &apiServer{url: "https://" + address, client: &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}}
	server := programs.Start(t, "kube-apiserver", exec.Command(filepath.Join(bin, "kube-apiserver"), "--etcd-servers", clients,
		"--bind-address", "127.0.0.1", "--secure-port", port, "--cert-dir", filepath.Join(dir, "certificates"),
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", key,
		"--service-account-signing-key-file", key, "--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "RBAC",
		"--token-auth-file", file("tokens.csv", apiToken+",admin,admin,system:masters\n"), "-v", "0"))
	server.Eventually(t, time.Minute, "the API server is ready", func() error {
		status, body, err := s.ask(http.MethodGet, "/readyz", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d: %s", status, body)
		}
		return err
	})
	s.kubeconfig = file("kubeconfig", fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: a, user: {token: %s}}]
contexts: [{name: a, context: {cluster: a, user: a}}]
current-context: a
`, s.url, apiToken))
	return s
}

// ask sends a request, with a body for server-side apply.
func (s *apiServer) ask(method, path string, body []byte) (int, string, error) {
	request, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+apiToken)
	if body != nil {
		request.Header.Set("Content-Type", "application/apply-patch+yaml")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// apply applies an object on the server, where an unknown field is an error.
func (s *apiServer) apply(o object, namespace string) error {
	version := o.text("apiVersion")
	base := "/apis/" + version
	if !strings.Contains(version, "/") {
		base = "/api/" + version
	}
	_, body, err := s.ask(http.MethodGet, base, nil)
	if err != nil {
		return err
	}
	var list struct {
		Resources []struct {
			Name, Kind string
			Namespaced bool
		}
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		return fmt.Errorf("%s: %w", base, err)
	}
	for _, r := range list.Resources {
		if r.Kind != o.text("kind") || strings.Contains(r.Name, "/") {
			continue
		}
		path := base
		if r.Namespaced {
			if own := o.text("metadata.namespace"); own != "" {
				namespace = own
			}
			path += "/namespaces/" + namespace
		}
		text, err := yaml.Marshal(o)
		if err != nil {
			return err
		}
		status, body, err := s.ask(http.MethodPatch,
			path+"/"+r.Name+"/"+o.text("metadata.name")+"?fieldManager=test&force=true&fieldValidation=Strict", text)
		if err == nil && status >= http.StatusBadRequest {
			err = fmt.Errorf("%s: %d: %s", o.name(), status, body)
		}
		return err
	}
	return fmt.Errorf("%s: %s has no such kind", o.name(), version)
}

// applyAll applies objects, namespaces and accounts first, and each pod template as a Pod,
// so that the admission of Pod Security sees it. A controller, which is not here, would
// make the account "default" of each namespace.
func (s *apiServer) applyAll(t *testing.T, objects []object, namespace string) {
	t.Helper()
	for _, n := range ofKind(objects, "Namespace") {
		namespace = n.text("metadata.name")
		account := object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": "default"}}
		for _, o := range []object{n, account} {
			if err := s.apply(o, namespace); err != nil {
				t.Error(err)
			}
		}
	}
	for _, accounts := range []bool{true, false} {
		for _, o := range objects {
			if kind := o.text("kind"); kind == "Namespace" || (kind == "ServiceAccount") != accounts {
				continue
			}
			if err := s.apply(o, namespace); err != nil {
				t.Error(err)
			}
		}
	}
	for _, d := range ofKind(objects, "Deployment") {
		pod := object{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "of-" + d.text("metadata.name")},
			"spec": d.at("spec.template.spec")}
		if err := s.apply(pod, namespace); err != nil {
			t.Errorf("a pod of %v", err)
		}
	}
}

// namespaceOf is a namespace that enforces the restricted Pod Security Standard.
func namespaceOf(name string) object {
	return object{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
		"name": name, "labels": map[string]any{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
}

// TestAPIServer: a real API server accepts every object of deploy/, with the rules in CEL of
// the custom resources and with Pod Security, and helm installs, upgrades and rolls back the
// chart.
func TestAPIServer(t *testing.T) {
	s := startAPIServer(t)
	files, err := filepath.Glob(filepath.Join(root, ".tools/crds/*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	var definitions []object
	for _, file := range files {
		all, err := documents(read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		definitions = append(definitions, ofKind(all, "CustomResourceDefinition")...)
	}
	for _, d := range definitions {
		if err := s.apply(d, ""); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a pod that may not be", func(t *testing.T) {
		s.applyAll(t, []object{namespaceOf("refused")}, "")
		err := s.apply(object{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "lax"}, "spec": map[string]any{
			"containers": []any{map[string]any{"name": "a", "image": "a:1"}}, "automountServiceAccountToken": false}}, "refused")
		if err == nil || !strings.Contains(err.Error(), "PodSecurity") {
			t.Errorf("got %v; expected a refusal by PodSecurity", err)
		}
	})
	for _, folder := range []string{"kubernetes/overlays/gateway", "kubernetes/overlays/sidecar", "envoy-gateway", "istio"} {
		t.Run(folder, func(t *testing.T) {
			objects, err := built(root, folder)
			if err != nil {
				t.Fatal(err)
			}
			s.applyAll(t, objects, "default")
		})
	}
	for _, release := range fullReleases() {
		t.Run(release.values, func(t *testing.T) {
			objects, err := release.render(root)
			if err != nil {
				t.Fatal(err)
			}
			name := "chart-" + strings.TrimSuffix(release.values, ".yaml")
			s.applyAll(t, append(objects, namespaceOf(name)), name)
		})
	}
	t.Run("helm", func(t *testing.T) {
		s.applyAll(t, []object{namespaceOf("shop")}, "")
		helm := func(args ...string) {
			t.Helper()
			must(t, gotool("helm"), append(args, "--kubeconfig", s.kubeconfig, "--namespace", "shop")...)
		}
		chart := filepath.Join(root, "deploy/helm/jwtgate")
		helm(append([]string{"install", "jwtgate", chart}, told()...)...)
		helm("upgrade", "jwtgate", chart, "-f", "testdata/values.yaml")
		helm("rollback", "jwtgate", "1")
		helm("uninstall", "jwtgate")
	})
}
