#!/usr/bin/env python3
"""Checks of the source tree that no compiler makes.

usage: check_tree.py [ROOT]

Every test, benchmark and source file is registered with CMake; no test is switched off; every room
has a README; no file names a folder of somebody's machine; links between documents lead somewhere;
JSON files can be read; every error code is documented.
"""
import json
import pathlib
import re
import sys

import tree

# Absolute folders that exist on one developer's machine only. Spelled so that this file passes itself.
MACHINE_PATH = re.compile(r"(?<![\w.$}/*-])/(?:work|root|home/[a-z]\w*|Users/[A-Za-z]\w*)(?=/)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
DISABLED = re.compile(r"^\s*(?:TEST|TEST_F|TEST_P|TYPED_TEST)\s*\([^)]*DISABLED_", re.MULTILINE)


def registration_problems(root):
    """Files of rooms that CMake does not know: such a test never runs, such a source is dead."""
    for path in tree.own_files(root, {".cc", ".h"}):
        room = tree.room_of(path)
        if room is None:
            continue
        name = path.relative_to(pathlib.Path("src") / room).as_posix()
        sections = tree.room_sections(root, room)
        if path.stem.endswith("_test"):
            if name not in sections["TESTS"]:
                yield f"{path}: not in TESTS of src/{room}/CMakeLists.txt, so it never runs"
        elif path.stem.endswith("_bench"):
            if name not in sections["BENCHES"]:
                yield f"{path}: not in BENCHES of src/{room}/CMakeLists.txt"
        elif path.suffix == ".h":
            if name not in sections["HDRS"]:
                yield from private_header_problems(root, path, room, name)
        elif not is_word_of(name, tree.cmake_text(root / "src" / room / "CMakeLists.txt")):
            yield f"{path}: not in src/{room}/CMakeLists.txt, so it is never compiled"
    registered = "".join(tree.cmake_text(path) for path in sorted((root / "tests").rglob("CMakeLists.txt")))
    for path in tree.own_files(root, {".py", ".sh", ".cc"}):
        is_check = path.parts[0] == "tests" and (path.name.startswith("check_") or path.stem.endswith("_test"))
        call = rf"\w+\(\s*{re.escape(path.stem.removesuffix('_test'))}[\s)]"  # baleen_e2e(pipeline)
        if is_check and not is_word_of(path.name, registered) and not re.search(call, registered):
            yield f"{path}: not in a CMakeLists.txt of tests/, so it never runs"


def private_header_problems(root, path, room, name):
    """A header outside of HDRS, which nobody compiles alone, is the room's own affair."""
    for user in tree.own_files(root, {".cc", ".h"}):
        if tree.room_of(user) not in (None, room) and f'"{room}/{name}"' in (root / user).read_text():
            yield f"{path}: not in HDRS of src/{room}/CMakeLists.txt, but {user} includes it"


def is_word_of(name, text):
    return re.search(r"(?<![\w./-])(?:\S*/)?" + re.escape(name) + r"(?![\w.-])", text) is not None


def disabled_problems(root):
    for path in tree.own_files(root, {".cc"}):
        if DISABLED.search((root / path).read_text()):
            yield f"{path}: has a DISABLED_ test; repair or remove it"


def readme_problems(root):
    for room in tree.rooms(root):
        if not (root / "src" / room / "README.md").is_file():
            yield f"src/{room}: has no README.md"


def path_problems(root):
    for path in tree.own_files(root, tree.TEXT):
        try:
            text = (root / path).read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found = MACHINE_PATH.search(line)
            if found:
                yield f"{path}:{number}: names a folder of one machine ({found.group(0)}/)"


def link_problems(root):
    for path in tree.own_files(root, {".md"}):
        for target in LINK.findall((root / path).read_text()):
            file = target.split("#")[0]
            if file and not re.match(r"[a-z]+:", target) and not (root / path.parent / file).exists():
                yield f"{path}: links to {target}, which does not exist"


def json_problems(root):
    for path in tree.own_files(root, {".json"}):
        if path.parts[0] != "specs" and path.name != "CMakePresets.json":
            continue
        try:
            json.loads((root / path).read_text())
        except ValueError as error:
            yield f"{path}: {error}"


def error_problems(root):
    """Codes of the catalogue that docs/errors.md lacks, and codes documents name that do not exist."""
    catalogue = root / "specs/errors.json"
    if not catalogue.is_file():
        return
    codes = {entry["code"] for entry in json.loads(catalogue.read_text())["errors"]}
    page = root / "docs/errors.md"
    text = page.read_text() if page.is_file() else ""
    for code in sorted(codes):
        if f"`{code}`" not in text:
            yield f"docs/errors.md: does not explain {code}; run `make docs`"


CHECKS = (registration_problems, disabled_problems, readme_problems, path_problems, link_problems, json_problems,
          error_problems)


def problems(root):
    root = pathlib.Path(root)
    return [problem for check in CHECKS for problem in check(root)]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    found = problems(root)
    for problem in found:
        print(problem)
    print(f"tree: {len(tree.own_files(root))} files, {len(CHECKS)} checks, {len(found)} problems")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
