//go:build deploy

package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// findings collects violations of rules.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// want adds a finding unless an object has this value at a path.
func (f *findings) want(name string, o object, path, value string) {
	if got := o.text(path); got != value {
		f.add("%s: %s is %q, not %q", name, path, got, value)
	}
}

// podOf returns the pod of a workload; false for other objects.
func podOf(o object) (object, bool) {
	switch o.text("kind") {
	case "Pod":
		return o, true
	case "Deployment", "StatefulSet", "DaemonSet", "Job":
		return o.within("spec.template"), true
	default:
		return nil, false
	}
}

// podRules check every pod for the restricted Pod Security Standard, and for what it does
// not require: a read-only root, no token of the cluster, a memory limit, mounts that
// follow changes of files, and a group that can read files of mounted Secrets.
func podRules(objects []object) findings {
	var found findings
	for _, workload := range objects {
		pod, ok := podOf(workload)
		if !ok {
			continue
		}
		name := workload.name()
		found.want(name, pod, "spec.securityContext.runAsNonRoot", "true")
		found.want(name, pod, "spec.securityContext.seccompProfile.type", "RuntimeDefault")
		found.want(name, pod, "spec.automountServiceAccountToken", "false")
		found.want(name, pod, "spec.enableServiceLinks", "false")
		// The kubelet gives the files of a volume to this group; their owner is root.
		found.want(name, pod, "spec.securityContext.fsGroup", "65532")
		found.want(name, pod, "spec.securityContext.runAsGroup", "65532")
		for _, key := range []string{"hostNetwork", "hostPID", "hostIPC"} {
			found.want(name, pod, "spec."+key, "")
		}
		found = append(found, volumeRules(name, pod)...)
		for _, volume := range pod.list("spec.volumes") {
			if volume["hostPath"] != nil {
				found.add("%s: volume %s is a folder of the node", name, volume.text("name"))
			}
		}
		for _, container := range append(pod.list("spec.initContainers"), pod.list("spec.containers")...) {
			found = append(found, containerRules(name, container)...)
		}
	}
	return found
}

// volumeRules check that each mount has its volume, and that no two volumes or mounts have
// one name or path.
func volumeRules(name string, pod object) findings {
	var found findings
	volumes := map[string]bool{}
	for _, v := range pod.list("spec.volumes") {
		if volumes[v.text("name")] {
			found.add("%s: two volumes have the name %s", name, v.text("name"))
		}
		volumes[v.text("name")] = true
	}
	for _, c := range append(pod.list("spec.initContainers"), pod.list("spec.containers")...) {
		paths := map[string]bool{}
		for _, m := range c.list("volumeMounts") {
			if !volumes[m.text("name")] {
				found.add("%s: no volume has the name %s, which is mounted at %s", name, m.text("name"), m.text("mountPath"))
			}
			if paths[m.text("mountPath")] {
				found.add("%s: two mounts have the path %s", name, m.text("mountPath"))
			}
			paths[m.text("mountPath")] = true
		}
		variables := map[string]bool{}
		for _, v := range c.list("env") {
			if variables[v.text("name")] {
				found.add("%s: the variable %s is set twice", name, v.text("name"))
			}
			variables[v.text("name")] = true
		}
	}
	return found
}

func containerRules(pod string, c object) findings {
	var found findings
	name := pod + " container " + c.text("name")
	found.want(name, c, "securityContext.allowPrivilegeEscalation", "false")
	found.want(name, c, "securityContext.readOnlyRootFilesystem", "true")
	found.want(name, c, "securityContext.capabilities.drop", "[ALL]")
	found.want(name, c, "securityContext.capabilities.add", "")
	found.want(name, c, "securityContext.privileged", "")
	for _, key := range []string{"resources.requests.cpu", "resources.requests.memory", "resources.limits.memory"} {
		if c.text(key) == "" {
			found.add("%s: no %s", name, key)
		}
	}
	if image := c.text("image"); !strings.Contains(image[strings.LastIndex(image, "/")+1:], ":") || strings.HasSuffix(image, ":latest") {
		found.add("%s: image %q names no version", name, image)
	}
	for _, mount := range c.list("volumeMounts") {
		if mount["subPath"] != nil {
			found.add("%s: %s is mounted by subPath, and would never change", name, mount.text("mountPath"))
		}
	}
	return found
}

