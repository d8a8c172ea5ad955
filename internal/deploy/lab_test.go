//go:build deploy

package deploy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lab is a compose project's networks without an engine: a network namespace for each
// service, a bridge for each network, and a namespace for the outside, which can connect to
// the networks that are not internal.
type lab struct {
	project object
	prefix  string                           // of the namespaces' names
	places  map[string]map[string]netip.Addr // service -> network -> its address there
	folder  string
}

// world is the namespace of the outside.
const world = "world"

// newLab creates the networks, and removes them when the test ends.
func newLab(t *testing.T, project object) *lab {
	t.Helper()
	l := &lab{project: project, prefix: fmt.Sprintf("jwtgate-%d-", os.Getpid()),
		places: map[string]map[string]netip.Addr{world: {}}, folder: t.TempDir()}
	services, networks := project.within("services"), project.within("networks")
	for _, name := range append(keys(services), world, "switch") {
		must(t, "ip", "netns", "add", l.prefix+name)
		t.Cleanup(func() { _, _ = outputOf("", "ip", "netns", "del", l.prefix+name) })
		l.ip(t, name, "link", "set", "lo", "up")
	}
	for i, network := range keys(networks) {
		l.ip(t, "switch", "link", "add", network, "type", "bridge")
		l.ip(t, "switch", "link", "set", network, "up")
		for j, service := range keys(services) {
			if _, ok := services.within(service).within("networks")[network]; ok {
				l.plug(t, service, network, netip.AddrFrom4([4]byte{10, 77, byte(i), byte(j + 2)}))
			}
		}
		if networks.text(network+".internal") != "true" {
			l.plug(t, world, network, netip.AddrFrom4([4]byte{10, 77, byte(i), 1}))
		}
	}
	return l
}

// plug connects a namespace to a network. A network that is not internal is the default
// route, unless the namespace has one.
func (l *lab) plug(t *testing.T, name, network string, address netip.Addr) {
	t.Helper()
	if l.places[name] == nil {
		l.places[name] = map[string]netip.Addr{}
	}
	l.places[name][network] = address
	inside, outside := fmt.Sprintf("to%d", address.As4()[2]), fmt.Sprintf("p%d-%d", address.As4()[2], address.As4()[3])
	l.ip(t, "switch", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", l.prefix+name)
	l.ip(t, "switch", "link", "set", outside, "master", network, "up")
	l.ip(t, name, "address", "add", address.String()+"/24", "dev", inside)
	l.ip(t, name, "link", "set", inside, "up")
	if l.project.text("networks."+network+".internal") != "true" {
		gateway := netip.AddrFrom4([4]byte{10, 77, address.As4()[2], 1})
		if name != world {
			_, _ = outputOf("", "ip", "-n", l.prefix+name, "route", "add", "default", "via", gateway.String()) // the first one counts
		}
	}
}

func (l *lab) ip(t *testing.T, name string, args ...string) {
	t.Helper()
	must(t, "ip", append([]string{"-n", l.prefix + name}, args...)...)
}

// hosts returns the names that the engine's DNS resolves for a service: those of services
// that share a network with it. The file is written once: a program of the service that
// runs already may read it while its health check starts.
func (l *lab) hosts(t *testing.T, service string) string {
	t.Helper()
	file := filepath.Join(l.folder, service+".hosts")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	text := "127.0.0.1 localhost\n"
	for other, places := range l.places {
		for network, address := range places {
			if _, ok := l.places[service][network]; ok && other != world && other != service {
				text += fmt.Sprintf("%s %s\n", address, other)
			}
		}
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// command returns a program with a service's network, names and user, a read-only root, and
// no new privileges. The root is that of an image; without one the program is this
// machine's.
func (l *lab) command(t *testing.T, service, folder string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	s := l.project.within("services").within(service)
	user := s.text("user")
	if user == "" {
		user = imageUser
	}
	// The source may be below /tmp itself: it is mounted again, read-only.
	script := `set -e; mount --bind "$1" /etc/hosts; mount --bind "$3" /mnt; mount -t tmpfs none /tmp
		mkdir -p "$3"; mount --bind /mnt "$3"; mount -o remount,bind,ro "$3"; umount /mnt; mount -o remount,bind,ro /; shift 4
		exec setpriv --no-new-privs --reuid "${0%:*}" --regid "${0#*:}" --clear-groups --inh-caps=-all --bounding-set=-all "$@"`
	if folder != "" {
		script = `set -e; mount --bind "$2" "$2"; mount --bind "$1" "$2/etc/hosts"; mount -t proc none "$2/proc"; mount -o ` +
			`remount,bind,ro "$2"; root="$2"; shift 4
			exec setpriv --no-new-privs chroot --userspec="$0" --groups= "$root" "$@"`
	}
	source, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	call := append([]string{"netns", "exec", l.prefix + service, "sh", "-c", script, user, l.hosts(t, service), folder, source, "--"}, args...)
	cmd := exec.Command("ip", call...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/tmp"}, env...)
	return cmd
}

// reach makes a TCP connection from a namespace to an address, and returns its error.
func (l *lab) reach(from, address string) error {
	connection, err := l.dial(from, address)
	if err == nil {
		err = connection.Close()
	}
	return err
}

// dial connects from a namespace. A socket belongs to the network namespace of the thread
// that makes it; the thread ends with its goroutine.
func (l *lab) dial(from, address string) (net.Conn, error) {
	type dialled struct {
		connection net.Conn
		err        error
	}
	done := make(chan dialled)
	go func() {
		runtime.LockOSThread()
		connection, err := l.dialHere(from, address)
		done <- dialled{connection, err}
	}()
	d := <-done
	return d.connection, d.err
}

func (l *lab) dialHere(from, address string) (net.Conn, error) {
	namespace, err := os.Open("/run/netns/" + l.prefix + from)
	if err != nil {
		return nil, err
	}
	defer namespace.Close()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter %s: %w", from, err)
	}
	return net.DialTimeout("tcp", address, time.Second)
}

// unreachable reports whether a dial failed because there is no route, and not because
// nothing listens.
func unreachable(err error) bool {
	timeout := net.Error(nil)
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) || errors.As(err, &timeout) && timeout.Timeout()
}

// keys returns the keys of a mapping, sorted.
func keys(o object) []string {
	var all []string
	for key := range o {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// onHost maps the paths of a service's mounts to those of this machine.
func onHost(s object, args []string) []string {
	moved := slices.Clone(args)
	for _, v := range s.list("volumes") {
		for i, arg := range moved {
			moved[i] = strings.ReplaceAll(arg, v.text("target"), v.text("source"))
		}
	}
	return moved
}
