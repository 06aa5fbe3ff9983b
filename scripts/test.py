#!/usr/bin/env python3
"""Builds and runs some of the tests, or those of each room whose files change, again and again.

usage: scripts/test.py [-q] [-k PATTERN] [ROOM …]
       scripts/test.py --watch [-k PATTERN] [ROOM …]

  -q          one line for each room, and what the tests said that failed
  -k PATTERN  only tests whose name matches this regular expression (ctest -N -R PATTERN lists them)
  ROOM        only tests of these rooms: core, dsp, recipes/bioacoustics, e2e, tree, …
  --watch     wait for changes (inotify); a file below src/ROOM or tests/KIND runs the tests of that room

Only what these tests need is built. Without -k and ROOM all tests are meant. Ends with 1 if a test failed; --watch ends
with Ctrl-C. `make test-only T=PATTERN`, `make test-quiet` and `make watch` call this.
"""
import argparse
import ctypes
import json
import os
import pathlib
import select
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import tree  # noqa: E402

SETTLE_S = 0.3  # An editor writes several files, and a checkout hundreds.
# <sys/inotify.h>
CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE, IS_DIR, OVERFLOW = 0x8, 0x40, 0x80, 0x100, 0x200, 0x40000000, 0x4000
CHANGES = CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE
# What tests of these folders need without saying so on their command lines.
ALSO_NEEDED = {"resilience": ["baleen", "fault_shim", "clock_shim", "queue_simulation"]}
KINDS = ("e2e", "resilience", "peers", "web")


def label_of(path):
    """Whose tests a file (relative to the root) concerns: a ctest label, or None."""
    path = pathlib.PurePath(path)
    if any(part.startswith(".") or part in tree.SKIPPED for part in path.parts) or path.name.endswith(("~", ".swp", ".tmp")):
        return None
    room = tree.room_of(path)
    if room:
        return room.replace("/", ".")
    if path.parts[0] == "web":
        return "web"
    if len(path.parts) > 2 and path.parts[0] == "tests" and path.parts[1] in KINDS:
        return path.parts[1]
    return "tree" if path.parts[0] in tree.OWN or len(path.parts) == 1 else None


# ---- building and running -----------------------------------------------------------------------

def tests_of(build, pattern, labels):
    """The tests that ctest knows, as {label: [test]}."""
    words = ["ctest", "--test-dir", build, "--show-only=json-v1", *(["-R", pattern] if pattern else [])]
    found = {}
    for test in json.loads(subprocess.run(words, check=True, capture_output=True).stdout)["tests"]:
        properties = {entry["name"]: entry["value"] for entry in test.get("properties", ())}
        label = properties.get("LABELS", [""])[0]
        if not labels or label in labels:
            found.setdefault(label, []).append({**test, "properties": properties})
    return found


def targets_of(build, label, tests):
    """What must be built for them."""
    needed = set(ALSO_NEEDED.get(label, ()))
    for test in tests:
        if "command" not in test:  # Not built yet.
            needed.add("test_baleen_" + test["name"].replace(".", "_"))
        words = test.get("command", []) + [word.partition("=")[2] for word in test["properties"].get("ENVIRONMENT", ())]
        for word in words:
            path = pathlib.Path(word)
            if build in path.parents:
                needed.add(path.relative_to(build).as_posix())
    return sorted(needed)


def run_room(build, label, tests, options):
    """Builds and runs the tests of one room; whether they passed."""
    began_s = time.monotonic()
    quiet = {"capture_output": True, "text": True} if options.quiet else {}
    steps = [["ctest", "--test-dir", build, "--output-on-failure", "-j", str(options.jobs),
              "-L", f"^{label}$", *(["-R", options.pattern] if options.pattern else [])]]
    targets = targets_of(build, label, tests)
    if targets:
        steps.insert(0, ["cmake", "--build", build, "-j", str(options.jobs), "--target", *targets])
    for step in steps:
        outcome = subprocess.run([str(word) for word in step], check=False, **quiet)
        if outcome.returncode != 0:
            if options.quiet:
                print(outcome.stdout + outcome.stderr)
            what = "tests failed" if step is steps[-1] else "does not build"
            print(f"{label}: {what}", flush=True)
            return False
    if options.quiet:
        print(f"{label}: {len(tests)} tests passed, {time.monotonic() - began_s:.1f} s", flush=True)
    return True