// serving is the longest time of jwtgate's shutdown after drain_delay: 10 s for Envoy's
// calls and 2 s for the log (stopTimeout and flushTimeout of cmd/jwtgate).
const serving = 12 * time.Second

// gateRules check what the server needs in each pod with jwtgate.
func gateRules(objects []object) findings {
	var found findings
	seen := 0
	for _, workload := range ofKind(objects, "Deployment") {
		pod, _ := podOf(workload)
		for _, c := range append(pod.list("spec.initContainers"), pod.list("spec.containers")...) {
			if c.text("name") != "jwtgate" {
				continue
			}
			seen++
			found = append(found, gateContainer(workload.name(), pod, c, objects)...)
		}
	}
	if seen != 1 {
		found.add("%d containers are jwtgate, not one", seen)
	}
	return found
}

func gateContainer(name string, pod, c object, objects []object) findings {
	var found findings
	if !strings.HasPrefix(c.text("args"), "[serve") {
		found.add("%s: args is %q; expected serve first", name, c.text("args"))
	}
	found.want(name, c, "livenessProbe.httpGet.path", "/livez")
	found.want(name, c, "livenessProbe.httpGet.port", "admin")
	found.want(name, c, "readinessProbe.httpGet.path", "/readyz")
	found.want(name, c, "readinessProbe.httpGet.port", "admin")
	found.want(name, c, "resources.limits.memory", "128Mi")
	found.want(name, c, "resources.limits.cpu", "")
	env := map[string]string{}
	for _, v := range c.list("env") {
		env[v.text("name")] = v.text("value")
	}
	if env["JWTGATE_ADMIN_LISTEN"] != ":9002" || port(c, "admin") != "9002" {
		found.add("%s: the probes' port is not where the admin server listens: %q", name, env["JWTGATE_ADMIN_LISTEN"])
	}
	socket, isSocket := strings.CutPrefix(env["JWTGATE_LISTEN"], "unix:")
	switch {
	case isSocket && mountAt(c, filepath.Dir(socket)) == "":
		found.add("%s: there is no mount for the socket", name)
	case !isSocket && (env["JWTGATE_LISTEN"] != ":9001" || port(c, "grpc") != "9001"):
		found.add("%s: jwtgate does not listen on its port: %q", name, env["JWTGATE_LISTEN"])
	}
	mounted := mountAt(c, filepath.Dir(env["JWTGATE_CONFIG"]))
	i := slices.IndexFunc(pod.list("spec.volumes"), func(v object) bool { return v.text("name") == mounted })
	if mounted == "" || i < 0 {
		found.add("%s: the folder of JWTGATE_CONFIG is not a mount", name)
		return found
	}
	source := pod.list("spec.volumes")[i].within("configMap")
	if source["items"] != nil {
		found.add("%s: the configuration's volume lists items", name)
	}
	text := named(objects, "ConfigMap", source.text("name")).within("data").raw(filepath.Base(env["JWTGATE_CONFIG"]))
	return append(found, gracePeriod(name, pod, c, text)...)
}

