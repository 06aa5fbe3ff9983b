#!/usr/bin/env python3
"""List endpoints of the service among a million tasks and a hundred thousand failures: latency of each page.

Fills a database of 200,000 runs (five tasks each, half of the runs failed at one task) directly, starts
`baleen serve` on it and asks for first pages, deep pages and pages by filter, over one connection, as an admin and as
an owner. Target: p95 below 100 ms for every list.
"""
import http.client
import json
import pathlib
import random
import shutil
import sqlite3
import statistics
import subprocess
import time

import common

STAGES = ("decode", "waveform", "features", "segments", "preview")
CODES = ("FILE_CORRUPT", "CODEC_UNSUPPORTED", "FILE_TOO_SHORT", "STAGE_STALLED", "WORKER_ERROR")
N_OWNERS = 20


def fill(path, n_runs, failed_share):
    """Runs, tasks, attempts and events as a service of some months has them."""
    chance = random.Random(1)
    database = sqlite3.connect(path)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")
    assets, runs, tasks, jobs, events = [], [], [], [], []
    for i in range(n_runs):
        run, asset = f"{i:08x}-0000-7000-8000-{chance.getrandbits(48):012x}", f"{chance.getrandbits(32):08x}-{i:012x}"
        owner, created_us = f"owner{i % N_OWNERS:02}", 1_790_000_000_000_000 + i * 20_000_000
        failed_at = 1 + chance.randrange(4) if chance.random() < failed_share else None
        state = "complete" if failed_at is None else "failed"
        assets.append((asset, owner, f"{i:064x}", "file:///a.wav", f"audio/{asset}/original.wav", f"rec{i:07}.wav", 1000 + i,
                       "wav", "pcm", 60.0, 48000, 1, "{}", created_us))
        runs.append((run, "ssis", asset, owner, state, run, created_us, created_us, created_us + 5_000_000))
        for k, stage in enumerate(STAGES):
            is_failed = failed_at == k
            task_state = "failed" if is_failed else "waiting" if failed_at is not None and k > failed_at else "complete"
            code = CODES[chance.randrange(len(CODES))] if is_failed else None
            task_id = i * len(STAGES) + k + 1
            tasks.append((task_id, run, "ssis", asset, stage, "cpu", task_state, "never_ran", 1, code,
                          "it did not work" if code else None, created_us, owner, created_us))
            if task_state != "waiting":
                jobs.append((run, task_id, asset, stage, "failed" if is_failed else "complete", 1, code,
                             "it did not work" if code else None, run, "w", created_us, created_us + 1_000_000, owner))
                events.append((created_us, "task." + ("failed" if is_failed else "complete"), run, asset, task_id))
    with database:
        database.executemany("INSERT INTO audio_assets VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", assets)
        database.executemany("INSERT INTO runs VALUES (?,?,?,?,?,?,?,?,?)", runs)
        database.executemany(
            "INSERT INTO tasks (task_id, run_id, recipe, asset_id, stage, stage_class, state, reason, attempts, error_code, "
            "error_message, updated_at_us, owner_entity_id, rank_us) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", tasks)
        database.executemany(
            "INSERT INTO pipeline_jobs (run_id, task_id, asset_id, stage, status, attempt, error_code, error_message, trace_id, "
            "worker, started_at_us, finished_at_us, owner_entity_id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", jobs)
        database.executemany("INSERT INTO events (time_us, type, run_id, asset_id, task_id) VALUES (?,?,?,?,?)", events)
    counts = {table: database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
              for table in ("tasks", "runs", "pipeline_jobs", "events")}
    counts["failures"] = database.execute("SELECT COUNT(*) FROM tasks WHERE state = 'failed'").fetchone()[0]
    database.close()
    return counts


