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

	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// include is one pattern of files with further routes.
type include struct {
	path    string // include[0]
	written string // as the file has it
	pattern string // as it is looked for, beside the file
}

// includedFile is a file that a pattern matches.
type includedFile struct {
	patternPath string // the path of the pattern
	name        string // as it is opened
	label       string // as messages name it: relative as its pattern is
}

// hostedRoutes is what an included file holds.
type includedRoutes struct {
	hosts  []string
	routes []Route
	root   string // what the paths of its values begin with
	label  string // as messages name the file
}

func includeCodec() yamlform.Codec[[]include] {
	pattern := yamlform.Identifier("a path or pattern such as routes.d/*.yaml")
	item := yamlform.Codec[include]{Expected: pattern.Expected, Read: func(d *yamlform.Decoder, p yamlform.Place) (include, bool) {
		text, ok := pattern.Read(d, p)
		if !ok {
			return include{}, false
		}
		if _, err := filepath.Match(text, ""); err != nil {
			d.Report(p, "is %s, which is no proper pattern; write %s", yamlform.Quote(text), pattern.Expected)
			return include{}, false
		}
		return include{path: p.Path, written: text, pattern: resolvePattern(d, text)}, true
	}}
	return yamlform.List("a list of patterns such as [routes.d/*.yaml]", item)
}

// besidePattern is d.Beside for a pattern: what the directory of the file is
// called stays literal.
func resolvePattern(d *yamlform.Decoder, pattern string) string {
	if filepath.IsAbs(pattern) {
		return pattern
	}
	var dir strings.Builder
	for _, r := range d.Dir() {
		if strings.ContainsRune(filewatch.Meta, r) {
			dir.WriteByte('\\')
		}
		dir.WriteRune(r)
	}
	return filepath.Join(dir.String(), pattern)
}

// included reads the files that c includes, and puts their routes behind its
// own.
func (l *loader) included(c *Config) {
	var files []includedFile
	for _, one := range c.include {
		c.Files = append(c.Files, one.pattern)
		files = append(files, l.matches(one)...)
	}
	slices.SortStableFunc(files, func(a, b includedFile) int { return cmp.Compare(a.name, b.name) })
	files = slices.CompactFunc(files, func(a, b includedFile) bool { return a.name == b.name })
	var all []includedRoutes
	for _, file := range files {
		data, err := l.reads.read(file.name)
		if errors.Is(err, filewatch.ErrIrregular) { // a pipe would be waited for
			l.ReportPath(file.patternPath, "names %s, which %v", yamlform.Quote(file.label), err)
			continue
		}
		if err != nil {
			l.ReportPath(file.patternPath, "names a file that cannot be read: %v", err)
			continue
		}
		// No text in YAML holds a NUL, so no two sets of files read alike.
		fmt.Fprintf(l.sum, "\x00%s\x00%s", file.label, data)
		if one, ok := l.readIncluded(file, data); ok {
			checkOverlap(l.Decoder, all, one)
			all = append(all, one)
			c.Routes = append(c.Routes, one.routes...)
		}
	}
}

// matches lists the files of one pattern.
func (l *loader) matches(one include) []includedFile {
	glob := strings.ContainsAny(one.written, filewatch.Meta)
	names, err := filepath.Glob(one.pattern)
	if err == nil && len(names) == 0 && glob {
		err = unreadable(one.pattern) // which Glob takes for empty
	}
	switch {
	case err != nil:
		l.ReportPath(one.path, "cannot be looked for: %v", err)
	case len(names) == 0 && glob:
		l.Warn(one.path, "is %s, which matches no file", yamlform.Quote(one.written))
	case len(names) == 0:
		l.ReportPath(one.path, "is %s, and there is no such file; write its path relative to this file, or a pattern such as routes.d/*.yaml",
			yamlform.Quote(one.written))
	}
	var files []includedFile
	for _, name := range names {
		if sameFile(name, l.source) {
			l.ReportPath(one.path, "is %s, which this file is one of; keep included files in a directory of their own, such as routes.d",
				yamlform.Quote(one.written))
			continue
		}
		says := name
		if relative, err := filepath.Rel(filepath.Dir(l.source), name); err == nil && !filepath.IsAbs(one.written) {
			says = relative
		}
		files = append(files, includedFile{patternPath: one.path, name: name, label: says})
	}
	return files
}

// unreadable is why the directory that a pattern begins with cannot be listed;
// nil when it can, or is not there.
func unreadable(pattern string) error {
	dir := pattern
	for strings.ContainsAny(dir, filewatch.Meta) {
		dir = filepath.Dir(dir)
	}
	if _, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// hosted decodes one included file. Its values stand under paths of their own,
// and its mistakes among those of the file that includes it.
func (l *loader) readIncluded(file includedFile, data []byte) (includedRoutes, bool) {
	in := l.Include(file.name, file.label, "hosts and routes")
	held := includedRoutes{root: in.Root(), label: file.label}
	root, ok := in.Parse(data)
	if ok {
		includedObject(filepath.Base(l.source)).Read(in, root, &held)
	}
	return held, ok
}

// hostedObject is a whole included file. Includer is the name of the file that
// includes it.
func includedObject(includer string) yamlform.Object[includedRoutes] {
	const expected = "a mapping with the keys hosts and routes"
	o := yamlform.Object[includedRoutes]{
		Expected: expected,
		Fields: []yamlform.FieldOf[includedRoutes]{
			yamlform.Field("hosts", "the hosts that every route of the file is for",
				yamlform.NonEmptySet("a list such as [shop.example]",
					hostCodec("name the hosts that the routes are for, since another file may have others")),
				func(h *includedRoutes) *[]string { return &h.hosts }).MustBeSet(),
			yamlform.Field("routes", "what each request to these hosts needs", routesCodec(),
				func(h *includedRoutes) *[]Route { return &h.routes }).MustBeSet(),
		},
		Check: func(d *yamlform.Decoder, _ yamlform.Place, h *includedRoutes) {
			for i, r := range h.routes {
				if own := r.Path + ".hosts"; d.IsSet(own) {
					d.ReportPath(own, "has no place in an included file, whose hosts at the top are those of each of its routes; leave it out")
				}
				h.routes[i].Hosts = h.hosts
			}
		},
	}
	for _, k := range rootObject().Fields {
		if !o.Has(k.Path) {
			o.Fields = append(o.Fields,
				yamlform.Misplaced[includedRoutes](k.Path, "has no place in an included file, which is "+expected+"; write it in "+includer))
		}
	}
	return o
}

// checkOverlap refuses hosts that an earlier file has too: which of the two
// decides would hang on their names.
func checkOverlap(d *yamlform.Decoder, earlier []includedRoutes, one includedRoutes) {
	for i, host := range one.hosts {
		for _, other := range earlier {
			at := slices.IndexFunc(other.hosts, func(taken string) bool { return MatchHost(taken, host) || MatchHost(host, taken) })
			if at >= 0 {
				d.ReportPath(fmt.Sprintf("%shosts[%d]", one.root, i),
					"is %s, and %s has %s; a host has its routes in one included file, so move them together",
					yamlform.Quote(host), other.label, yamlform.Quote(other.hosts[at]))
			}
		}
	}
}
