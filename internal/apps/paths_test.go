//go:build apps

package apps

import (
	"fmt"
	"slices"
	"strings"
)

// spelling is a path that an application may read as another one.
type spelling struct{ attack, path string }

// pathRows ask for the request's path in each spelling that an application may
// read as that path.
func pathRows(closed string, plain request) []row {
	var rows []row
	seen := map[string]bool{plain.target: true}
	add := func(attack, method, target string) {
		hostile := plain
		hostile.method, hostile.target = method, target
		rows = append(rows, row{attack: attack, closed: closed, name: hostile.String(), request: hostile})
	}
	for _, s := range append(pathSpellings(plain.target), segmentSpellings(plain.target)...) {
		if !seen[s.path] {
			seen[s.path] = true
			add(s.attack, plain.method, s.path)
		}
	}
	add(methodCase, strings.ToLower(plain.method), strings.ToUpper(plain.target))
	add(methodCase, strings.ToLower(plain.method), plain.target+"/")
	return rows
}

// pathSpellings returns the spellings of a path with a change before it, behind
// it, or to all of it.
func pathSpellings(path string) []spelling {
	var all []spelling
	trimmed := strings.TrimSuffix(path, "/")
	upper := strings.ToUpper(path)
	// In a pattern, P is the path, U the path in upper case and T the path without
	// a final slash.
	add := func(attack, patterns string) {
		for pattern := range strings.FieldsSeq(patterns) {
			all = append(all, spelling{attack, strings.NewReplacer("P", path, "U", upper, "T", trimmed).Replace(pattern)})
		}
	}
	add(letterCase, "U U/ http://api.exampleU //U/ /.U/ U/. U//. /x/..U/")
	all = append(all, spelling{letterCase, strings.ToUpper(trimmed)})
	add(slashes, "T T/ T// /P //P /U U// http://api.exampleP http://api.example:80P")
	add(dots, "/.P /x/..P P/. P/.. P/x/.. /..P /..;P /%2eP /x/%2e%2eP P/%2e P/x/%2e%2e")
	add(parameters, "/;P /;xP P; P;x P/;x P;jsessionid=1 U;x P%3bx")
	add(characters, "P. P.. P.json P%20 P%09 P%0a P%0d%0a P%00 P%00.html P+ P%23 P%3f P%3fx P# P#/x P? P?x=/../ P% P%zz P* P~ P' P\" P%a0")
	add(characters, "P%c2%a0 P%ef%bc%8f P\xff P%e3%80%82 P\\ P%5c P/index P/index.html P:80 P,x P!x P@x P$ P( P|x P^ P` P{x}")
	all = append(all, spelling{characters, "\\" + path[1:]})
	segments := strings.Split(trimmed[1:], "/")
	upperHex := ""
	for _, segment := range segments {
		upperHex += "/" + hex(strings.ToUpper(segment))
	}
	add(letterCase, upperHex+" "+upperHex+"/ /"+upperHex)
	for _, separator := range []string{"%2f", "%2F", "%252f", "%5c", "\\", "/./", ";/", "%00/"} {
		all = append(all, spelling{encoded, "/" + strings.Join(segments, separator) + path[len(trimmed):]})
	}
	return all
}

// segmentSpellings returns the spellings of a path with a change to one segment.
func segmentSpellings(path string) []spelling {
	var all []spelling
	trimmed := strings.TrimSuffix(path, "/")
	segments := strings.Split(trimmed[1:], "/")
	for i, segment := range segments {
		// In a pattern, S is the segment, T the segment in title case, U in upper
		// case, R what follows its first letter, and B that letter.
		first := segment[0]
		values := strings.NewReplacer("S", segment, "T", title(segment), "U", strings.ToUpper(segment),
			"R", segment[1:], "B", fmt.Sprintf("%02x", first))
		put := func(attack, text string) {
			changed := slices.Clone(segments)
			changed[i] = text
			all = append(all, spelling{attack, "/" + strings.Join(changed, "/") + path[len(trimmed):]})
		}
		add := func(attack, patterns string) {
			for pattern := range strings.FieldsSeq(patterns) {
				put(attack, values.Replace(pattern))
			}
		}
		add(slashes, "/S S/")
		add(dots, "./S x/../S ../S %2e/S x/%2e%2e/S x/..;/S")
		add(parameters, "S;x S; S;x=/y ;/S T;x")
		add(encoded, "%BR %25BR %BR/ %u00BR %00S %20S")
		if first < 'a' || first > 'z' {
			continue
		}
		add(letterCase, "T U T/")
		put(letterCase, segment[:len(segment)-1]+strings.ToUpper(segment[len(segment)-1:]))
		add(encoded, fmt.Sprintf("%%%02xR %%c1%%%02xR", first-'a'+'A', first|0x80))
		// Letters that some comparisons take for ASCII letters: full-width letters,
		// the long s, the dotless i and the dotted I.
		add(characters, fmt.Sprintf("%%ef%%bd%%%02xR", first-'a'+0x81))
		for from, to := range map[string]string{"s": "%c5%bf", "i": "%c4%b1 %c4%b0"} {
			for letter := range strings.FieldsSeq(to) {
				if strings.Contains(segment, from) {
					put(characters, strings.ReplaceAll(segment, from, letter))
				}
			}
		}
	}
	return all
}

// title returns a segment with its first letter in upper case.
func title(segment string) string { return strings.ToUpper(segment[:1]) + segment[1:] }

// ownerRows ask for another user's profile by a path that holds mallory's own
// name as well.
func ownerRows(c callers) []row {
	var rows []row
	for _, target := range []string{
		"mallory/../victim/profile", "mallory%2f..%2fvictim/profile", "mallory/%2e%2e/victim/profile", "mallory;/../victim/profile",
		"mallory/..;/victim/profile", "victim;mallory/profile", "mallory;victim/profile", "victim%00mallory/profile",
		"victim%3bmallory/profile", "%76ictim/profile", "VICTIM/profile", "victim%20/profile", "Mallory/profile", "MALLORY/profile",
		"mallory%20/profile", "%6dallory/profile", "mallory//profile", "/victim/profile", "mallory\\..\\victim/profile",
		"mallory/profile/../../victim/profile", "victim/profile?id=mallory", "mallory/profile?id=victim", "mallory/profile/",
	} {
		for _, folder := range []string{"/api/users/", "/api/Users/"} {
			r := to("PUT", folder+target)
			rows = append(rows, row{attack: ownName, closed: "profile", name: r.String(), request: r, by: []caller{c.mallory}})
		}
	}
	return rows
}
