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

// include is one pattern of included files.
type include struct {
	path    string // include[0]
	written string // as in the file
	pattern string // absolute, or relative to the working directory
}

// includedFile is a file that a pattern matches.
type includedFile struct {
	patternPath string // such as include[0]
	name        string // used to open it
	label       string // used in messages; relative if the pattern is
}

// includedRoutes is the content of an included file.
type includedRoutes struct {
	hosts  []string
	routes []Route
	root   string // prefix of the paths of its values
	label  string // the file in messages
}

func includeCodec() yamlform.Codec[[]include] {
	pattern := yamlform.Identifier("a path or pattern such as routes.d/*.yaml")
	item := yamlform.Then(pattern, func(d *yamlform.Decoder, p yamlform.Place, text string) (include, bool) {
		_, err := filepath.Match(text, "")
		if err != nil {
			d.Report(p, "is not a valid pattern: got %s; expected %s", yamlform.Quote(text), pattern.Expected)
		}
		return include{path: p.Path, written: text, pattern: resolvePattern(d, text)}, err == nil
	})
	return yamlform.List("a list of patterns such as [routes.d/*.yaml]", item)
}

// resolvePattern resolves a pattern relative to the directory of the file. Special
// characters in the name of that directory are escaped.
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

// included reads the files that c includes and appends their routes to those of c.
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
		if errors.Is(err, filewatch.ErrIrregular) { // reading a pipe could block
			l.ReportPath(file.patternPath, "matches %s, which %v", yamlform.Quote(file.label), err)
			continue
		}
		if err != nil {
			l.ReportPath(file.patternPath, "matches a file that cannot be read: %v", err)
			continue
		}
		// YAML text contains no NUL, so different sets of files have different hashes.
		fmt.Fprintf(l.sum, "\x00%s\x00%s", file.label, data)
		if one, ok := l.readIncluded(file, data); ok {
			checkOverlap(l.Decoder, all, one)
			all = append(all, one)
			c.Routes = append(c.Routes, one.routes...)
		}
	}
}

// matches returns the files that match one pattern.
func (l *loader) matches(one include) []includedFile {
	glob := strings.ContainsAny(one.written, filewatch.Meta)
	names, err := filepath.Glob(one.pattern)
	if err == nil && len(names) == 0 && glob {
		err = unreadable(one.pattern) // Glob ignores a directory that it cannot read
	}
	switch {
	case err != nil:
		l.ReportPath(one.path, "cannot be searched: %v", err)
	case len(names) == 0 && glob:
		l.Warn(one.path, "matches no file: got %s", yamlform.Quote(one.written))
	case len(names) == 0:
		l.ReportPath(one.path, "does not exist: got %s; expected a path relative to this file, or a pattern such as routes.d/*.yaml",
			yamlform.Quote(one.written))
	}
	var files []includedFile
	for _, name := range names {
		if sameFile(name, l.source) {
			l.ReportPath(one.path, "matches this file itself: got %s; put included files in a separate directory, such as routes.d",
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

// unreadable returns why the directory at the beginning of a pattern cannot be read,
// or nil if it can or does not exist.
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

// readIncluded decodes one included file.
func (l *loader) readIncluded(file includedFile, data []byte) (includedRoutes, bool) {
	in := l.Include(file.name, file.label, "hosts and routes")
	held := includedRoutes{root: in.Root(), label: file.label}
	root, ok := in.Parse(data)
	if ok {
		includedObject(filepath.Base(l.source), &held).Read(in, root)
	}
	return held, ok
}

// includedObject is an included file. Includer is the name of the file that includes
// it.
func includedObject(includer string, h *includedRoutes) yamlform.Object {
	const expected = "a mapping with the keys hosts and routes"
	hosts := yamlform.NonEmptySet("a list such as [shop.example]",
		hostCodec("list the hosts of the routes, since another file may have other hosts"))
	rows := []yamlform.Row{
		yamlform.Field("hosts", "the hosts of all routes in the file", hosts, &h.hosts).MustBeSet(),
		yamlform.Field("routes", "what each request to these hosts requires", routesCodec(), &h.routes).MustBeSet(),
	}
	for _, k := range rootObject(new(Config)).Rows {
		if k.Path != "routes" {
			rows = append(rows, yamlform.Misplaced(k.Path, "is not allowed in an included file; expected "+expected+"; move it to "+includer))
		}
	}
	return yamlform.Object{Expected: expected, Rows: rows, Check: func(d *yamlform.Decoder, _ yamlform.Place) {
		for i, r := range h.routes {
			if own := r.Path + ".hosts"; d.IsSet(own) {
				d.ReportPath(own, "is not allowed in an included file, where all routes have the hosts at the top; remove it")
			}
			h.routes[i].Hosts = h.hosts
		}
	}}
}

// checkOverlap rejects hosts that an earlier file has too: the order of the files would
// decide which routes apply.
func checkOverlap(d *yamlform.Decoder, earlier []includedRoutes, one includedRoutes) {
	for i, host := range one.hosts {
		for _, other := range earlier {
			at := slices.IndexFunc(other.hosts, func(taken string) bool { return MatchHost(taken, host) || MatchHost(host, taken) })
			if at >= 0 {
				d.ReportPath(fmt.Sprintf("%shosts[%d]", one.root, i),
					"is %s, but %s has %s; put all routes of a host in one included file",
					yamlform.Quote(host), other.label, yamlform.Quote(other.hosts[at]))
			}
		}
	}
}
