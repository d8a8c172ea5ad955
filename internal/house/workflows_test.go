package house

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	yamlv4 "go.yaml.in/yaml/v4"
)

// workflow is what the rules read of a file in .github/workflows.
type workflow struct {
	On          yamlv4.Node
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Steps       []workflowStep
	}
}

type workflowStep struct {
	Uses, Run string
	With      map[string]any
}

// workflowRules returns what could let a change or a dependency of the project act with the
// rights of its workflows.
func workflowRules(text, goVersion string) []string {
	var w workflow
	if err := yamlv4.Unmarshal([]byte(text), &w); err != nil {
		return []string{err.Error()}
	}
	var found []string
	add := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for _, event := range []string{"pull_request_target", "workflow_run", "issue_comment"} {
		if slices.ContainsFunc(w.On.Content, func(n *yamlv4.Node) bool { return n.Value == event }) || w.On.Value == event {
			add("%s runs what a stranger wrote with the rights of the repository", event)
		}
	}
	if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
		add("the permissions of all jobs are %v; expected contents: read", w.Permissions)
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, "uses:") && !regexp.MustCompile(`uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`).MatchString(line) {
			add("not pinned by a commit, with its version: %s", strings.TrimSpace(line))
		}
	}
	for name, job := range w.Jobs {
		for _, s := range job.Steps {
			if strings.Contains(s.Run, "${{") {
				add("%s: an expression in a command can execute its value; pass it by env", name)
			}
			if job.Permissions["id-token"] != "" && regexp.MustCompile(`\b(make|go) `).MatchString(s.Run) {
				add("%s: a job that signs runs the project's own code: %s", name, s.Run)
			}
			if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
				add("%s: the checkout leaves the token in .git/config", name)
			}
			if strings.HasPrefix(s.Uses, "actions/setup-go@") && s.With["go-version"] != goVersion+".x" {
				add("%s: Go is %v; go.mod has %s", name, s.With["go-version"], goVersion)
			}
		}
	}
	return found
}

// goVersion returns the minor version of Go in go.mod, such as 1.26.
func goVersion(t *testing.T) string {
	t.Helper()
	return regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readPage(t, "go.mod"))[1]
}

// TestWorkflows: nothing but a maintainer's change acts with the rights of a workflow.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d workflows: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimPrefix(file, root+"/")
		for _, finding := range workflowRules(readPage(t, name), goVersion(t)) {
			t.Errorf("%s: %s", name, finding)
		}
	}
}

// TestWorkflowRules: each rule finds its error.
func TestWorkflowRules(t *testing.T) {
	const file = ".github/workflows/release.yml"
	text := readPage(t, file)
	for _, row := range []struct{ old, new, want string }{
		{"on:\n  push:", "on:\n  pull_request_target:\n  push:", "pull_request_target"},
		{"permissions:\n  contents: read", "permissions:\n  contents: write", "all jobs"},
		{"permissions:\n  contents: read\n", "", "all jobs"},
		{"actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "actions/checkout@v6", "not pinned"},
		{`grep -qF "## ${GITHUB_REF_NAME#v} "`, `grep -qF "## ${{ github.ref_name }} "`, "expression"},
		{"cosign sign --yes", "make test && cosign sign --yes", "signs"},
		{"persist-credentials: false", "persist-credentials: true", "leaves the token"},
		{`go-version: "`, `go-version: "1.`, "Go is"},
	} {
		changed := strings.Replace(text, row.old, row.new, 1)
		if changed == text {
			t.Errorf("%s does not contain %q", file, row.old)
		}
		if found := strings.Join(workflowRules(changed, goVersion(t)), "\n"); !strings.Contains(found, row.want) {
			t.Errorf("%q: got %q; expected %q", row.new, found, row.want)
		}
	}
}

// TestOneBuildImage: the Dockerfile, the README, the SBOM and the release name the same Go and
// the same Debian.
func TestOneBuildImage(t *testing.T) {
	image := regexp.MustCompile(`golang:([\d.]+)-([a-z]+)`).FindStringSubmatch(readPage(t, "Dockerfile"))
	if image == nil || image[1] != goVersion(t) {
		t.Fatalf("the Dockerfile builds with %q; go.mod has Go %s", image, goVersion(t))
	}
	for file, want := range map[string]string{
		"README.md": "Linux with Go " + image[1], ".setup/sbom.py": "?distro=" + image[2] + `"`,
		".github/workflows/release.yml": "-" + image[2] + `"`,
	} {
		if !strings.Contains(readPage(t, file), want) {
			t.Errorf("%s does not contain %q", file, want)
		}
	}
}

// TestCheckReadsAllTags: `make check` reads the files of every build tag.
func TestCheckReadsAllTags(t *testing.T) {
	checked := regexp.MustCompile(`(?m)^TEST_TAGS := (.*)$`).FindStringSubmatch(readPage(t, "Makefile"))
	if checked == nil {
		t.Fatal("the Makefile has no TEST_TAGS")
	}
	given := append(strings.Split(checked[1], ","), "nodemo", "race", "linux") // nodemo has its own line
	seen := map[string]bool{}
	for _, s := range sources(t) {
		for _, line := range regexp.MustCompile(`(?m)^//go:build (.*)$`).FindAllStringSubmatch(readPage(t, s.name), -1) {
			for _, tag := range regexp.MustCompile(`\w+`).FindAllString(line[1], -1) {
				if seen[tag] = true; !slices.Contains(given, tag) {
					t.Errorf("%s: make check does not know the tag %s", s.name, tag)
				}
			}
		}
	}
	for _, tag := range given {
		if !seen[tag] {
			t.Errorf("no file has the tag %s", tag)
		}
	}
}
