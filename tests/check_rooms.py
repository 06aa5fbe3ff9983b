#!/usr/bin/env python3
"""Compares the includes of src/ with the table of rooms in ARCHITECTURE.md.

usage: check_rooms.py [ROOT]

The table between the `rooms:` markers names each room, which rooms it may use, and the third-party
headers that it alone may see. The checks: a room uses only what its row allows; rows point upwards
in the table only, so there are no cycles; quoted includes are written "room/file.h"; third-party
headers stay in their rooms; the DEPS of CMake say the same as the table.
"""
import fnmatch
import pathlib
import re
import sys

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
# Of the C library and the kernel; C++ headers have neither a dot nor a slash.
SYSTEM = ("sys/*", "linux/*", "netinet/*", "arpa/*", "net/*", "asm/*", "bits/*", "*intrin.h")
SYSTEM_NAMES = set("""assert.h ctype.h cpuid.h dirent.h dlfcn.h elf.h endian.h errno.h execinfo.h fcntl.h
  float.h ftw.h getopt.h glob.h grp.h inttypes.h libgen.h limits.h locale.h malloc.h math.h netdb.h poll.h
  pthread.h pwd.h sched.h semaphore.h signal.h spawn.h stdarg.h stddef.h stdint.h stdio.h stdlib.h string.h
  syscall.h sysexits.h termios.h time.h ucontext.h unistd.h utime.h wchar.h""".split())


class Table:
    """The rows of ARCHITECTURE.md: `may_use` and `headers` of each room, in the order of the table."""

    def __init__(self, text):
        block = re.search(r"<!-- rooms: begin -->(.*?)<!-- rooms: end -->", text, re.DOTALL)
        if not block:
            sys.exit("ARCHITECTURE.md: no table between <!-- rooms: begin --> and <!-- rooms: end -->")
        self.may_use, self.headers = {}, {}
        for line in block.group(1).splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            names = re.findall(r"`([^`]+)`", cells[0])
            if len(cells) != 4 or not names:
                continue
            for name in names:
                self.may_use[name] = re.findall(r"`([^`]+)`", cells[2])
                self.headers[name] = re.findall(r"`([^`]+)`", cells[3])

    def row(self, room):
        """The row of a room: its own, or that of its family ("recipes/*")."""
        if room in self.may_use:
            return room
        return next((name for name in self.may_use if fnmatch.fnmatchcase(room, name)), None)

    def allows(self, user, used):
        row = self.row(user)
        return user == used or any(fnmatch.fnmatchcase(used, name) for name in self.may_use[row])

    def headers_of(self, room):
        return self.headers[self.row(room)] + self.headers.get("any", [])


def table_problems(table):
    order = list(table.may_use)
    for room in order:
        for used in table.may_use[room]:
            if used not in order:
                yield f"ARCHITECTURE.md: {room} may use {used}, which is no room of the table"
            elif order.index(used) >= order.index(room):
                yield f"ARCHITECTURE.md: {room} may use {used}, which is not above it in the table"


def room_of_include(name, known):
    parts = name.split("/")
    if parts[0] == "recipes" and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0] if len(parts) > 1 and parts[0] in known else None


def is_standard(name):
    if "/" not in name and "." not in name:
        return True
    return name in SYSTEM_NAMES or any(fnmatch.fnmatchcase(name, p) for p in SYSTEM)


def matches(name, prefixes):
    return any(name.startswith(prefix) for prefix in prefixes)


def is_test(path):
    return path.stem.endswith(("_test", "_bench")) or "testing" in path.parts


def is_third_party(name, table):
    return any(matches(name, headers) for headers in table.headers.values())


def third_party_problem(path, room, name, table):
    """Why this file may not include <name>, or None."""
    if is_standard(name) or matches(name, table.headers_of(room)):
        return None
    if name.startswith(("gtest/", "gmock/")):
        return None if is_test(path) else f"includes <{name}>, which is for tests"
    if name.startswith("benchmark/"):
        return None if path.stem.endswith("_bench") else f"includes <{name}>, which is for benchmarks"
    owners = [owner for owner, headers in table.headers.items() if matches(name, headers)]
    if owners:
        return f"includes <{name}>, which only {' and '.join(owners)} may see"
    return f"includes <{name}>, which no room of ARCHITECTURE.md owns: add it to the row of one"


def include_problems(root, table):
    known = {name.split("/")[0] for name in table.may_use}
    for path in tree.own_files(root, {".cc", ".h"}):
        room = tree.room_of(path)
        if room is None:
            continue
        if table.row(room) is None:
            yield f"{path}: the room {room} is missing from the table of ARCHITECTURE.md"
            continue
        text = (root / path).read_text()
        for match in INCLUDE.finditer(text):
            where = f"{path}:{text.count(chr(10), 0, match.start(1) if match.group(1) else match.start(2)) + 1}"
            quoted, angled = match.groups()
            used = room_of_include(quoted or angled, known)
            if quoted and quoted.startswith("support/") and is_test(path):
                continue  # tests/support: helpers of all rooms' tests.
            if quoted and used is None and is_third_party(quoted, table):
                quoted, angled = None, quoted  # Highway is written in quotes.
            if quoted and used is None:
                yield f'{where}: write "room/file.h", not "{quoted}"'
            elif used is not None and not table.allows(room, used):
                yield f"{where}: {room} may not use {used}"
            elif angled and used is None:
                problem = third_party_problem(path, room, angled, table)
                if problem:
                    yield f"{where}: {problem}"


def cmake_problems(root, table):
    for room in tree.rooms(root):
        for used in tree.room_sections(root, room)["DEPS"]:
            if table.row(room) and not used.startswith("$") and not table.allows(room, used):
                yield f"src/{room}/CMakeLists.txt: {room} may not use {used} (DEPS)"


def problems(root):
    root = pathlib.Path(root)
    table = Table((root / "ARCHITECTURE.md").read_text())
    return [*table_problems(table), *include_problems(root, table), *cmake_problems(root, table)]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    found = problems(root)
    for problem in found:
        print(problem)
    print(f"rooms: {len(tree.rooms(root))} rooms, {len(found)} problems")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
