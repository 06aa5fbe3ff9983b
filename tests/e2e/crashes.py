"""Ways for the program to die, and what must hold afterwards. Used by crash_test.py and by tests/torture/run."""
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import os
import random
import re
import signal
import subprocess

import harness
import service

CRASHED = 42
RECLAIM_S_MAX = 2.0
reclaim_s = []  # How long each lease of a dead worker lived on after a restart.
# Short chunks give a recording of five seconds several checkpoints.
SETTINGS = {"BALEEN_DECODE_CHUNK_S": 1, "BALEEN_DECODE_MIN_DURATION_S": 1}


def failpoints_in_the_source(of_service=False):
    """The names of all failpoints that a run meets, or only the service; those around database commits included."""
    names = set()
    for path in (harness.ROOT / "src").rglob("*.cc"):
        if path.stem.endswith(("_test", "_bench")) or "testing" in path.parts:
            continue
        text = path.read_text()
        names.update(re.findall(r'BALEEN_FAILPOINT\("([A-Z0-9_]+)"\)', text))
        for transaction in re.findall(r'transaction\(\s*"([A-Z0-9_]+)"', text):
            names.update(f"DB_{transaction}_{when}_COMMIT" for when in ("BEFORE", "AFTER"))
    # Those of other recipes are met by their own tests.
    elsewhere = ("DB_IMPORT_", "DB_REVIEW_", "EMBED_", "INDEX_", "PARQUET_")
    return {name for name in names
            if name.startswith(("UPLOAD_", "DB_UPLOAD_")) == of_service and not name.startswith(elsewhere)}


def armed(name):
    return {"SSIS_ENABLE_FAILPOINTS": 1, "SSIS_FAILPOINT": name}


class Reference:
    """What undisturbed runs of the same recordings make."""

    def __init__(self, n_files=1, seconds=5.3):
        self.place = harness.Place(**SETTINGS)
        self.files = [harness.make_wav(self.place.path / f"{i}.wav", seconds + 0.4 * i, 44100, 2, seed=i)
                      for i in range(n_files)]
        self.unusable = self.place.path / "unusable.wav"
        self.unusable.write_text("no audio at all\n" * 10)
        outcome = self.place.run("run", "ssis", *self.files, "--executors", 1)
        if outcome.status != 0:
            raise AssertionError(str(outcome))
        self.seconds = outcome.seconds
        self.artifacts = harness.artifacts(self.place.data)

    def close(self):
        self.place.__exit__()


def run_command(reference, executors=2):
    return ["run", "ssis", *reference.files, "--executors", executors, "--json"]


def assert_recovered(case, place, reference):
    """The claims of a restart that has finished: all is there, once, and nothing else is."""
    case.assertEqual(harness.artifacts(place.data), reference.artifacts)
    case.assert_nothing_left(place)
    case.assert_nothing_twice(place)
    case.assert_index_is_true(place)
    states = place.rows("SELECT DISTINCT state FROM tasks")
    case.assertEqual(states, [("complete",)])
    case.assertEqual(place.rows("SELECT DISTINCT state FROM runs"), [("complete",)])
    # A worker that dies costs its task no attempt.
    case.assertEqual(place.rows("SELECT DISTINCT attempt FROM pipeline_jobs"), [(1,)])
    assert_reclaimed_soon(case, place)


def assert_reclaimed_soon(case, place):
    """The leases of the dead were taken back within two seconds of the start of the program that did it.

    On a machine with more to do than it can, starting the program takes longer than that by itself.
    """
    crowd = max(1.0, os.getloadavg()[0] / (2 * os.cpu_count()))
    for (text,) in place.rows("SELECT metrics_json FROM pipeline_jobs WHERE status = 'interrupted'"):
        lock = json.loads(text).get("lock", {})
        if "reclaimed_at" not in lock:
            continue  # Given back by its own worker.
        at = datetime.datetime.fromisoformat(lock["reclaimed_at"].replace("Z", "+00:00")).timestamp()
        waited_s = min(at + 0.001 - process.began_at for process in place.started if process.began_at <= at + 0.001)
        reclaim_s.append(waited_s)
        case.assertLess(waited_s, RECLAIM_S_MAX * crowd)


