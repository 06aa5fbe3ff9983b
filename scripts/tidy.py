#!/usr/bin/env python3
"""Runs clang-tidy on the sources of src/, in parallel; every finding is an error.

usage: tidy.py [--build DIR] [--jobs N] [--tests] [--minutes M] [FILE…]

Tests are left out unless asked for: they double the time and rarely teach anything. A file that was
clean is not looked at again until it, a header it includes, its command or .clang-tidy changes
(DIR/tidy/ remembers). After M minutes no further file is begun, and those left out are named.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--tests", action="store_true")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--strict", action="store_const", const=["--warnings-as-errors=*"], default=[],
                        help="every finding fails, not only those that .clang-tidy makes errors")
    parser.add_argument("files", nargs="*")
    return parser.parse_args()


def commands(options):
    """{source: compile command} of what is to be checked."""
    wanted = {str(pathlib.Path(name).resolve()) for name in options.files}
    found = {}
    for entry in json.loads((pathlib.Path(options.build) / "compile_commands.json").read_text()):
        path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        is_test = re.search(r"_(test|bench)\.cc$", path) is not None
        in_src = path.startswith(str(ROOT / "src") + "/")
        if path in wanted or (not wanted and in_src and (options.tests or not is_test)):
            found[path] = entry
    return found


def headers_of(entry):
    """The project's files that this one includes, as the compiler sees it (about a tenth of clang-tidy's time)."""
    command = shlex.split(entry["command"])
    if os.path.basename(command[0]) == "ccache":
        command = command[1:]
    if "-o" in command:
        at = command.index("-o")
        del command[at:at + 2]
    command = [word for word in command if word != "-c"] + ["-MM"]
    done = subprocess.run(command, cwd=entry["directory"], capture_output=True, text=True)
    if done.returncode != 0:
        return None
    names = done.stdout.split(":", 1)[1].replace("\\\n", " ").split()
    paths = {os.path.normpath(os.path.join(entry["directory"], name)) for name in names}
    return sorted(path for path in paths if path.startswith(str(ROOT)))


def key_of(entry):
    """A digest of everything that the outcome depends on, or None if it cannot be told."""
    headers = headers_of(entry)
    if headers is None:
        return None
    digest = hashlib.sha256(entry["command"].encode())
    for path in [str(ROOT / ".clang-tidy"), *headers]:
        digest.update(path.encode() + b"\0" + pathlib.Path(path).read_bytes() + b"\0")
    return digest.hexdigest()


def check(path, entry, options, deadline):
    """(path, state, output); state is clean, cached, found or skipped."""
    if time.monotonic() > deadline:
        return path, "skipped", ""
    key = key_of(entry)
    stamp = pathlib.Path(options.build) / "tidy" / (key or "none")
    if key and stamp.exists():
        return path, "cached", ""
    done = subprocess.run(["clang-tidy", "-quiet", *options.strict, "-p", options.build, path],
                          capture_output=True, text=True)
    if done.returncode != 0:
        return path, "found", done.stdout + re.sub(r"^\d+ warnings?.*\n|^Suppressed .*\n|^Use -header.*\n", "",
                                                   done.stderr, flags=re.MULTILINE)
    if "warning:" in done.stdout:
        print(done.stdout, flush=True)
    elif key:
        stamp.parent.mkdir(exist_ok=True)
        stamp.touch()
    return path, "clean", ""


def main():
    options = parse_arguments()
    deadline = time.monotonic() + options.minutes * 60
    todo = commands(options)
    count = dict.fromkeys(("clean", "cached", "found", "skipped"), 0)
    skipped = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = [pool.submit(check, path, entry, options, deadline) for path, entry in sorted(todo.items())]
        for job in concurrent.futures.as_completed(jobs):
            path, state, output = job.result()
            count[state] += 1
            if state == "found":
                print(output, flush=True)
            if state == "skipped":
                skipped.append(os.path.relpath(path, ROOT))
    if skipped:
        print("clang-tidy: no time left for " + " ".join(sorted(skipped)))
    print(f"clang-tidy: {len(todo)} files: {count['clean']} clean, {count['cached']} unchanged since they were clean, "
          f"{count['found']} with findings, {count['skipped']} left out")
    sys.exit(1 if count["found"] or not todo else 0)


main()
