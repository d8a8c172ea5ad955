package token

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/config"
)

// claimPath is the place of a claim: its whole name, or the steps of a JSON Pointer (RFC
// 6901). All spellings of one place have the same path.
type claimPath []string

// parseClaimPath parses the name of a claim; a name that begins with "/" is a JSON
// Pointer.
func parseClaimPath(name string) claimPath { return config.ClaimSteps(name) }

func parseClaimPaths(names []string) []claimPath {
	paths := make([]claimPath, len(names))
	for i, name := range names {
		paths[i] = parseClaimPath(name)
	}
	return paths
}

// find returns the value at the path. A step finds members of objects, not items of arrays.
func (p claimPath) find(claims map[string]any) (any, bool) {
	var at any = claims
	for _, step := range p {
		object, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = object[step]; !ok {
			return nil, false
		}
	}
	return at, true
}

// is reports whether the path is a claim of this name.
func (p claimPath) is(name string) bool { return len(p) == 1 && p[0] == name }

// namesSubject reports whether a claim names the subject, so that it gets the issuer's
// prefix.
func (i *trusted) namesSubject(p claimPath) bool {
	return len(p) == 1 && slices.Contains(config.SubjectClaims(), p[0]) || p.isOneOf(i.subjectClaims)
}

// isOneOf reports whether the path is one of paths.
func (p claimPath) isOneOf(paths []claimPath) bool {
	return slices.ContainsFunc(paths, func(other claimPath) bool { return slices.Equal(p, other) })
}

// containsOneOf reports whether the value at p contains the claim at one of paths.
func (p claimPath) containsOneOf(paths []claimPath) bool {
	return slices.ContainsFunc(paths, func(other claimPath) bool {
		return len(other) > len(p) && slices.Equal(p, other[:len(p)])
	})
}
