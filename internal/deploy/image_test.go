//go:build deploy

package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The limits of the image.
const (
	imageUser      = "65532:65532"
	imageMostBytes = 12_000_000 // compressed, all layers and what describes them
	imageVersion   = "1.2.3-image"
)

// image is the built one.
type image struct {
	folder string // its root, as a container has it
	config struct {
		User         string
		ExposedPorts map[string]any
		Env          []string
		Entrypoint   []string
		Cmd          []string
		Healthcheck  struct{ Test []string }
	}
	bytes int64 // compressed
}

// theImage builds the image once for all tests.
var theImage = sync.OnceValues(func() (*image, error) { return buildImage(root) })

// buildah runs buildah without a Docker engine, also inside another container: in a chroot,
// with its storage in a folder of the test.
func buildah(args ...string) (string, error) {
	storage := filepath.Join(workFolder, "storage")
	cmd := exec.Command("buildah",
		append([]string{"--root", storage + "/root", "--runroot", storage + "/run", "--storage-driver", "vfs"}, args...)...)
	cmd.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot")
	return finish(cmd, "")
}

// buildImage builds the unchanged Dockerfile of a tree. Its base image is not available
// everywhere, so the test makes a local one with the same name: a shell, the certificate
// authorities, and this machine's Go. --pull-never makes buildah use it.
func buildImage(tree string) (*image, error) {
	text, err := os.ReadFile(filepath.Join(tree, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	base := strings.TrimPrefix(lineWith(string(text), "ARG GO="), "ARG GO=")
	if err := makeBase(base); err != nil {
		return nil, fmt.Errorf("the base %s: %w", base, err)
	}
	var volumes []string
	for _, v := range []struct{ variable, inside string }{
		{"GOROOT", "/usr/local/go"}, {"GOMODCACHE", "/go/pkg/mod"}, {"GOCACHE", "/cache/go-build"},
	} {
		host, err := outputOf("", "go", "env", v.variable)
		if err != nil {
			return nil, err
		}
		volumes = append(volumes, "--volume", strings.TrimSpace(host)+":"+v.inside)
	}
	// Docker's format, since the OCI format has no health check.
	build := append(
		[]string{"bud", "--pull-never", "--format", "docker", "--build-arg", "VERSION=" + imageVersion, "--tag", "jwtgate"}, volumes...)
	if _, err := buildah(append(build, tree)...); err != nil {
		return nil, err
	}
	return inspect("jwtgate")
}

// makeBase makes the base image of the Dockerfile's build.
func makeBase(name string) error {
	container, err := buildah("from", "scratch")
	if err != nil {
		return err
	}
	container = strings.TrimSpace(container)
	mounted, err := buildah("mount", container)
	if err != nil {
		return err
	}
	base := strings.TrimSpace(mounted)
	for _, dir := range []string{"bin", "tmp", "usr/local/go", "go/pkg/mod", "cache/go-build", "etc/ssl/certs"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			return err
		}
	}
	for from, to := range map[string]string{"/bin/busybox": "bin/busybox",
		"/etc/ssl/certs/ca-certificates.crt": "etc/ssl/certs/ca-certificates.crt"} {
		if _, err := outputOf("", "cp", from, filepath.Join(base, to)); err != nil {
			return err
		}
	}
	if err := os.Symlink("busybox", filepath.Join(base, "bin/sh")); err != nil {
		return err
	}
	settings := []string{"config"}
	for _, v := range []string{"PATH=/usr/local/go/bin:/bin", "GOPATH=/go", "GOCACHE=/cache/go-build", "HOME=/tmp",
		"GOTOOLCHAIN=local", "GOPROXY=off", "GOFLAGS="} {
		settings = append(settings, "--env", v)
	}
	if _, err := buildah(append(settings, container)...); err != nil {
		return err
	}
	_, err = buildah("commit", "--rm", "--quiet", container, name)
	return err
}

// inspect reads the image's configuration, root and size.
func inspect(name string) (*image, error) {
	i := &image{folder: filepath.Join(workFolder, "image")}
	described, err := buildah("inspect", "--type", "image", name)
	if err != nil {
		return nil, err
	}
	var all struct {
		Docker struct {
			Config json.RawMessage `json:"config"`
		}
	}
	if err := errors.Join(json.Unmarshal([]byte(described), &all), json.Unmarshal(all.Docker.Config, &i.config)); err != nil {
		return nil, err
	}
	container, err := buildah("from", "--pull-never", name)
	if err != nil {
		return nil, err
	}
	mounted, err := buildah("mount", strings.TrimSpace(container))
	if err != nil {
		return nil, err
	}
	if _, err := outputOf("", "cp", "-a", strings.TrimSpace(mounted), i.folder); err != nil {
		return nil, err
	}
	layout := filepath.Join(workFolder, "layout")
	if _, err := buildah("push", "--quiet", name, "oci:"+layout+":jwtgate"); err != nil {
		return nil, err
	}
	err = filepath.WalkDir(filepath.Join(layout, "blobs"), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			i.bytes += info.Size()
		}
		return err
	})
	return i, err
}

