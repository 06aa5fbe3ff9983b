"""The judge of murder.py: what must be true of a data root after all has been started once more and has finished.

The evidence is an outside log of acknowledged operations, and what an undisturbed run makes of the same recordings.
"""
import collections
import contextlib
import os
import pathlib
import shutil
import sqlite3
import tempfile

import harness

TERMINAL = ("complete", "failed", "canceled")


class Reference:
    """What an undisturbed run makes: {path: digest}."""

    def __init__(self, path, files, settings):
        self.place = harness.Place(**settings)
        self.artifacts = {}
        if files:
            outcome = self.place.run("run", "ssis", *files.values(), "--executors", 2, "-q", "--json")
            if outcome.status != 0:
                raise AssertionError(str(outcome))
            self.artifacts = harness.artifacts(self.place.data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.place.__exit__()


def rows_of(data, sql, *values):
    with contextlib.closing(harness.open_database(data)) as connection:
        return connection.execute(sql, values).fetchall()


def checks(data, log, reference):
    """The complaints of each claim in turn; what takes long comes last."""
    yield states(data, log)
    yield nothing_left(data)
    yield once(data)
    yield events(data)
    yield artifacts(data, log, reference)


def verdict(data, log, reference):
    """Complaints, of which there should be none."""
    return [complaint for complaints in checks(data, log, reference) for complaint in complaints]


def states(data, log):
    """Every acknowledged job has ended, in the state that fits its history; and so has every other one."""
    complaints = []
    found = dict(rows_of(data, "SELECT run_id, state FROM runs"))
    for run_id, allowed in log.expected.items():
        if found.get(run_id) not in allowed:
            tasks = rows_of(data, "SELECT stage, state, attempts, interruptions, error_code, error_message FROM tasks "
                            "WHERE run_id = ?", run_id)
            complaints.append(f"run {run_id} is {found.get(run_id, 'lost')}, not {allowed}, after "
                              f"{log.history[run_id]}: {tasks}")
    complaints += [f"run {run_id}, of which nobody heard, is {state}" for run_id, state in found.items()
                   if state not in TERMINAL]
    # A run's state is that of its tasks.
    for run_id, state in found.items():
        of_tasks = {row[0] for row in rows_of(data, "SELECT DISTINCT state FROM tasks WHERE run_id = ?", run_id)}
        expected = ("failed" if "failed" in of_tasks else "canceled" if "canceled" in of_tasks else "complete")
        if state != expected or of_tasks & {"queued", "running"} or (state == "complete" and of_tasks != {"complete"}):
            complaints.append(f"run {run_id} is {state} with tasks that are {of_tasks}")
    return complaints


def nothing_left(data):
    return ([f"left: {path}" for path in harness.leftovers(data) if path != "admin-token"] +
            [f"a lease is left: {row}" for row in rows_of(data, "SELECT * FROM stage_locks")] +
            [f"an attempt is left: {row}" for row in
             rows_of(data, "SELECT id, asset_id, stage, worker FROM pipeline_jobs WHERE status = 'running'")])


def once(data):
    """No task is done twice; no stage of an asset either, but for runs that were told to."""
    complaints = [f"task {row} was done twice" for row in rows_of(
        data, "SELECT task_id, stage, COUNT(*) FROM pipeline_jobs WHERE status = 'complete' AND task_id IS NOT NULL "
        "GROUP BY task_id HAVING COUNT(*) > 1")]
    forced = {(asset, stage): n for asset, stage, n in rows_of(
        data, "SELECT asset_id, stage, COUNT(*) FROM tasks WHERE reason LIKE 'forced%' GROUP BY 1, 2")}
    for asset, stage, alias, n in rows_of(
            data, "SELECT asset_id, stage, feature_spec_alias, COUNT(*) FROM pipeline_jobs WHERE status = 'complete' "
            "GROUP BY 1, 2, 3"):
        if n > 1 + forced.get((asset, stage), 0):
            told = forced.get((asset, stage), 0)
            complaints.append(f"{stage} of {asset} ({alias}) was done {n} times, and {told} runs were told to")
    complaints += [f"task {row} is recorded as complete twice" for row in rows_of(
        data, "SELECT task_id, COUNT(*) FROM events WHERE type = 'task.complete' GROUP BY 1 HAVING COUNT(*) > 1")]
    complaints += [f"two artifacts of one kind: {row}" for row in rows_of(
        data, "SELECT asset_id, artifact_type, feature_spec_alias, signature, COUNT(*) FROM artifact_index GROUP BY "
        "1, 2, 3, 4 HAVING COUNT(*) > 1")]
    return complaints


def artifacts(data, log, reference):
    """What the index names is there and true; and all of it equals what an undisturbed run makes."""
    complaints = []

    class Checker(harness.Case):
        def runTest(self):
            """Only a carrier of assertions."""
    try:
        Checker().assert_index_is_true(_Place(data), data)
    except (AssertionError, OSError) as error:
        complaints.append(f"the index is not true: {error}")
    found = harness.artifacts(data)
    known = {row[0] for row in rows_of(data, "SELECT DISTINCT asset_id FROM tasks WHERE state = 'complete'")}
    for path, digest in found.items():
        if path in reference and digest != reference[path]:
            complaints.append(f"{path} differs from that of an undisturbed run")
    index = {row[0] for row in rows_of(data, "SELECT path FROM artifact_index")}
    complaints += [f"{path} is no artifact of an undisturbed run" for path in index
                   if path not in reference and path.split("/")[1].split(".")[0] in log.usable]
    for asset in log.usable & known:
        latest = rows_of(data, "SELECT state FROM runs WHERE asset_id = ? ORDER BY created_at_us DESC LIMIT 1", asset)
        if latest != [("complete",)]:
            continue
        wanted = {path for path in reference if asset in path}
        if not wanted:
            complaints.append(f"{asset} is no asset of an undisturbed run")
        complaints += [f"{path} is missing" for path in sorted(wanted - (index & set(found)))]
    return complaints


def events(data):
    """Of each run: the submission first; after the last submission or retry exactly one end, which is its state."""
    complaints = []
    of_run = collections.defaultdict(list)
    for run_id, kind in rows_of(data, "SELECT run_id, type FROM events WHERE type LIKE 'run.%' ORDER BY event_id"):
        of_run[run_id].append(kind.removeprefix("run."))
    for run_id, state in rows_of(data, "SELECT run_id, state FROM runs"):
        kinds = of_run.pop(run_id, [])
        begins = [i for i, kind in enumerate(kinds) if kind in ("submitted", "retried")]
        ends = [kind for kind in kinds[begins[-1]:] if kind in TERMINAL] if begins else []
        if kinds[:1] != ["submitted"] or kinds.count("submitted") != 1 or ends != [state]:
            complaints.append(f"events of run {run_id}, which is {state}: {kinds}")
    complaints += [f"events of a run that is not there: {run_id}: {kinds}" for run_id, kinds in of_run.items()]
    for task_id, kinds in rows_of(data, "SELECT task_id, group_concat(type) FROM (SELECT task_id, type FROM events "
                                  "WHERE task_id > 0 ORDER BY event_id) GROUP BY 1"):
        if "task.complete" in kinds and not kinds.endswith("task.complete"):
            complaints.append(f"events of task {task_id} go on after its end: {kinds}")
    return complaints


def count(data):
    counts = collections.Counter({f"attempts {status}": n for status, n in rows_of(
        data, "SELECT status, COUNT(*) FROM pipeline_jobs WHERE task_id IS NOT NULL GROUP BY 1")})
    counts.update({f"runs {state}": n for state, n in rows_of(data, "SELECT state, COUNT(*) FROM runs GROUP BY 1")})
    counts["artifacts verified"] += rows_of(data, "SELECT COUNT(*) FROM artifact_index")[0][0]
    return counts


class _Place:
    """What harness.Case asks of a place, for a data root alone."""

    def __init__(self, data):
        self.data = data

    def rows(self, sql, *values, data=None):
        return rows_of(data or self.data, sql, *values)


# ---- the judge is put to the test -----------------------------------------------------------------

def can_say_no(data, log, reference):
    """Lies are told to the judge; complaints about those that it believes."""
    complete = next(iter(run for run, allowed in log.expected.items() if allowed == {"complete"}))
    forged = [("a lost job", f"DELETE FROM runs WHERE run_id = '{complete}'"),
              ("a job that goes on", f"UPDATE runs SET state = 'running' WHERE run_id = '{complete}'"),
              ("a job that failed", f"UPDATE runs SET state = 'failed' WHERE run_id = '{complete}'"),
              ("a task that waits", f"UPDATE tasks SET state = 'queued' WHERE run_id = '{complete}' AND stage = "
               "'preview'"),
              ("a lease", "INSERT INTO stage_locks SELECT asset_id, stage, '', 'x', 1, 1, 1, 1, '[]' FROM tasks LIMIT "
               "1"),
              ("an attempt that runs", "UPDATE pipeline_jobs SET status = 'running' WHERE id = (SELECT MAX(id) FROM "
               "pipeline_jobs)"),
              ("work done twice", "INSERT INTO pipeline_jobs SELECT id + 1000000, run_id, task_id, asset_id, stage, "
               "status, attempt, error_code, error_message, metrics_json, artifact_path, feature_spec_alias, "
               "trace_id, worker, started_at_us, finished_at_us, owner_entity_id FROM pipeline_jobs WHERE status = "
               "'complete' AND task_id > 0 LIMIT 1"),
              ("a lost artifact", f"DELETE FROM artifact_index WHERE artifact_type = 'segments_v1' AND asset_id = "
               f"'{log.asset_of[complete]}'"),
              ("a false digest", "UPDATE artifact_index SET sha256 = 'x' WHERE artifact_id = 2"),
              ("two ends", f"INSERT INTO events (time_us, type, run_id) VALUES (1, 'run.complete', '{complete}')"),
              ("no end", f"DELETE FROM events WHERE run_id = '{complete}' AND type = 'run.complete'")]

    def sql(statement):
        def lie(copy):
            with contextlib.closing(sqlite3.connect(copy / "baleen.db")) as connection:
                connection.execute("PRAGMA foreign_keys = OFF")
                connection.execute(statement)
                connection.commit()
        return lie

    def touch(copy):
        (copy / "audio" / log.asset_of[complete] / "normalized.f7.wav.tmp").write_text("half")

    def flip(copy):
        path = copy / "audio" / log.asset_of[complete] / "normalized.wav"
        content = bytearray(path.read_bytes())
        content[1000] ^= 1
        path.unlink()  # The copy shares its files with the original.
        path.write_bytes(content)

    def copied(source, target):
        return (shutil.copy if "baleen.db" in str(source) else os.link)(source, target)
    lies = [(name, sql(statement)) for name, statement in forged]
    believed = []
    for name, lie in [*lies, ("a temporary file", touch), ("a flipped bit", flip)]:
        with tempfile.TemporaryDirectory(prefix="judge-", dir=data.parent) as folder:
            copy = pathlib.Path(shutil.copytree(data, f"{folder}/data", copy_function=copied))
            lie(copy)
            if not any(checks(copy, log, reference)):
                believed.append(f"the judge believes that this is in order: {name}")
    return believed

