//go:build deploy

package deploy

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// composed is a compose project, as `docker compose config` sees it.
func composed(tree string, files ...string) (object, error) {
	for i, name := range files {
		files[i] = filepath.Join(tree, "deploy/compose", name)
	}
	text, err := outputOf("", gotool("composecheck"), files...)
	if err != nil {
		return nil, err
	}
	var project object
	return project, json.Unmarshal([]byte(text), &project)
}

// composeRules check that in deploy/compose, with and without the emulator, Envoy is the
// only way to the application.
func composeRules(tree string) findings {
	var found findings
	for _, files := range [][]string{{"compose.yaml"}, {"compose.yaml", "compose.override.yaml"}} {
		project, err := composed(tree, files...)
		if err != nil {
			found.add("compose: %v", err)
			continue
		}
		services := project.within("services")
		for name := range services {
			found = append(found, serviceOf(name, services.within(name))...)
		}
		found = append(found, separated(project)...)
	}
	return found
}

// serviceOf are the rules for any service.
func serviceOf(name string, s object) findings {
	var found findings
	name = "compose: " + name
	found.want(name, s, "read_only", "true")
	found.want(name, s, "cap_drop", "[ALL]")
	found.want(name, s, "security_opt", "[no-new-privileges:true]")
	for _, key := range []string{"cap_add", "privileged", "network_mode", "pid", "ipc", "devices"} {
		found.want(name, s, key, "")
	}
	if user := s.text("user"); s["build"] == nil && (user == "" || strings.HasPrefix(user, "0") || strings.HasPrefix(user, "root")) {
		found.add("%s: runs as %q", name, user) // an image built here does not run as root
	}
	if s.text("mem_limit") == "" {
		found.add("%s: no mem_limit", name)
	}
	once := s["restart"] == nil // a service that makes something and ends
	if s["build"] == nil && !once && s["healthcheck"] == nil {
		found.add("%s: no health check", name)
	}
	if image := s.text("image"); s["build"] == nil && !strings.Contains(image, ":") {
		found.add("%s: image %q names no version", name, image)
	}
	for _, v := range s.list("volumes") {
		found.want(name+": "+v.text("target"), v, "read_only", "true")
	}
	return found
}

// separated are the rules for which services share a network.
func separated(project object) findings {
	var found findings
	services := project.within("services")
	open := []string{"envoy", "frontend", "cognito"} // a user's browser calls these
	for name := range services {
		if s := services.within(name); !slices.Contains(open, name) && s["ports"] != nil {
			found.add("compose: %s has ports of its own", name)
		}
	}
	for _, name := range open {
		for _, p := range services.list(name + ".ports") {
			found.want("compose: the port of "+name, p, "host_ip", "127.0.0.1")
		}
	}
	neighbours := map[string][]string{} // service -> those on its networks, itself too
	for name := range services {
		for network := range services.within(name).within("networks") {
			for other := range services {
				if _, ok := services.within(other).within("networks")[network]; ok && !slices.Contains(neighbours[name], other) {
					neighbours[name] = append(neighbours[name], other)
				}
			}
		}
	}
	inside := services.within("application").within("networks")
	for network := range inside {
		if project.text("networks."+network+".internal") != "true" {
			found.add("compose: the application's network %s is not internal", network)
		}
	}
	if got := slices.Sorted(slices.Values(neighbours["application"])); !slices.Equal(got, []string{"application", "envoy"}) {
		found.add("compose: on the application's networks are %v", got)
	}
	if got := neighbours["frontend"]; !slices.Equal(got, []string{"frontend"}) {
		found.add("compose: on the front end's networks are %v", got)
	}
	shared := maps.Clone(services.within("jwtgate").within("networks"))
	maps.DeleteFunc(shared, func(network string, _ any) bool {
		_, ok := services.within("envoy").within("networks")[network]
		return !ok
	})
	for network := range shared {
		if project.text("networks."+network+".internal") != "true" {
			found.add("compose: the network %s, on which Envoy calls jwtgate, is not internal", network)
		}
	}
	if len(shared) != 1 {
		found.add("compose: Envoy and jwtgate share %d networks, not one", len(shared))
	}
	return found
}

// composeConfigs are the files that the compose files mount. Both files for jwtgate have
// the same routes.
func composeConfigs(tree string) findings {
	texts := map[string]string{}
	for _, name := range []string{"envoy.yaml", "jwtgate.yaml", "jwtgate.emulator.yaml"} {
		text, err := readFile(filepath.Join(tree, "deploy/compose", name))
		if err != nil {
			return findings{err.Error()}
		}
		texts[name] = text
	}
	found := envoyConfig("compose", texts["envoy.yaml"], "", nil)
	filled := strings.NewReplacer("${POOL}", "us-west-1_6BpkgoczU", "${CLIENT}", "3v5exampleclient")
	_, routes, _ := strings.Cut(texts["jwtgate.yaml"], "\nroutes:")
	for _, name := range []string{"jwtgate.yaml", "jwtgate.emulator.yaml"} {
		found = append(found, gateConfig("compose: "+name, name, filled.Replace(texts[name]), "")...)
		if !strings.HasSuffix(texts[name], routes) {
			found.add("compose: %s has not the routes of jwtgate.yaml", name)
		}
	}
	return found
}