# ---- one death at a failpoint ---------------------------------------------------------------------

def die_in_run(case, place, reference, failpoint, executors):
    outcome = place.run(*run_command(reference, executors), **armed(failpoint))
    case.assert_status(outcome, CRASHED)


def die_while_reclaiming(case, place, reference, failpoint, executors):
    die_in_run(case, place, reference, "DECODE_AFTER_CHUNK_WRITE", executors)
    die_in_run(case, place, reference, failpoint, executors)


def stopped_worker(place, reference, *, failpoint=None, command=None):
    """A program whose executor has been stopped with a task in hand."""
    if place.run("ingest", *reference.files, "--json").status != 0:
        raise AssertionError("ingest failed")
    process = place.start(*(command or ["worker", "--until-done", "--executors", 1]),
                          **(armed(failpoint) if failpoint else {}))
    executor, = harness.wait_for(lambda: harness.executors_of(process), "an executor")
    os.kill(executor, signal.SIGSTOP)
    harness.wait_for(lambda: harness.has_running_task(place), "a lease")
    return process


def die_in_heartbeat(case, place, reference, failpoint, executors):
    process = stopped_worker(place, reference, failpoint=failpoint)
    case.assert_status(place.finish(process), CRASHED)
    harness.kill_group(process)


def die_in_interrupt(case, place, reference, failpoint, executors):
    process = stopped_worker(place, reference, failpoint=failpoint)
    process.send_signal(signal.SIGINT)
    case.assert_status(place.finish(process), CRASHED)
    harness.kill_group(process)


def die_in_cancel(case, place, reference, failpoint, executors):
    run_ids = [run["run_id"] for run in as_list(place.run("ingest", *reference.files, "--json").json)]
    case.assert_status(place.run("cancel", run_ids[0], **armed(failpoint)), CRASHED)
    case.assert_status(place.run("cancel", run_ids[0]), 0)
    case.assertEqual(place.rows("SELECT state FROM runs WHERE run_id = ?", run_ids[0]), [("canceled",)])
    case.assert_status(place.run("retry", run_ids[0]), 0)


def die_in_failure(case, place, reference, failpoint, executors):
    """The death comes while another file's failure is recorded; that file stays out of the comparison."""
    outcome = place.run("run", "ssis", reference.unusable, "--json", **armed(failpoint))
    case.assert_status(outcome, CRASHED)
    assert_unusable(case, place, place.run("run", "ssis", reference.unusable, "--json"))


def die_in_retry(case, place, reference, failpoint, executors):
    outcome = place.run("run", "ssis", reference.unusable, "--json")
    assert_unusable(case, place, outcome)
    run_id = outcome.json["run_id"]
    case.assert_status(place.run("retry", run_id, "--json", **armed(failpoint)), CRASHED)
    outcome = place.run("retry", run_id, "--json")
    if outcome.out.strip() == "[]":  # The crash came after the commit and before the work: run goes on with it.
        outcome = place.run("run", "ssis", reference.unusable, "--json")
    assert_unusable(case, place, outcome)


def die_in_pause(case, place, reference, failpoint, executors):
    """Paused or resumed by halves there is nothing: the command again, and the work goes on."""
    case.assert_status(place.run("ingest", *reference.files), 0)
    if "RESUME" in failpoint:
        case.assert_status(place.run("pause"), 0)
    word = "resume" if "RESUME" in failpoint else "pause"
    case.assert_status(place.run(word, **armed(failpoint)), CRASHED)
    case.assert_status(place.run(word), 0)
    case.assertEqual(place.rows("SELECT COUNT(*) FROM pauses"), [(1 if word == "pause" else 0,)])
    case.assert_status(place.run("resume"), 0)


