package envoylint

import (
	"cmp"
	_ "embed"
	"fmt"
	"regexp"
	"strconv"

	yaml "go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/internal/quote"
)

//go:embed versions.yaml
var versionsFile []byte

// Version is a release of Envoy. The zero value is an unknown one.
type Version struct {
	Major, Minor, Patch int
	Label               string // of a build that is not a release, such as dev
}

var versionForm = regexp.MustCompile(`^v?([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(?:-([0-9A-Za-z.-]{1,40}))?$`)

// ParseVersion reads a version such as 1.38.4 or v1.38.4-dev. It does not prove that there
// is such a release.
func ParseVersion(text string) (Version, error) {
	parts := versionForm.FindStringSubmatch(text)
	if parts == nil {
		return Version{}, fmt.Errorf("got the version %s; expected one such as 1.38.4, as `envoy --version` prints it", quote.Text(text))
	}
	var v Version
	for i, number := range []*int{&v.Major, &v.Minor, &v.Patch} {
		*number, _ = strconv.Atoi(parts[i+1]) // at most four digits
	}
	v.Label = parts[4]
	return v, nil
}

// UnmarshalYAML reads a version in versions.yaml.
func (v *Version) UnmarshalYAML(node *yaml.Node) (err error) {
	*v, err = ParseVersion(node.Value)
	return err
}

// String is the version as Envoy prints it.
func (v Version) String() string {
	text := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Label != "" {
		text += "-" + v.Label
	}
	return text
}

func (v Version) compare(other Version) int {
	return cmp.Or(cmp.Compare(v.Major, other.Major), cmp.Compare(v.Minor, other.Minor), cmp.Compare(v.Patch, other.Patch))
}

// releases is what versions.yaml knows.
type releases struct {
	Releases []struct {
		Branch string
		Last   int // the patch release
	}
	Pages []string
	Fixes []fix
}

// fix is a change of Envoy that closes a hole. versions.yaml describes the fields.
type fix struct {
	ID       string
	Affected [][2]Version
	Fixed    Version // the first release with the fix, if it is in another branch
	OptIn    bool    `yaml:"opt_in"`
	Guards   map[string]bool
	Sources  []string
}

func readReleases() (all releases, err error) {
	err = yaml.Load(versionsFile, &all, yaml.WithKnownFields())
	return all, err
}

// knows reports whether a version is a release of the table.
func (r releases) knows(v Version) bool {
	for _, one := range r.Releases {
		if one.Branch == fmt.Sprintf("%d.%d", v.Major, v.Minor) {
			return v.Label == "" && v.Patch <= one.Last
		}
	}
	return false
}

// lacks reports whether a release does not have the fix with an id, and the first later
// release that has it. A version that the table does not know lacks nothing.
func (r releases) lacks(v Version, id string) (missing bool, fixed Version) {
	if !r.knows(v) {
		return false, Version{}
	}
	one := r.fix(id)
	for _, span := range one.Affected {
		if v.compare(span[0]) >= 0 && v.compare(span[1]) < 0 {
			return true, cmp.Or(one.Fixed, span[1])
		}
	}
	return false, Version{}
}

// fix returns the fix with an id, which exists (TestVersionsAreComplete).
func (r releases) fix(id string) fix {
	for _, one := range r.Fixes {
		if one.ID == id {
			return one
		}
	}
	return fix{}
}

// guarded returns the fix that a runtime guard controls, and the guard's value that keeps
// it on; ok is false for another guard.
func (r releases) guarded(guard string) (_ fix, on, ok bool) {
	for _, one := range r.Fixes {
		if on, ok := one.Guards[guard]; ok {
			return one, on, true
		}
	}
	return fix{}, false, false
}
