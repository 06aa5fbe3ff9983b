"""Steers the preloaded library (fault_shim.cc): which call is to fail how, what was counted, what was recorded."""
import ctypes
import mmap
import os
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402

LIBRARY = pathlib.Path(os.environ.get("BALEEN_BUILD", harness.ROOT / "build")) / "tests/resilience/libfault_shim.so"
KINDS = ("", "open", "close", "write", "fsync", "rename", "link", "unlink", "mkdir", "truncate", "msync", "fallocate",
         "copy")
FAULTS = {"NONE": 0, "KILL_BEFORE": 1, "KILL_AFTER": 2, "EIO": 3, "ENOSPC": 4, "SHORT": 5, "EINTR": 6, "KILL_ONE": 7,
          "LOST_WRITE": 8}
SWALLOW = {"files": 1, "directories": 2, "database": 4}
OPS = ("", "create", "write", "truncate", "sync", "rename", "link", "unlink", "mkdir")
TRACE_MAX, FAILED_MAX, PATH_MAX, BY_CHILD = 65536, 64, 256, 0x80
RECORD = struct.Struct("<IHHHHIQq")


class Page(ctypes.Structure):
    """The same as Page in fault_shim.h."""
    _fields_ = [(name, ctypes.c_uint64) for name in (
        "magic", "fault_at", "fault", "swallow", "log_capacity", "log_bytes", "log_overflow", "calls", "is_dead",
        "fired", "fired_kind", "violations", "is_ready", "lies", "first_pid")] + [
        ("fired_path", ctypes.c_char * PATH_MAX), ("violation_path", ctypes.c_char * PATH_MAX),
        ("failed", ctypes.c_uint64 * (4 * FAILED_MAX)), ("mutex", ctypes.c_char * 64),
        ("trace", ctypes.c_uint8 * TRACE_MAX)]


class Operation:
    """One entry of the log."""
    __slots__ = ("kind", "path", "other", "inode", "offset", "data", "end")

    def __init__(self, kind, path, other, inode, offset, data, end):
        self.kind, self.path, self.other, self.inode, self.offset, self.data, self.end = (
            kind, path, other, inode, offset, data, end)

    def __repr__(self):
        return f"{self.kind} {self.path} {self.other} #{self.inode} @{self.offset} +{len(self.data)}"


class Shim:
    """A page, and a log if `log_mb` is given, for the runs of one place. The files lie beside the data root."""

    def __init__(self, folder, root, log_mb=0, swallow=0):
        self.root = os.path.realpath(root)
        self.page_file, self.log_file = pathlib.Path(folder) / "shim.page", pathlib.Path(folder) / "shim.log"
        self.page_file.write_bytes(bytes(ctypes.sizeof(Page)))
        with open(self.page_file, "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self.page = Page.from_buffer(self._memory)
        self.page.magic = 0x314D494853544C46
        self.page.swallow = swallow
        self.environment = {"LD_PRELOAD": LIBRARY, "FAULT_SHIM_PAGE": self.page_file, "FAULT_SHIM_ROOT": self.root}
        if log_mb:
            with open(self.log_file, "wb") as file:
                file.truncate(log_mb << 20)
            self.page.log_capacity = log_mb << 20
            self.environment["FAULT_SHIM_LOG"] = self.log_file

    def arm(self, call, fault):
        """The next run: counts from 1, and this fault at this call."""
        self.page.calls = self.page.is_dead = self.page.fired = self.page.fired_kind = self.page.first_pid = 0
        self.page.fault_at, self.page.fault = call, FAULTS[fault]
        ctypes.memset(ctypes.addressof(self.page.trace), 0, TRACE_MAX)

    @property
    def trace(self):
        """The kinds of the calls of the last run, in order."""
        return [KINDS[kind & ~BY_CHILD] for kind in self._trace()]

    @property
    def calls_of_children(self):
        """The numbers of those that another than the first process made."""
        return {call for call, kind in enumerate(self._trace(), 1) if kind & BY_CHILD}

    def _trace(self):
        return self.page.trace[:min(self.page.calls, TRACE_MAX)]

    @property
    def what_fired(self):
        return f"{KINDS[self.page.fired_kind]} of {self.page.fired_path.decode().removeprefix(self.root)}"

    def operations(self):
        """What was recorded. Paths are relative to the root; the root itself is "."."""
        if self.page.log_overflow:
            raise AssertionError("the log is too small")
        content = self.log_file.read_bytes()[:self.page.log_bytes]
        found, at = [], 0
        while at < len(content):
            size, kind, n_path, n_other, _, n_data, inode, offset = RECORD.unpack_from(content, at)
            rest = at + RECORD.size
            path, other = content[rest:rest + n_path], content[rest + n_path:rest + n_path + n_other]
            data = content[rest + n_path + n_other:rest + n_path + n_other + n_data]
            at += size
            target = self._name(other) if other else ""
            found.append(Operation(OPS[kind], self._name(path), target, inode, offset, data, at))
        return found

    def _name(self, path):
        return os.path.relpath(path.decode(), self.root)


def need_library():
    """Why the tests cannot be made here; nothing if they can."""
    if not LIBRARY.exists():
        return f"{LIBRARY} is not built"
    with harness.Place() as place:
        shim = Shim(place.path, place.data)
        outcome = place.run("ingest", harness.make_wav(place.path / "a.wav", 0.1), **shim.environment)
        if shim.page.calls == 0:
            return f"the program does not take a preloaded library: {outcome.err[:200]}"
    return None
