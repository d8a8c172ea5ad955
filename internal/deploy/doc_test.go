// Package deploy holds the tests of what users deploy: the image, deploy/ with
// its compose file, manifests, chart and examples, and the release's binaries.
// It has no other code.
//
// Without a build tag it holds the Envoy files in deploy/ to the shipped one,
// byte for byte, so that what the end-to-end tests run is what is deployed. The
// tag deploy adds `make test-deploy`: each kind of file is read by the tools that
// its platform has, and held to rules that no such tool knows; the image is built
// as it is by everybody, and run; and the compose file's networks are laid out as
// network namespaces, with the real programs in them. The tag release adds `make
// release-check`, and the tag scale `make scale`, the tables of docs/scale.md.
//
// The rules are functions of a folder, so that TestPlantedErrorsAreFound runs the
// same ones over copies with one error each. What test-deploy runs needs root,
// buildah, busybox and iproute2; what is missing is a failure, never a skip.
package deploy