// lineWith returns the first line with a prefix.
func lineWith(text, prefix string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// dockerfileRules check the Dockerfile with hadolint, and what users expect of the image.
func dockerfileRules(tree string) findings {
	var found findings
	file := filepath.Join(tree, "Dockerfile")
	if _, err := outputOf("", filepath.Join(tools, "manifests/bin/hadolint"), file); err != nil {
		found.add("Dockerfile: %v", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return append(found, err.Error())
	}
	_, final, _ := strings.Cut(string(text), "\nFROM scratch\n")
	for _, line := range []string{
		"COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt",
		"ENV JWTGATE_LISTEN=0.0.0.0:9001", "EXPOSE 9001", "USER " + imageUser,
		`ENTRYPOINT ["/jwtgate"]`, `CMD ["serve"]`,
	} {
		if !slices.Contains(strings.Split(final, "\n"), line) {
			found.add("Dockerfile: the final stage, of scratch, has no line %q", line)
		}
	}
	if !strings.Contains(final, `CMD ["/jwtgate", "healthcheck"]`) {
		found.add("Dockerfile: no health check of the final stage runs `jwtgate healthcheck`")
	}
	return found
}

// TestDockerfile: the file satisfies its rules.
func TestDockerfile(t *testing.T) {
	for _, finding := range dockerfileRules(root) {
		t.Error(finding)
	}
}

// TestImage: the image contains only the program, the certificate authorities and licences, is small,
// and its configuration runs the program.
func TestImage(t *testing.T) {
	built, err := theImage()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the image has %d bytes, compressed", built.bytes)
	if built.bytes > imageMostBytes {
		t.Errorf("the image has %d bytes, compressed; at most %d", built.bytes, imageMostBytes)
	}
	c := built.config
	if c.User != imageUser || !slices.Equal(c.Entrypoint, []string{"/jwtgate"}) || !slices.Equal(c.Cmd, []string{"serve"}) {
		t.Errorf("it runs %q %q as %q", c.Entrypoint, c.Cmd, c.User)
	}
	if !slices.Equal(c.Healthcheck.Test, []string{"CMD", "/jwtgate", "healthcheck"}) {
		t.Errorf("its health check is %q", c.Healthcheck.Test)
	}
	if _, ok := c.ExposedPorts["9001/tcp"]; !ok || !slices.Contains(c.Env, "JWTGATE_LISTEN=0.0.0.0:9001") {
		t.Errorf("it listens at %q and exposes %v", c.Env, c.ExposedPorts)
	}
	var files []string
	err = filepath.WalkDir(built.folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, strings.TrimPrefix(path, built.folder))
		}
		return err
	})
	if want := []string{"/LICENSE", "/NOTICE", "/etc/ssl/certs/ca-certificates.crt", "/jwtgate"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("got %v (%v), want %v", files, err, want)
	}
	sameBinary(t, filepath.Join(built.folder, "jwtgate"))
	// Not by `buildah run`, which on a busy machine loses the output of a short program.
	said, err := outputOf("", "chroot", "--userspec="+imageUser, built.folder, "/jwtgate", "version")
	if err != nil || !strings.Contains(said, imageVersion) {
		t.Errorf("`jwtgate version` in the image: %q, %v", said, err)
	}
}

// sameBinary builds the Dockerfile's binary on this machine: the paths of the source and of
// Go have no effect on it.
func sameBinary(t *testing.T, want string) {
	t.Helper()
	here := filepath.Join(t.TempDir(), "jwtgate")
	cmd := exec.Command("go", "build", "-C", root, "-trimpath", "-buildvcs=false", "-tags", "nodemo",
		"-ldflags", "-s -w -X main.version="+imageVersion+" -X main.commit=unknown", "-o", here, "./cmd/jwtgate")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if _, err := finish(cmd, ""); err != nil {
		t.Fatal(err)
	}
	if read(t, here) != read(t, want) {
		t.Error("the image's program differs from the same build on this machine")
	}
}