class Client:
    def __init__(self, port, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.headers = {"Authorization": "Bearer " + token}

    def get(self, address):
        begin = time.perf_counter()
        self.connection.request("GET", address, headers=self.headers)
        reply = self.connection.getresponse()
        body = reply.read()
        seconds = time.perf_counter() - begin
        if reply.status != 200:
            raise SystemExit(f"{address}: {reply.status}: {body[:300]}")
        return (json.loads(body) if body.startswith(b"{") else {}), 1e3 * seconds


def p95(values):
    return sorted(values)[int(0.95 * (len(values) - 1))]


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--n-runs", type=int, default=200_000)
    options = parser.parse_args()
    common.need_baleen()
    n_runs = 2_000 if options.quick else options.n_runs
    with common.Workplace(options) as work:
        data = pathlib.Path(work) / "lists"
        facts = data / f"facts_{n_runs}.json"  # With --work the database is made once.

        def token(*words):
            return subprocess.run([common.BALEEN, "tokens", "add", *words, "--data", data], check=True, text=True,
                                  capture_output=True).stdout.strip()

        if facts.exists():
            admin, owner, counts = json.loads(facts.read_text())
        else:
            shutil.rmtree(data, ignore_errors=True)
            admin = token("admin", "--scope", "admin", "--all-owners")
            owner = token("owner", "--scope", "operate", "--owner", "owner07")
            counts = fill(data / "baleen.db", n_runs, 0.5)
            facts.write_text(json.dumps([admin, owner, counts]))
        print(f"{counts}")
        server = subprocess.Popen([common.BALEEN, "serve", "--data", data, "--port", "8798"], stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                try:
                    Client(8798, admin).get("/health/live")
                    break
                except OSError:
                    time.sleep(0.05)
            worst = 0.0
            for who, secret in (("admin", admin), ("owner", owner)):
                client = Client(8798, secret)
                some, _ = client.get("/v1/runs?limit=1&order=oldest")
                asset = some["items"][0]["asset_id"]
                addresses = [
                    "/v1/runs", "/v1/runs?order=oldest", "/v1/runs?state=failed", "/v1/runs?state=complete&recipe=ssis",
                    "/v1/runs?state=queued", "/v1/runs?recipe=none", f"/v1/runs?asset_id={asset}",
                    "/v1/tasks", "/v1/tasks?state=failed", "/v1/tasks?state=failed&error_code=FILE_CORRUPT",
                    "/v1/tasks?error_code=STAGE_STALLED", "/v1/tasks?stage=preview", "/v1/tasks?state=failed&stage=preview",
                    "/v1/tasks?state=waiting&order=oldest", "/v1/tasks?state=queued", "/v1/tasks?stage=none",
                    f"/v1/tasks?asset_id={asset}", "/v1/attempts", "/v1/attempts?error_code=WORKER_ERROR",
                    "/v1/attempts?stage=decode", "/v1/attempts?state=failed", "/v1/attempts?state=running",
                    "/v1/assets", "/v1/assets?name=rec01", "/v1/assets?name=zzz",
                    "/v1/events?after=0", f"/v1/events?after={counts['events'] - 50}"]
                if who == "admin":
                    addresses += ["/v1/runs?owner=owner03&state=failed", "/v1/tasks?owner=owner03&stage=decode",
                                  "/v1/status", "/metrics"]
                for address in addresses:
                    times = []
                    for _ in range(3 if options.quick else 20):
                        page, ms = client.get(address)
                        times.append(ms)
                        following = page.get("next")
                        if following:  # Deeper and deeper.
                            _, ms = client.get(address + ("&" if "?" in address else "?") + "cursor=" + following)
                            times.append(ms)
                    worst = max(worst, p95(times)) if address not in ("/v1/status", "/metrics") else worst
                    print(f"{who:6} {address:58.58} median {statistics.median(times):7.2f} ms  p95 {p95(times):7.2f} ms")
                page, times = {"next": ""}, []
                for _ in range(200):
                    page, ms = client.get("/v1/tasks?limit=500&cursor=" + page["next"] if page["next"] else "/v1/tasks?limit=500")
                    times.append(ms)
                    if not page["next"]:
                        break
                print(f"{who:6} {'/v1/tasks?limit=500, page after page':58} median {statistics.median(times):7.2f} ms  "
                      f"p95 {p95(times):7.2f} ms")
                worst = max(worst, p95(times))
            print(f"worst p95 of a list: {worst:.1f} ms (target 100 ms)")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
