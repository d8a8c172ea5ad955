// Package deploy contains the resources of this folder that `jwtgate init --fragment`
// prints for a platform. It changes nothing.
//
// Invariants:
//
//  1. The resources are the files of the folders, byte for byte (TestResource).
package deploy

import "embed"

//go:embed envoy-gateway/securitypolicy.yaml envoy-gateway/clienttrafficpolicy.yaml
//go:embed istio/mesh.yaml istio/authorizationpolicy.yaml istio/envoyfilter.yaml
var files embed.FS

// Resource returns a resource by its path in this folder. The error names a file that is
// not one of those that `init --fragment` prints.
func Resource(name string) ([]byte, error) { return files.ReadFile(name) }
