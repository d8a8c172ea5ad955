package envoy

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/deploy"
)

// resource is a resource of a platform that makes its proxies call jwtgate.
type resource struct{ file, title, where string }

// platforms are the resources of each platform, in the order in which to apply them.
func platforms() map[string][]resource {
	const names = "Write your Gateway's name on the line marked `edit: gateway`"
	return map[string][]resource{
		"envoy-gateway": {
			{"envoy-gateway/clienttrafficpolicy.yaml", "what Envoy does before it calls jwtgate",
				"into the namespace of your Gateway. " + names + ". If a ClientTrafficPolicy targets this Gateway already, add the fields to it."},
			{"envoy-gateway/securitypolicy.yaml", "the call to jwtgate",
				"into the namespace of your Gateway. " + names + ", and the name of jwtgate's Service on the one marked `edit: gate`; " +
					"in another namespace, that needs a ReferenceGrant. " +
					"If a SecurityPolicy targets this Gateway already, add extAuth to it; one that targets a route needs extAuth too."},
		},
		"istio": {
			{"istio/mesh.yaml", "the provider",
				"into Istio's mesh configuration (meshConfig), with the address of jwtgate's Service. Apply it first."},
			{"istio/envoyfilter.yaml", "what Istio has no setting for",
				"into the namespace of your Gateway. " + names + ", and the address of jwtgate's Service in the last patch. " +
					"For a gateway that Istio did not create from a Gateway resource, write workloadSelector instead of targetRefs."},
			{"istio/authorizationpolicy.yaml", "the call to jwtgate", "into the namespace of your Gateway. " + names + "."},
		},
	}
}

// PlatformFragment is [Fragment] for a platform that writes Envoy's configuration,
// envoy-gateway or istio: the resources in deploy/ that make its proxies call jwtgate,
// with the edits for a configuration and the origins of its front ends. An edit for which
// the platform has no field is left out; the linter names these.
func PlatformFragment(platform string, of *Existing, origins []string) ([]Piece, error) {
	resources, ok := platforms()[platform]
	if !ok {
		return nil, fmt.Errorf("got the platform %q; expected envoy-gateway or istio", platform)
	}
	edit := Edit{Origins: origins}
	if of != nil {
		edit = of.Needs.Edit()
		edit.Origins = origins
	}
	changes, err := edit.platformChanges()
	if err != nil {
		return nil, err
	}
	pieces := make([]Piece, len(resources))
	for i, one := range resources {
		data, err := deploy.Resource(one.file)
		if err != nil {
			return nil, err
		}
		c := cutter{lines: strings.SplitAfter(string(data), "\n")}
		if len(origins) == 0 && strings.HasSuffix(one.file, "/securitypolicy.yaml") {
			c.remove("spec:", "cors:")
		}
		faults := c.faults
		for _, change := range changes {
			faults = append(faults, change.applyWhereMarked(c.lines))
		}
		if err := errors.Join(faults...); err != nil {
			return nil, fmt.Errorf("%s: %w", one.file, err)
		}
		pieces[i] = Piece{one.title, one.where, strings.Join(c.lines, "")}
	}
	return pieces, nil
}

// platformChanges returns the changes to the platforms' resources.
func (e Edit) platformChanges() ([]change, error) {
	var changes []change
	var faults []error
	add := func(mark, find string, with func(string) string) {
		changes = append(changes, change{mark: mark, find: regexp.MustCompile(find), with: with})
	}
	if e.Identity != nil {
		pattern, err := namePattern(e.Identity)
		faults = append(faults, err)
		add("identity", regexp.QuoteMeta(everySpelling(IdentityNames())), always(pattern))
	}
	if e.EncodedSlash {
		add("encoded_slash", escapedRejected+"|escapedSlashesAction: RejectRequest", func(found string) string {
			if found == escapedRejected {
				return EscapedKept
			}
			return "escapedSlashesAction: KeepUnchanged"
		})
	}
	if e.DoubleSlash {
		add("double_slash", slashesMerged+"|disableMergeSlashes: false|MERGE_SLASHES", func(found string) string {
			return map[string]string{slashesMerged: SlashesKept, "disableMergeSlashes: false": "disableMergeSlashes: true",
				"MERGE_SLASHES": "BASE"}[found]
		})
	}
	for mark, names := range map[string][]string{"overrides": e.Overrides, "trailer_overrides": e.TrailerOverrides} {
		if names == nil {
			continue
		}
		item, err := Removal(names)
		faults = append(faults, err)
		const gatewayItem = `- \{ type: RegularExpression, value: "[^"]*" \}`
		add(mark, removalItem.String()+"|"+gatewayItem, func(found string) string {
			if strings.HasPrefix(found, "- { type:") && len(names) > 0 {
				return fmt.Sprintf("- { type: RegularExpression, value: %q }", everySpelling(names))
			}
			return item
		})
	}
	if len(e.Origins) > 0 {
		_, err := originList(e.Origins)
		list, _ := json.Marshal(e.Origins) // strings can always be written
		faults = append(faults, err)
		add("origins", `\[.*\]`, always(string(list)))
	}
	return changes, errors.Join(faults...)
}

// applyWhereMarked is apply for any number of marked lines.
func (c change) applyWhereMarked(lines []string) error {
	c.times = 0
	for _, line := range lines {
		if slices.Contains(marks(line), c.mark) {
			c.times++
		}
	}
	return c.apply(lines)
}