def assert_unusable(case, place, outcome):
    case.assertEqual(outcome.status, 4, str(outcome))
    case.assert_error_is_helpful(harness.failure_of(outcome.json))
    case.assert_nothing_left(place)


def as_list(document):
    return document if isinstance(document, list) else [document]


def die_in_settings(case, place, reference, failpoint, executors):
    """Settings are changed all or none."""
    started = service.Service(place, "serve", **armed(failpoint))
    with contextlib.suppress(OSError, http.client.HTTPException):
        started.ask("PATCH", "/v1/settings", {"uploads.open_max": 7, "uploads.expire_hours": 8})
    case.assert_status(place.finish(started.process), CRASHED)
    started = service.Service(place, "serve")
    values = {item["name"]: item["value"] for item in started.json("GET", "/v1/settings")[1]["items"]}
    started.stop()
    case.assertEqual((values["uploads.open_max"], values["uploads.expire_hours"]),
                     (7, 8) if "AFTER" in failpoint else (100, 24))
    (place.data / "admin-token").unlink()


SPECIAL = {"DB_RECLAIM": die_while_reclaiming, "DB_HEARTBEAT": die_in_heartbeat, "DB_INTERRUPT": die_in_interrupt,
           "DB_CANCEL": die_in_cancel, "DB_FAIL": die_in_failure, "DB_RETRY": die_in_retry,
           "DB_PAUSE": die_in_pause, "DB_RESUME": die_in_pause,
           "DB_SETTINGS": die_in_settings}


def crash_at(case, reference, failpoint, executors=2):
    """Dies at the failpoint, starts again, and checks every claim."""
    plain = re.sub(r"_(BEFORE|AFTER)_COMMIT(@\d+)?$", "", failpoint)
    die = SPECIAL.get(plain, die_in_run)
    with harness.Place(**SETTINGS) as place:
        die(case, place, reference, failpoint, executors)
        if die in (die_in_failure, die_in_retry):
            return
        case.assert_status(place.run(*run_command(reference, executors)), 0)
        assert_recovered(case, place, reference)


def fires(reference, failpoint, executors):
    """Whether a run reaches this failpoint at all."""
    with harness.Place(**SETTINGS) as place:
        return place.run(*run_command(reference, executors), **armed(failpoint)).status == CRASHED


# ---- many deaths at random moments ----------------------------------------------------------------

def kill_at_random(case, reference, rng, n_kills, executors):
    """Kills everything up to n_kills times, each time a while after the start; then lets it finish.

    Returns how many kills met a living program.
    """
    n_met = 0
    with harness.Place(**SETTINGS) as place:
        while n_met < n_kills:
            process = place.start(*run_command(reference, executors))
            try:
                process.wait(rng.uniform(0, reference.seconds))
            except subprocess.TimeoutExpired:  # Still running: the usual case.
                n_met += 1
                harness.kill_group(process)
                continue
            outcome = case.assert_status(place.finish(process), 0)
            if n_met == 0:  # The machine is less busy than it was when this was measured.
                reference.seconds = min(reference.seconds, outcome.seconds)
            break
        case.assert_status(place.run(*run_command(reference, executors)), 0)
        assert_recovered(case, place, reference)
    return n_met


def in_parallel(jobs, n_threads=3):
    """Calls each job (name, function); most of the time they wait for the disk. Returns {name: exception}."""
    failures = {}
    with concurrent.futures.ThreadPoolExecutor(n_threads) as pool:
        futures = {pool.submit(function): name for name, function in jobs}
        for future in concurrent.futures.as_completed(futures):
            if future.exception() is not None:
                failures[futures[future]] = future.exception()
    return failures


def rng_of(seed, index):
    return random.Random(f"{seed}/{index}")


