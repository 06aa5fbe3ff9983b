"""What is recorded for power_loss.py: commands, all that they did to the disk, and what they acknowledged when."""
import base64
import shutil

import shim
import harness  # Found by shim.
import service

SETTINGS = {"BALEEN_DECODE_MIN_DURATION_S": 0.5, "BALEEN_DECODE_CHUNK_S": 0.4}
LOG_MB = 256


class Ack:
    """Something the program said it had done, and how long the log was then: it must be so in every later state."""

    def __init__(self, log_bytes, run_id, asset_id, state):
        self.log_bytes, self.run_id, self.asset_id, self.state = log_bytes, run_id, asset_id, state

    def __str__(self):
        return f"run {self.run_id} {self.state}"

    def check(self, case, database):
        assets = database.execute("SELECT asset_id FROM audio_assets WHERE asset_id = ?", (self.asset_id,)).fetchall()
        case.assertEqual(assets, [(self.asset_id,)], f"the asset is lost: {self}")
        states = [state for state, in database.execute("SELECT state FROM runs WHERE run_id = ?", (self.run_id,))]
        case.assertEqual(len(states), 1, f"lost: {self}")
        if self.state == "complete":
            case.assertEqual(states, ["complete"], str(self))
            open_tasks = database.execute("SELECT stage, state FROM tasks WHERE run_id = ? AND state <> 'complete'",
                                          (self.run_id,)).fetchall()
            case.assertEqual(open_tasks, [], f"not done any more: {self}")
            types = {name for name, in database.execute("SELECT artifact_type FROM artifact_index WHERE asset_id = ?",
                                                        (self.asset_id,))}
            case.assertGreaterEqual(types, {"original", "normalized_wav", "feature_pack", "segments_v1", "preview_v1"})
        elif self.state == "canceled":
            case.assertNotIn(states[0], ("queued", "running"), str(self))


class Recording:
    def __init__(self, name, operations, acks, restart, artifacts, keep):
        self.name, self.operations, self.acks, self.artifacts = name, operations, acks, artifacts
        self.restart = restart  # The command that makes good what is missing.
        self._keep = keep  # The folder of the recordings goes away with it.

    def __getstate__(self):  # For other processes.
        return {**self.__dict__, "_keep": None}


class Folder:
    """A folder that goes away with its last user."""

    def __init__(self, path):
        self.path = path

    def __del__(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Recorder:
    def __init__(self, swallow=0):
        self.place = harness.Place(**SETTINGS)
        disk = self.place.path / "disk"
        disk.mkdir()
        self.place.data = disk / "data"
        self.shim = shim.Shim(self.place.path, disk, LOG_MB, swallow)
        self.shim.arm(0, "NONE")
        self.files, self.acks = [], []

    def file(self, seconds):
        n = len(self.files)
        self.files.append(harness.make_wav(self.place.path / "in" / f"{n}.wav", seconds, seed=n))
        return self.files[-1]

    def run(self, *words):
        outcome = self.place.run(*words, "--json", **self.shim.environment)
        if outcome.status != 0:
            raise AssertionError(str(outcome))
        return outcome.json

    def acknowledged(self, run, state):
        self.acks.append(Ack(self.shim.page.log_bytes, run["run_id"], run["asset_id"], state))

    def finish(self, name, restart, artifacts):
        if self.shim.page.swallow and not self.shim.page.lies:
            raise AssertionError("nothing was swallowed")
        operations = self.shim.operations()
        for path in (self.shim.page_file, self.shim.log_file):
            path.unlink()
        shutil.rmtree(self.place.path / "disk")
        return Recording(name, operations, self.acks, restart, artifacts, Folder(self.place.path))


def record_runs(swallow=0, is_short=False):
    """Ingest, work, another file at once, and a third one whose run is canceled."""
    recorder = Recorder(swallow)
    first = recorder.file(1.0)
    recorder.acknowledged(recorder.run("ingest", first), "queued")
    recorder.acknowledged(recorder.run("run", "ssis", first, "--executors", 1), "complete")
    if not is_short:
        recorder.acknowledged(recorder.run("run", "ssis", recorder.file(1.3), "--executors", 2), "complete")
        third = recorder.run("ingest", recorder.file(0.8))
        recorder.acknowledged(third, "queued")
        recorder.run("cancel", third["run_id"])
        recorder.acknowledged(third, "canceled")
    restart = ["run", "ssis", *recorder.files, "--executors", 1]
    with harness.Place(**SETTINGS) as reference:
        outcome = reference.run(*restart)
        if outcome.status != 0:
            raise AssertionError(str(outcome))
        artifacts = harness.artifacts(reference.data)
    return recorder.finish("runs", restart, artifacts)


def record_uploads():
    """A service takes one recording in two pieces and another in one request, and works on both."""
    recorder = Recorder()
    started = service.Service(recorder.place, "up", "--executors", 1, **recorder.shim.environment)
    for seed, pieces in ((1, 2), (2, 1)):
        data = harness.wav_bytes(harness.tone(harness.RATE + 1000 * seed, seed=seed))
        name = base64.b64encode(b"tone.wav").decode()
        first = data if pieces == 1 else None
        status, headers, body = started.send("POST", "/v1/ingest/upload", first, Upload_Length=str(len(data)),
                                             Upload_Metadata=f"filename {name}")
        assert status == 201, (status, body)
        location = headers["Location"]
        for i in range(pieces if pieces > 1 else 0):
            begin, end = i * len(data) // pieces, (i + 1) * len(data) // pieces
            status, headers, body = started.send("PATCH", location, data[begin:end], Upload_Offset=str(begin))
            assert status == 204, (status, body)
        run = {"run_id": headers["Baleen-Run-Id"], "asset_id": headers["Baleen-Asset-Id"]}
        recorder.acknowledged(run, "queued")
        started.wait_for_run(run["run_id"], "complete")
        recorder.acknowledged(run, "complete")
    artifacts = harness.artifacts(recorder.place.data)
    if started.stop().status != 0:
        raise AssertionError(started.said())
    return recorder.finish("uploads", ["worker", "--until-done", "--executors", 1], artifacts)


ALL = {"runs": record_runs, "uploads": record_uploads}