def run(build, labels, options):
    found = tests_of(build, options.pattern, labels)
    if not found:
        print(f"no test: {', '.join(sorted(labels)) or options.pattern}", flush=True)
        return bool(labels) and not options.pattern
    return all([run_room(build, label, tests, options) for label, tests in sorted(found.items())])


# ---- watching -----------------------------------------------------------------------------------

class Inotify:
    """Which files below some folders change."""

    def __init__(self, root, folders):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self.root, self.folders = root, {}
        self.add(root, below=False)
        for folder in folders:
            if (root / folder).is_dir():
                self.add(root / folder)

    def add(self, folder, below=True):
        watch = self.libc.inotify_add_watch(self.fd, os.fsencode(folder), CHANGES)
        if watch < 0:
            print(f"watch: {folder}: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
            return
        self.folders[watch] = folder
        for entry in sorted(folder.iterdir()) if below else ():
            if entry.is_dir() and not entry.is_symlink() and entry.name not in tree.SKIPPED:
                self.add(entry)

    def read(self):
        """Files (relative to the root) that have changed since the last time."""
        changed = set()
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return changed
        at = 0
        while at < len(data):
            watch, mask, _, size = struct.unpack_from("iIII", data, at)
            name = data[at + 16:at + 16 + size].rstrip(b"\0")
            at += 16 + size
            if mask & OVERFLOW:
                print("watch: too many changes at once; some were missed", file=sys.stderr)
            if watch not in self.folders:
                continue
            path = self.folders[watch] / os.fsdecode(name)
            if mask & IS_DIR:
                if mask & (CREATE | MOVED_TO) and path.is_dir() and self.folders[watch] != self.root:
                    self.add(path)
                    changed |= {each.relative_to(self.root) for each in path.rglob("*") if each.is_file()}
            elif not mask & CREATE:  # A file that is made is also closed.
                changed.add(path.relative_to(self.root))
        return changed

    def wait(self):
        """Blocks until something changed, and has settled."""
        changed = set()
        while not changed:
            select.select([self.fd], [], [])
            changed |= self.read()
        while select.select([self.fd], [], [], SETTLE_S)[0]:
            changed |= self.read()
        return changed


def watch(root, build, wanted, options):
    inotify = Inotify(root, tree.OWN)
    print(f"watching {root}; Ctrl-C ends it", flush=True)
    while True:
        changed = inotify.wait()
        labels = {label_of(path) for path in changed} - {None}
        if wanted:
            labels &= wanted
        if labels:
            print(f"\n{', '.join(sorted(map(str, changed))[:5])}{' …' if len(changed) > 5 else ''}", flush=True)
            run(build, labels, options)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", metavar="ROOM")
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("-k", dest="pattern", default="", metavar="PATTERN")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help=argparse.SUPPRESS)
    parser.add_argument("--build", type=pathlib.Path, help="the build folder (default: build/)")
    options = parser.parse_args()
    root = options.root.resolve()
    build = (options.build or root / "build").resolve()
    if not (build / "CTestTestfile.cmake").is_file():
        sys.exit(f"{build} is not configured: make build")
    labels = {room.rstrip("/").removeprefix("src/").replace("/", ".") for room in options.rooms}
    if options.watch:
        options.quiet = True
        try:
            watch(root, build, labels, options)
        except KeyboardInterrupt:
            return 0
    return 0 if run(build, labels, options) else 1


if __name__ == "__main__":
    sys.exit(main())
