#!/usr/bin/env python3
"""Completes the SBOM of a binary and writes that of the image.

    sbom.py BINARY.cdx.json IMAGE.cdx.json

cyclonedx-gomod finds the licence of each module in Go's module cache, where neither
jwtgate nor Go's standard library is. The image contains the binary and the
certificate authorities of the Dockerfile's build image. Their version is that of the
build image, which is not known here: the image that the release workflow publishes
has an SBOM that names it. Exit status: 0 done, 1 an SBOM has another form.
"""

import copy
import json
import pathlib
import sys

# Debian's package is under two licences: MPL-2.0 for the certificates, GPL-2.0-or-later
# for the scripts, which the image does not contain.
AUTHORITIES = {
    "bom-ref": "pkg:deb/debian/ca-certificates?distro=bookworm",
    "type": "data",
    "name": "ca-certificates",
    "description": "/etc/ssl/certs/ca-certificates.crt of the Dockerfile's build image",
    "scope": "required",
    "purl": "pkg:deb/debian/ca-certificates?distro=bookworm",
    "licenses": [{"license": {"id": "MPL-2.0"}}],
}


def licensed(component, licence):
    component["licenses"] = [{"license": {"id": licence}}]


def main(binary, image):
    bom = json.loads(binary.read_text())
    program = bom["metadata"]["component"]
    licensed(program, "Apache-2.0")
    standard = [c for c in bom["components"] if c["name"] == "std"]
    if len(standard) != 1:
        sys.exit(f"{binary.name} lists Go's standard library {len(standard)} times")
    licensed(standard[0], "BSD-3-Clause")
    binary.write_text(json.dumps(bom, indent=2) + "\n")

    bom = copy.deepcopy(bom)
    bom["metadata"]["component"] = {
        "bom-ref": "image", "type": "container", "name": "jwtgate",
        "version": program["version"], "licenses": program["licenses"],
    }
    bom["components"] = [program, AUTHORITIES] + bom["components"]
    bom.setdefault("dependencies", []).append(
        {"ref": "image", "dependsOn": [program["bom-ref"], AUTHORITIES["bom-ref"]]})
    image.write_text(json.dumps(bom, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*map(pathlib.Path, sys.argv[1:]))
