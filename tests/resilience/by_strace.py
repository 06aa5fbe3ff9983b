"""The same by other means: strace counts what the preloaded library counts, and makes some of the faults without it."""
import collections
import os
import re
import shutil
import subprocess

import shim
import harness  # Found by shim.

KIND_OF = {"openat": "open", "open": "open", "creat": "open", "close": "close", "write": "write", "pwrite64": "write",
           "writev": "write", "pwritev": "write", "fsync": "fsync", "fdatasync": "fsync", "rename": "rename",
           "renameat": "rename", "renameat2": "rename", "link": "link", "linkat": "link", "unlink": "unlink",
           "unlinkat": "unlink", "rmdir": "unlink", "mkdir": "mkdir", "mkdirat": "mkdir", "ftruncate": "truncate",
           "truncate": "truncate", "msync": "msync", "fallocate": "fallocate", "copy_file_range": "copy",
           "sendfile": "copy"}
CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)", re.DOTALL)
# (call, what happens, which one of the process)
INJECTIONS = (("fsync", "error=EIO", 3), ("fsync", "error=EIO", 1), ("pwrite64", "error=ENOSPC", 120),
              ("rename", "error=EIO", 1),
              ("renameat", "error=EIO", 1), ("unlink", "error=EIO", 1), ("pwrite64", "signal=SIGKILL", 150),
              ("fdatasync", "signal=SIGKILL", 6), ("fdatasync", "error=EIO", 5), ("pwrite64", "error=EINTR", 60),
              ("openat", "signal=SIGKILL", 150), ("ftruncate", "error=EIO", 1), ("mkdir", "error=ENOSPC", 1))


def is_there():
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-qq", "-o", os.devnull, "true"]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def traced(place, words, options, environment=()):
    """A run of the program below strace: (outcome, what strace wrote)."""
    output = place.path / "strace.out"
    command = ["strace", "-f", "-y", "-qq", "-s", "0", "-o", str(output), *options]
    for name, value in dict(environment).items():
        command += ["-E", f"{name}={value}"]
    command += [harness.PROGRAM, "--data", str(place.data), *(str(word) for word in words)]
    process = subprocess.Popen(command, cwd=place.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True,
                               env=harness.clean_environment(**place.environment))
    try:
        out, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired as error:
        harness.kill_group(process)
        raise AssertionError(f"{command} hangs") from error
    return harness.Outcome(command, process.returncode, out, err, 0), output.read_text(errors="replace")


def count(text, root):
    """How often each kind of call was made on files below the root, and how often by the C library itself.

    A folder that is read, not synced, is closed by closedir(), inside the library.
    """
    counts, read_only, synced, closed = collections.Counter(), set(), set(), []
    for line in text.splitlines():
        found = CALL.match(line)
        if not found or found.group(1) not in KIND_OF or "/logs/" in line:
            continue
        kind, rest = KIND_OF[found.group(1)], found.group(2)
        path = re.search(re.escape(root) + r'(?:/[^">]*)?(?=[">])', rest)
        if path is None:
            continue
        counts[kind] += 1
        if kind == "open" and "O_DIRECTORY" in rest:
            read_only.add(path.group())
        elif kind == "fsync":
            synced.add(path.group())
        elif kind == "close":
            closed.append(path.group())
    return counts, sum(path in read_only - synced for path in closed)


def cross_check(case, settings, command):
    """The library and strace count the same in one and the same run. Returns what was counted."""
    with harness.Place(**settings) as place:
        steer = shim.Shim(place.path, place.data)
        steer.arm(0, "NONE")
        outcome, text = traced(place, command, ["-e", "trace=" + ",".join(KIND_OF)], steer.environment)
        case.assertEqual(outcome.status, 0, str(outcome))
        ours = collections.Counter(steer.trace)
        theirs, n_inside = count(text, steer.root)
        hidden = theirs["close"] - ours["close"]
        case.assertIn(hidden, range(n_inside + 1))
        case.assertEqual(dict(theirs), dict(ours + collections.Counter(close=hidden)))
        return dict(theirs)


def injections(case, settings, command, judge, n=len(INJECTIONS)):
    """Faults made by strace, without our library: each must end and be made good like the others. How many it made."""
    n_made = 0
    for call, what, when in INJECTIONS[:n]:
        with harness.Place(**settings) as place:
            outcome, text = traced(place, command, ["-e", f"trace={call}", "-e", f"inject={call}:{what}:when={when}"])
            n_made += "INJECTED" in text or "killed by SIGKILL" in text
            case.assertIn(outcome.status, (-9, *range(126)), str(outcome))
            judge(place, outcome, what)
    return n_made
