// Package deploy contains the tests of what users deploy: the image, deploy/ with its
// compose file, manifests, chart and examples, and the release's binaries. It has no
// other code.
//
// Without a build tag it compares the Envoy files in deploy/ with the shipped one, byte
// for byte, so that users deploy the file that the end-to-end tests run. The tag deploy
// adds `make test-deploy`: it checks each kind of file with its platform's tools and
// with rules that those tools lack; it builds and runs the image; and it makes the
// compose file's networks as network namespaces, with the real programs in them. The
// tag release adds `make release-check`, and the tag scale `make scale`, which makes
// the tables of docs/scale.md.
//
// The rules are functions of a folder, so that TestPlantedErrorsAreFound runs the same
// rules on copies with one error each. test-deploy needs root, buildah, busybox and
// iproute2; a missing one is a failure, never a skip.
package deploy