// gracePeriod compares a pod's termination grace period with the configuration's shutdown
// time.
func gracePeriod(name string, pod, c object, text string) findings {
	var found findings
	dir, err := os.MkdirTemp("", "jwtgate-config-")
	if err != nil {
		return findings{err.Error()}
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "jwtgate.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return findings{err.Error()}
	}
	cfg, err := config.Load(file, func(string) (string, bool) { return "", false })
	if err != nil {
		return findings{fmt.Sprintf("%s: its configuration: %v", name, err)}
	}
	if mountAt(c, cfg.CacheDir) == "" {
		found.add("%s: nothing is mounted at cache_dir %q", name, cfg.CacheDir)
	}
	given, _ := pod.at("spec.terminationGracePeriodSeconds").(int)
	if need := cfg.Server.DrainDelay + serving; time.Duration(given)*time.Second < need {
		found.add("%s: terminationGracePeriodSeconds is %d, and a shutdown can take %v", name, given, need)
	}
	return found
}

// raw returns the text at a key that may contain dots.
func (o object) raw(key string) string {
	text, _ := o[key].(string)
	return text
}

func port(c object, name string) string {
	for _, p := range c.list("ports") {
		if p.text("name") == name {
			return p.text("containerPort")
		}
	}
	return ""
}

// mountAt returns the name of the volume that is mounted at a path.
func mountAt(c object, path string) string {
	for _, m := range c.list("volumeMounts") {
		if m.text("mountPath") == path {
			return m.text("name")
		}
	}
	return ""
}

// fleetRules check every Deployment: it spreads over nodes, scales automatically, loses at
// most one pod when a node drains, and none in a rollout.
func fleetRules(objects []object) findings {
	var found findings
	for _, d := range ofKind(objects, "Deployment") {
		name, pod := d.name(), d.within("spec.template")
		labels := pod.within("metadata.labels")
		found.want(name, d, "spec.strategy.rollingUpdate.maxUnavailable", "0")
		if d.text("spec.minReadySeconds") == "" {
			found.add("%s: no minReadySeconds", name)
		}
		if !selects(d.at("spec.selector"), labels) {
			found.add("%s: its selector does not match its pods", name)
		}
		for _, key := range []string{"kubernetes.io/hostname", "topology.kubernetes.io/zone"} {
			if !slices.ContainsFunc(pod.list("spec.topologySpreadConstraints"), func(c object) bool {
				return c.text("topologyKey") == key && selects(c.at("labelSelector"), labels)
			}) {
				found.add("%s: its pods are not spread by %s", name, key)
			}
		}
		if !slices.ContainsFunc(ofKind(objects, "PodDisruptionBudget"), func(b object) bool {
			return selects(b.at("spec.selector"), labels) && b.text("spec.maxUnavailable") == "1"
		}) {
			found.add("%s: no PodDisruptionBudget allows the eviction of one pod at a time", name)
		}
		found = append(found, replicaRules(d, objects)...)
	}
	return found
}

// replicaRules check that a Deployment has at least two pods, and that one place says how
// many.
func replicaRules(d object, objects []object) findings {
	var found findings
	i := slices.IndexFunc(ofKind(objects, "HorizontalPodAutoscaler"), func(h object) bool {
		return h.text("spec.scaleTargetRef.name") == d.text("metadata.name")
	})
	fixed, isFixed := d.at("spec.replicas").(int)
	switch {
	case i < 0 && fixed < 2:
		found.add("%s: no HorizontalPodAutoscaler, and spec.replicas is %d; expected two pods or more", d.name(), fixed)
	case i < 0:
	case isFixed:
		found.add("%s: spec.replicas is %d, and a HorizontalPodAutoscaler sets it too", d.name(), fixed)
	default:
		if least, _ := ofKind(objects, "HorizontalPodAutoscaler")[i].at("spec.minReplicas").(int); least < 2 {
			found.add("%s: its HorizontalPodAutoscaler keeps %d pods; expected two or more", d.name(), least)
		}
	}
	return found
}

// namespaceRules check that the namespace enforces the restricted standard.
func namespaceRules(objects []object) findings {
	var found findings
	for _, n := range ofKind(objects, "Namespace") {
		if level := n.within("metadata.labels").raw("pod-security.kubernetes.io/enforce"); level != "restricted" {
			found.add("%s: Pod Security is %q, not restricted", n.name(), level)
		}
	}
	return found
}
