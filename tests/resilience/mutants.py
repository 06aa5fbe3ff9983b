#!/usr/bin/env python3
"""Mistakes made on purpose in core, store and engine, one at a time: does a test notice?

usage: mutants.py [--only N,N,…] [--in CHECKOUT]

Each mutant replaces one place of a copy of the tree by something that somebody could have written, chosen where it
would hurt; the rooms' own tests are then built and run, the likeliest first. One that survives is a test to be
written. Works below build-mutants/, never in the tree itself; --in takes another checkout, which nobody else uses
meanwhile and whose build/ saves the time of the first build.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLACE = ROOT / "build-mutants"
TREE = PLACE / "tree"
BUILD = TREE / "build"
CAUGHT_MIN = 27
TEST_TIMEOUT_S = 120

QUEUE = ["queue_test", "queue_inputs_test", "queue_edges_test", "queue_turns_test", "queue_conformance_test",
         "queue_clock_test", "every_statement_test", "every_call_test"]


def likely(test):
    """The tests of the queue, this one first."""
    return [test, *(other for other in QUEUE if other != test)]


UPLOAD = ["upload_test", "every_call_test", "every_statement_test"]

# (file, what is there, what is put there, what it would do, tests of the room)
MUTANTS = [
    ("engine/queue_rules.h", "return is_retryable && attempt < attempts_max;",
     "return is_retryable && attempt <= attempts_max;", "a task is tried once more than allowed", likely("queue_test")),
    ("engine/queue_rules.h", "static_cast<std::size_t>(attempt - 1))];", "static_cast<std::size_t>(attempt))];",
     "the first retry waits as long as the second should", likely("queue_test")),
    ("engine/queue_rules.h", "return interruptions >= interruptions_max;", "return interruptions > interruptions_max;",
     "a task that kills its workers kills one more", likely("queue_conformance_test")),
    ("engine/queue_finish.cc", '"feature_spec_alias = $3 AND fence = $4",',
     '"feature_spec_alias = $3 AND fence >= $4",',
     "a worker that lost its lease publishes", likely("queue_test")),
    ("engine/queue_finish.cc", "if (changed == 0) lost.push_back(fence);", "if (changed < 0) lost.push_back(fence);",
     "no worker hears of a cancellation", likely("queue_test")),
    ("engine/queue_finish.cc", '"UPDATE tasks SET attempts = attempts - 1, interruptions = "',
     '"UPDATE tasks SET attempts = attempts, interruptions = "', "a worker's death costs an attempt",
     likely("queue_test")),
    ("engine/queue_finish.cc", "const bool keeps_work = state.will_retry && error.code != ErrorCode::disk_full;",
     "const bool keeps_work = state.will_retry;", "a full disk stays full of half-done work",
     likely("queue_edges_test")),
    ("engine/queue_finish.cc", '"AND NOT EXISTS (SELECT 1 FROM stage_locks l WHERE l.asset_id = t.asset_id "',
     '"AND 1 NOT IN (SELECT 0 FROM stage_locks l WHERE l.asset_id = t.asset_id "',
     "a late worker removes what the current one writes", likely("queue_edges_test")),
    ("engine/queue_finish.cc", "BALEEN_RETURN_IF_ERROR(core::publish_file(file.temporary, final_path));",
     "(void)core::publish_file(file.temporary, final_path).ok();", "a row names a file that never got its name",
     likely("queue_edges_test")),
    ("engine/queue_finish.cc", 'state = \'waiting\' AND upstream_open <= 1 THEN',
     'state = \'waiting\' AND upstream_open <= 2 THEN',
     "a task starts before all its inputs are there", likely("queue_conformance_test")),
    ("engine/queue_finish.cc", "seconds = seconds + $1, is_forced = 0 WHERE", "seconds = seconds + $1 WHERE",
     "what was asked for once runs again whenever it can", likely("queue_conformance_test")),
    ("engine/queue_claim.cc", "t.not_before_us <= $2)", "t.not_before_us <= $2 + 120000000)",
     "retries come two minutes early", likely("queue_test")),
    ("engine/queue_claim.cc", " ORDER BY t.rank_us, t.task_id LIMIT 1", " ORDER BY t.task_id LIMIT 1",
     "priorities do nothing", likely("queue_turns_test")),
    ("engine/queue_claim.cc", "if (holder && holder->signature != plan.signature)",
     "if (holder && plan.signature.empty())",
     "a new version's artifact overwrites the old one's", likely("queue_test")),
    ("engine/queue_claim.cc",
     "if (!is_forced && store::look_at_file(root_, output) == store::FileState::intact) continue;",
     "if (!is_forced) continue;", "the row of a lost file stays beside its successor's",
     likely("queue_conformance_test")),
    ("engine/queue_claim.cc", "if (plan.error().code == ErrorCode::database_error) return std::move(plan).error();", "",
     "a moment's trouble of the database fails a task for good", likely("every_statement_test")),
    ("engine/queue_admin.cc", '"WHERE run_id = $1 AND state = \'running\')",',
     '"WHERE run_id = $1 AND state = \'queued\')",',
     "a canceled attempt keeps its lease and publishes", likely("queue_test")),
    ("engine/queue_admin.cc", '"UPDATE tasks SET attempts = 0, interruptions = 0, "',
     '"UPDATE tasks SET interruptions = 0, "',
     "a retry has no attempts left", likely("queue_test")),
    ("engine/queue.cc", "if (is_whole) {", "if (is_whole || !options.forced_stages.empty()) {",
     "a rerun joins the run that it was to replace", likely("queue_test")),
    ("engine/planner.cc", "if (view.error()) return *view.error();", "",
     "a failed look for a file counts as 'there is none'", ["every_statement_test", *QUEUE]),
    ("engine/planner.cc", "if (!found || store::look_at_file(root_, *found) != store::FileState::intact) {",
     "if (!found || store::look_at_file(root_, *found) == store::FileState::missing) {",
     "a damaged input is read", likely("queue_conformance_test")),
    ("engine/ingest.cc", "    BALEEN_RETURN_IF_ERROR(core::sync_file(copy));\n", "",
     "a power cut empties a recording that was acknowledged", ["every_call_test", "ingest_test"]),
    ("engine/upload.cc", "n > s.upload.bytes - s.locked.bytes) {", "n > s.upload.bytes) {",
     "more bytes than announced are taken", UPLOAD),
    ("engine/upload_end.cc", "if (n_changed == 0) return locked_error(upload.upload_id);", "(void)n_changed;",
     "two that complete an upload make two runs", UPLOAD),
    ("store/database.cc", "PRAGMA synchronous=FULL;", "PRAGMA synchronous=NORMAL;",
     "a power cut takes back what was acknowledged", ["database_test"]),
    ("store/database.cc", "sqlite3_busy_handler(impl->connection, wait_for_lock, nullptr);", "",
     "two processes at once: 'database is locked'", ["database_test"]),
    ("store/database.cc", 'execute_values("BEGIN IMMEDIATE", {})', 'execute_values("BEGIN", {})',
     "two claim the same task", ["database_test"]),
    ("core/file.cc", '    BALEEN_FAILPOINT("ATOMIC_WRITE_AFTER_TMP_WRITE");\n    return sync_file(file);',
     '    BALEEN_FAILPOINT("ATOMIC_WRITE_AFTER_TMP_WRITE");\n    return {};',
     "a file has its name before its bytes are safe", ["file_test", "file_faults_test"]),
    ("core/file.cc",
     '  BALEEN_FAILPOINT("ATOMIC_WRITE_AFTER_RENAME");\n  return sync_directory(final_path.parent_path());',
     '  BALEEN_FAILPOINT("ATOMIC_WRITE_AFTER_RENAME");\n  return {};', "a name is lost in a power cut",
     ["file_test", "file_faults_test"]),
    ("core/process.cc", "stat->start_ticks != process.start_ticks", "stat->start_ticks < process.start_ticks",
     "a number used again keeps a dead worker's lease", ["ids_test"]),
]


def use(checkout):
    """Works in this checkout instead of a copy."""
    global TREE, BUILD
    TREE = checkout.resolve()
    BUILD = TREE / "build"


def prepare():
    """A copy of the tree as it is, and its build; both are kept between calls."""
    files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
     "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, files):
        source, target = ROOT / name, TREE / name
        if source.is_symlink() or not source.is_file():
            continue
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        target.touch()
    if (ROOT / ".deps").exists() and not (TREE / ".deps").exists():
        (TREE / ".deps").symlink_to(ROOT / ".deps")
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    subprocess.run(["cmake", "--preset", "release", "-DBALEEN_WITH_WEB=OFF", *launcher], cwd=TREE, check=True,
                   stdout=subprocess.DEVNULL)


def build(room, tests):
    targets = [f"test_baleen_{room}_{test}" for test in tests]
    return subprocess.run(["ninja", "-C", BUILD, *targets], check=False, capture_output=True, text=True)


def who_notices(room, tests):
    """The first test that fails, the compiler if there is nothing to run, or None."""
    for test in tests:
        if build(room, [test]).returncode != 0:
            return "the compiler"
        try:
            done = subprocess.run([BUILD / "src" / room / f"test_baleen_{room}_{test}"], check=False, cwd=BUILD,
                                  capture_output=True, timeout=TEST_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return f"{test} (it hangs)"
        if done.returncode != 0:
            return test
    return None


def attempt(mutant):
    file, old, new, _, tests = mutant
    path = TREE / "src" / file
    text = path.read_text()
    if text.count(old) != 1:
        return "?"
    path.write_text(text.replace(old, new))
    try:
        return who_notices(file.split("/")[0], tests)
    finally:
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="numbers of mutants, from 1")
    parser.add_argument("--in", dest="checkout", type=pathlib.Path, help="a checkout of its own, instead of a copy")
    options = parser.parse_args()
    chosen = [int(word) for word in options.only.split(",")] if options.only else range(1, len(MUTANTS) + 1)
    if options.checkout:
        use(options.checkout)
    else:
        prepare()
    for room in ("core", "store", "engine"):
        needed = sorted({test for file, *_, tests in MUTANTS if file.startswith(room) for test in tests})
        done = build(room, needed)
        if done.returncode != 0:
            sys.exit(f"mutants: the tree as it is does not build\n{done.stdout[-3000:]}")
    survivors, unknown = [], []
    for number in chosen:
        mutant = MUTANTS[number - 1]
        began_s = time.monotonic()
        noticed = attempt(mutant)
        verdict = f"caught by {noticed}" if noticed else "SURVIVED"
        if noticed == "?":
            verdict = "cannot be made: its place has changed"
            unknown.append(number)
        elif not noticed:
            survivors.append(number)
        print(f"{number:3} {mutant[0]}: {mutant[3]}: {verdict} ({time.monotonic() - began_s:.0f} s)", flush=True)
    n_caught = len(chosen) - len(survivors) - len(unknown)

    print(f"mutants: {n_caught} of {len(chosen)} caught; survived: {survivors or 'none'}; "
          f"not made: {unknown or 'none'}")
    return 0 if n_caught * 30 >= CAUGHT_MIN * len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
