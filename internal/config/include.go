package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// include is one pattern of files with further routes.
type include struct {
	path    string // include[0]
	written string // as the file has it
	pattern string // as it is looked for, beside the file
}

// includedFile is a file that a pattern matches.
type includedFile struct {
	by   string // the path of the pattern
	name string // as it is opened
	says string // as messages name it: relative as its pattern is
}

// hostedRoutes is what an included file holds.
type hostedRoutes struct {
	hosts  []string
	routes []Route
	root   string // what the paths of its values begin with
}

// globMeta are the characters that make a path a pattern of [filepath.Match].
const globMeta = `*?[\`

func includeForm() form[[]include] {
	pattern := word("a path or pattern such as routes.d/*.yaml")
	item := form[include]{says: pattern.says, read: func(d *decoder, p place) (include, bool) {
		text, ok := pattern.read(d, p)
		if !ok {
			return include{}, false
		}
		if _, err := filepath.Match(text, ""); err != nil {
			d.fault(p, "is %s, which is no proper pattern; write %s", shown(text), pattern.says)
			return include{}, false
		}
		return include{path: p.path, written: text, pattern: d.besidePattern(text)}, true
	}}
	return rows("a list of patterns such as [routes.d/*.yaml]", item)
}

// besidePattern is beside for a pattern: what the directory of the file is
// called stays literal.
func (d *decoder) besidePattern(pattern string) string {
	if filepath.IsAbs(pattern) {
		return pattern
	}
	var dir strings.Builder
	for _, r := range filepath.Dir(d.source) {
		if strings.ContainsRune(globMeta, r) {
			dir.WriteByte('\\')
		}
		dir.WriteRune(r)
	}
	return filepath.Join(dir.String(), pattern)
}

// included reads the files that c includes, and puts their routes behind its
// own.
func (d *decoder) included(c *Config) {
	var files []includedFile
	for _, one := range c.include {
		c.Files = append(c.Files, one.pattern)
		files = append(files, d.matches(one)...)
	}
	slices.SortStableFunc(files, func(a, b includedFile) int { return cmp.Compare(a.name, b.name) })
	files = slices.CompactFunc(files, func(a, b includedFile) bool { return a.name == b.name })
	var all []hostedRoutes
	for _, file := range files {
		data, err := d.reads.read(file.name)
		if errors.Is(err, errIrregular) { // a pipe would be waited for
			d.wrong(file.by, "names %s, which %v", shown(file.says), err)
			continue
		}
		if err != nil {
			d.wrong(file.by, "names a file that cannot be read: %v", err)
			continue
		}
		// No text in YAML holds a NUL, so no two sets of files read alike.
		fmt.Fprintf(d.sum, "\x00%s\x00%s", file.says, data)
		if one, ok := d.hosted(file, data); ok {
			checkOverlap(d, all, one)
			all = append(all, one)
			c.Routes = append(c.Routes, one.routes...)
		}
	}
}

// matches lists the files of one pattern.
func (d *decoder) matches(one include) []includedFile {
	glob := strings.ContainsAny(one.written, globMeta)
	names, err := filepath.Glob(one.pattern)
	if err == nil && len(names) == 0 && glob {
		err = unreadable(one.pattern) // which Glob takes for empty
	}
	switch {
	case err != nil:
		d.wrong(one.path, "cannot be looked for: %v", err)
	case len(names) == 0 && glob:
		d.warn(one.path, "is %s, which matches no file", shown(one.written))
	case len(names) == 0:
		d.wrong(one.path, "is %s, and there is no such file; write its path relative to this file, or a pattern such as routes.d/*.yaml", shown(one.written))
	}
	var files []includedFile
	for _, name := range names {
		if sameFile(name, d.source) {
			d.wrong(one.path, "is %s, which this file is one of; keep included files in a directory of their own, such as routes.d", shown(one.written))
			continue
		}
		says := name
		if relative, err := filepath.Rel(filepath.Dir(d.source), name); err == nil && !filepath.IsAbs(one.written) {
			says = relative
		}
		files = append(files, includedFile{by: one.path, name: name, says: says})
	}
	return files
}

// unreadable is why the directory that a pattern begins with cannot be listed;
// nil when it can, or is not there.
func unreadable(pattern string) error {
	dir := pattern
	for strings.ContainsAny(dir, globMeta) {
		dir = filepath.Dir(dir)
	}
	if _, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// hosted decodes one included file. Its values stand under paths of their own,
// and its mistakes among those of the file that includes it.
func (d *decoder) hosted(file includedFile, data []byte) (hostedRoutes, bool) {
	in := &decoder{
		source: file.name, getenv: d.getenv, keys: "hosts and routes", root: file.says + fileMark,
		positions: d.positions, texts: d.texts,
	}
	in.roots = []string{in.root}
	d.roots = append(d.roots, in.root)
	held := hostedRoutes{root: in.root}
	root, ok := in.tree(data)
	if ok {
		hostedObject(filepath.Base(d.source)).read(in, root, &held)
	}
	d.mistakes = append(d.mistakes, in.mistakes...)
	d.warnings = append(d.warnings, in.warnings...)
	return held, ok
}

// hostedObject is a whole included file. Includer is the name of the file that
// includes it.
func hostedObject(includer string) object[hostedRoutes] {
	const says = "a mapping with the keys hosts and routes"
	o := object[hostedRoutes]{
		says: says,
		keys: []key[hostedRoutes]{
			field("hosts", "the hosts that every route of the file is for",
				listOf("a list such as [shop.example]", hostForm("name the hosts that the routes are for, since another file may have others")),
				func(h *hostedRoutes) *[]string { return &h.hosts }).must(),
			field("routes", "what each request to these hosts needs", routesForm(), func(h *hostedRoutes) *[]Route { return &h.routes }).must(),
		},
		check: func(d *decoder, _ place, h *hostedRoutes) {
			for i, r := range h.routes {
				if own := r.Path + ".hosts"; d.stated(own) {
					d.wrong(own, "has no place in an included file, whose hosts at the top are those of each of its routes; leave it out")
				}
				h.routes[i].Hosts = h.hosts
			}
		},
	}
	for _, k := range fileObject().keys {
		if o.index(k.Path) < 0 {
			o.keys = append(o.keys, misplaced[hostedRoutes](k.Path, "has no place in an included file, which is "+says+"; write it in "+includer))
		}
	}
	return o
}

// checkOverlap refuses hosts that an earlier file has too: which of the two
// decides would hang on their names.
func checkOverlap(d *decoder, earlier []hostedRoutes, one hostedRoutes) {
	for i, host := range one.hosts {
		for _, other := range earlier {
			at := slices.IndexFunc(other.hosts, func(taken string) bool { return MatchHost(taken, host) || MatchHost(host, taken) })
			if at >= 0 {
				d.wrong(fmt.Sprintf("%shosts[%d]", one.root, i), "is %s, and %s has %s; a host has its routes in one included file, so move them together",
					shown(host), strings.TrimSuffix(other.root, fileMark), shown(other.hosts[at]))
			}
		}
	}
}
