//go:build deploy

package deploy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// helmEnvoy is a running Envoy with the file that the chart makes.
type helmEnvoy struct {
	process      *testutil.Process
	edge, stats  string // host:port
	certificates string // the folder of the Secret
	authority    *testutil.Authority
}

// put writes a certificate into the Secret's folder as the kubelet does: a link to a
// folder is replaced at once.
func (e *helmEnvoy) put(t *testing.T, name string) {
	t.Helper()
	pair := e.authority.Sign(t, &x509.Certificate{DNSNames: []string{name, "edge.example"}})
	certificate, key := testutil.CertificatePEM(t, pair)
	folder := filepath.Join(e.certificates, ".."+name)
	for file, text := range map[string]string{"tls.crt": certificate, "tls.key": key} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("..data/"+file, filepath.Join(e.certificates, file)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	next := filepath.Join(e.certificates, "..next")
	if err := os.Symlink(".."+name, next); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(e.certificates, "..data")); err != nil {
		t.Fatal(err)
	}
}

// get asks the edge, and returns the body and the first name of its certificate.
func (e *helmEnvoy) get(host, path string) (body, certificate string, err error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: e.authority.Pool(), ServerName: "edge.example"},
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequest(http.MethodGet, "https://"+e.edge+path, nil)
	if err != nil {
		return "", "", err
	}
	request.Host = host
	response, err := client.Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return fmt.Sprintf("%d %s", response.StatusCode, text), response.TLS.PeerCertificates[0].DNSNames[0], err
}

// startNamed starts an application that answers with its name.
func startNamed(t *testing.T, name string) (port string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s got %s from %s", name, r.URL.Path, r.Header.Get("x-forwarded-proto"))
	}))
	t.Cleanup(server.Close)
	_, port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return port
}

// startHelmEnvoy runs the chart's Envoy, with other addresses, in front of jwtgate.
func startHelmEnvoy(t *testing.T, values ...string) *helmEnvoy {
	t.Helper()
	e := &helmEnvoy{edge: freeAddress(t), stats: freeAddress(t), certificates: t.TempDir(), authority: testutil.NewAuthority(t)}
	gate, admin := freeAddress(t), freeAddress(t)
	config := testutil.File(t, "jwtgate.yaml", "routes: [{match: /**, access: public}]\ndefault: deny\n")
	programs.StartGate(t, jwtgateBinary, config, gate, freeAddress(t))
	objects, err := rendered(root, "jwtgate", append(told(), values...)...)
	if err != nil {
		t.Fatal(err)
	}
	data := named(objects, "ConfigMap", hashed(objects)).within("data")
	place := func(address string) string {
		host, port, _ := net.SplitHostPort(address)
		return "address: " + host + ", port_value: " + port
	}
	secrets := testutil.File(t, "tls.yaml", strings.ReplaceAll(data.raw("tls.yaml"), "/etc/envoy-tls", e.certificates))
	file := strings.NewReplacer(
		"address: 0.0.0.0, port_value: 8080", place(e.edge), "address: 0.0.0.0, port_value: 9902", place(e.stats),
		"address: 127.0.0.1, port_value: 9901", place(admin), "address: jwtgate, port_value: 9001", place(gate),
		"/etc/envoy/tls.yaml", secrets,
	).Replace(data.raw("envoy.yaml"))
	e.put(t, "first.example")
	e.process = programs.StartEnvoy(t, envoyBinary, []byte(file), admin, containerArgs(objects)...)
	return e
}

// TestHelmEnvoyRuns: a real Envoy with the chart's file has TLS with a certificate that is
// renewed without a restart, sends each request to its application, and shows its metrics
// and nothing else of its admin port.
func TestHelmEnvoyRuns(t *testing.T) {
	applications := fmt.Sprintf(`applications=[{"name": "shop", "host": "127.0.0.1", "port": %s, "prefix": "/shop"},`+
		`{"name": "admin", "host": "127.0.0.1", "port": %s, "prefix": "/", "hosts": ["admin.example"]}]`,
		startNamed(t, "shop"), startNamed(t, "admin"))
	e := startHelmEnvoy(t, "--set", "application.host=127.0.0.1,application.port="+startNamed(t, "rest"),
		"--set-json", applications, "--set", "envoy.metrics.enabled=true,envoy.tls.secretName=edge")
	e.process.Eventually(t, 10*time.Second, "the edge answers", func() error {
		body, _, err := e.get("edge.example", "/")
		if err == nil && body != "200 rest got / from https" {
			err = fmt.Errorf("got %q", body)
		}
		return err
	})
	for _, row := range []struct{ host, path, want string }{
		{"edge.example", "/shop", "200 shop got /shop from https"},
		{"edge.example", "/shop/cart", "200 shop got /shop/cart from https"},
		{"edge.example", "/shopping", "200 rest got /shopping from https"},
		{"edge.example", "/a/../shop/cart", "200 shop got /shop/cart from https"},
		{"admin.example", "/", "200 admin got / from https"},
		{"ADMIN.example:8443", "/users", "200 admin got /users from https"},
		{"admin.example", "/shop", "200 shop got /shop from https"},
		{"admin.example.org", "/", "200 rest got / from https"},
		{"adminxexample", "/", "200 rest got / from https"},
	} {
		if body, _, err := e.get(row.host, row.path); err != nil || body != row.want {
			t.Errorf("%s%s: %q, %v; expected %q", row.host, row.path, body, err, row.want)
		}
	}
	e.put(t, "second.example")
	e.process.Eventually(t, 10*time.Second, "the renewed certificate is in use", func() error {
		_, certificate, err := e.get("edge.example", "/")
		if err == nil && certificate != "second.example" {
			err = fmt.Errorf("got %s", certificate)
		}
		return err
	})
	for _, row := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/stats/prometheus", http.StatusOK}, {http.MethodPost, "/stats/prometheus", http.StatusNotFound},
		{http.MethodGet, "/stats", http.StatusNotFound}, {http.MethodGet, "/config_dump", http.StatusNotFound},
		{http.MethodPost, "/quitquitquit", http.StatusNotFound},
		{http.MethodGet, "/stats/prometheus/../../config_dump", http.StatusNotFound},
	} {
		request, err := http.NewRequest(row.method, "http://"+e.stats+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != row.want {
			t.Errorf("%s %s on the port of the metrics: %d; expected %d", row.method, row.path, response.StatusCode, row.want)
		}
	}
}
