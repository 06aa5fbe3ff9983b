#!/usr/bin/env python3
"""Makes small valid inputs for the fuzz targets: a folder for each target, a file for each input.

usage: seeds.py SPECS OUT

Nothing is copied from elsewhere but the project's own documents; a fuzzer finds the damaged forms by itself.
"""
import base64
import hashlib
import json
import pathlib
import struct
import sys

SPECS, OUT = (pathlib.Path(argument) for argument in sys.argv[1:3])
ZEROS = "0" * 64


def put(target, name, data):
    folder = OUT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def put_json(target, name, value):
    put(target, name, json.dumps(value))


# ---- sounds -------------------------------------------------------------------------------------

def chunk(name, body):
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def fmt(channels=1, rate=8000, bits=16, tag=1):
    frame = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits))


def wav(*chunks, riff=b"RIFF"):
    body = b"WAVE" + b"".join(chunks)
    return riff + struct.pack("<I", len(body)) + body


def sounds():
    """Files by name."""
    pcm = struct.pack("<40h", *(index * 700 for index in range(-20, 20)))
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 200, len(pcm), len(pcm) // 2, 0))
    mp3 = (b"\xff\xfb\x90\x00" + bytes(413)) * 4  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz.
    adts = b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(9)
    adts = (adts[:3] + bytes([0x80 | len(adts) >> 11, len(adts) >> 3 & 255, (len(adts) & 7) << 5 | 31]) + adts[6:]) * 4
    id3 = b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10)
    ogg = b"OggS\x00\x02" + bytes(8) + struct.pack("<III", 1, 0, 0) + b"\x01\x13OpusHead\x01\x01\x00\x00" + \
        struct.pack("<I", 48000) + bytes(3)
    flac = b"fLaC\x80\x00\x00\x22" + struct.pack(">HH", 4096, 4096) + bytes(6) + b"\x01\xf4\x00\xf0" + bytes(20)
    mp4 = struct.pack(">I", 24) + b"ftypM4A \x00\x00\x02\x00isomM4A " + struct.pack(">I", 8) + b"moov"
    aiff = b"FORM" + struct.pack(">I", 46) + b"AIFFCOMM" + struct.pack(">IhIh", 18, 1, 0, 16) + \
        b"\x40\x0b\xfa\x00\x00\x00\x00\x00\x00\x00" + b"SSND" + struct.pack(">III", 8, 0, 0)
    au = b".snd" + struct.pack(">IIIII", 24, 8, 3, 8000, 1) + pcm[:8]
    caf = b"caff\x00\x01\x00\x00desc" + struct.pack(">QdIIIIII", 32, 8000.0, 0x6c70636d, 0, 2, 1, 1, 16)
    return {
        "plain.wav": wav(fmt(), chunk(b"data", pcm)),
        "listed.wav": wav(chunk(b"LIST", b"INFOIART\x02\x00\x00\x00a\x00"), fmt(), chunk(b"data", pcm)),
        "rf64.wav": wav(ds64, fmt(), b"data\xff\xff\xff\xff" + pcm, riff=b"RF64"),
        "stereo.wav": wav(fmt(2, 44100, 24), chunk(b"data", bytes(12))),
        "float.wav": wav(fmt(1, 48000, 32, 3), chunk(b"data", bytes(16))),
        "frames.mp3": mp3, "tagged.mp3": id3 + mp3, "frames.aac": adts, "opus.ogg": ogg, "empty.flac": flac,
        "empty.m4a": mp4, "empty.aiff": aiff, "ulaw.au": au, "empty.caf": caf,
        "list.m3u": b"#EXTM3U\n/etc/passwd\n", "ac3": b"\x0b\x77\x00\x00\x1c\x40" + bytes(60),
    }


def put_sounds():
    for name, data in sounds().items():
        put("sniff", name, data)
        put("probe", name, data)
        if name.endswith(".wav"):
            put("wav", name, data)
    put("waveform", "three", struct.pack("<iiiiii", 2, 0, 8000, 256, 3, 1) + bytes(12))
    put("waveform", "none", struct.pack("<iiiiii", 2, 0, 8000, 256, 0, 1))


def put_recorders():
    """The first byte says which language the rest is in; 0 is a whole file."""
    guano = (b"GUANO|Version: 1.0\nTimestamp: 2017-04-02T03:21:15.123-06:00\nTE: 10\nSamplerate: 480000\n"
             b"Loc Position: 32.1 -86.1\nTemperature Int: 30.5\nMake: X\nSerial: 1\nNote: a\n")
    comment = (b"Recorded at 16:41:20 09/12/2020 (UTC-3:30) by AudioMoth 24526B065D325963 at medium gain setting while "
               b"battery state was 4.1V and temperature was -7.5C.")
    def field(number, content):
        return struct.pack("<HI", number, len(content)) + content
    wamd = field(1, b"SM4") + field(5, b"2014-04-02 22:59:14-05:00") + field(6, b"WGS84, 44.5, N, 68.2, W, 12") + \
        field(15, b"\x0a\x00") + field(21, b"21.5C")
    bext = bytes(320) + b"2019-05-2206:00:00" + struct.pack("<Q", 1036824000) + bytes(256)
    ixml = b"<BWFXML><NOTE>A &amp; B</NOTE><BEXT><BWF_ORIGINATION_DATE>2019-05-22</BWF_ORIGINATION_DATE>" \
        b"<BWF_ORIGINATION_TIME>06:00:00</BWF_ORIGINATION_TIME></BEXT><LOCATION_GPS>47.7, -123.7</LOCATION_GPS></BWFXML>"
    opso = b'opso_metadata{"recording_start_time": "2021-09-24T06:52:00+00:00", "battery_state": 3.8, "comment": "x"}'
    info = chunk(b"LIST", b"INFO" + chunk(b"ICMT", comment) + chunk(b"IART", b"AudioMoth 24526B065D325963"))
    whole = wav(fmt(), chunk(b"data", bytes(20)), chunk(b"guan", guano), chunk(b"wamd", wamd), chunk(b"bext", bext),
                chunk(b"iXML", ixml), info)
    for index, text in enumerate([whole, guano, wamd, comment, opso, bext, ixml]):
        put("recorder", f"{index}", bytes([index]) + text)
    for index, name in enumerate(["S4A03895_20190522_060000.wav", "5AB2CD3E.WAV", "671879189.200101120000.wav",
                                  "20200331T063902+1000_REC [-27.5 153.25].flac", "LOCA_2021_09_24_652_3.wav",
                                  "AMAR668.9.20190524T120000Z.wav", "20240528_100000_125.WAV"]):
        put("recorder", f"name{index}", b"\x07" + name.encode())


# ---- documents ----------------------------------------------------------------------------------

def segments_document():
    parts = [(0.0, 2.5, "speech"), (2.5, 4.0, "silence"), (4.0, 10.0, "music")]
    fractions = {"speech": 2.5, "music": 6.0, "noise": 0.0, "silence": 1.5}
    return {
        "schema_id": "segments.v1", "version": "1.0.0", "asset_id": "a-1", "computed_at": "2026-01-02T03:04:05.678Z",
        "pipeline_version": "1", "worker_version": "1", "duration_s": 10.0, "model_id": "builtin-smn",
        "model_hash": None, "confidence_type": "heuristic_v1",
        "parameters": {"min_speech_s": 0.8, "min_music_s": 3.4, "min_silence_s": 0.5, "merge_gap_s": 0.3},
        "segments": [{"start_s": a, "end_s": b, "label": label, "confidence": 0.7} for a, b, label in parts],
        "metrics": {"segment_count": 3, "flip_rate": 12.0,
                    "class_distribution": {name: {"seconds": s, "fraction": s / 10} for name, s in fractions.items()}},
    }


def feedback_document():
    return {"schema_id": "preview.feedback.v1", "version": "1.0.0", "asset_id": "a-1",
            "timestamp": "2026-01-02T03:04:05.678Z", "preview": {"start_s": 1, "end_s": 2},
            "metrics": {"listened_s": 1.5, "skipped": False, "play_count": 2}, "user_actions": ["like"]}


def checkpoint_document():
    return {"schema_id": "decode_checkpoint.v1", "identity": "id", "header_bytes": 44, "output_samples": 1000,
            "pcm_checksum": ZEROS, "is_complete": False, "input_frames": 2000, "duration_s": "0.0453514739229",
            "nan_samples": 0, "clipped_samples": 3, "decode_errors": 1, "digest": ZEROS}


def live_document():
    task = {"task_id": 7, "run_id": "run-1", "asset_id": "a-1", "stage": "decode", "attempt": 1,
            "started_at_us": 1700000000000000, "seconds": 1.5, "fraction": 0.25}
    return {"worker": "m/b/1/2", "host": "kelp", "pid": 1, "since_us": 1700000000000000, "executors": 2,
            "executor_deaths": 0, "rss_bytes": 1000000, "tasks": [task, {**task, "fraction": None}]}


def put_documents():
    values = {"scalars": [None, True, -1, 2**63, 1.5, 1e300, -0.0, "ü\u0001\"\\"], "nested": {"a": [[], {}, {"b": 1}]},
              "deep": json.loads("[" * 31 + "]" * 31), "number": 3, "text": "x"}
    for name, value in values.items():
        put_json("json", name, value)
        put_json("document", name, value)
    put_json("document", "segments", segments_document())
    put_json("document", "feedback", feedback_document())
    put_json("document", "ingest", {"source_path": "/in/a.wav", "owner_entity_id": "anna", "metadata": {"a": 1}})
    put_json("checkpoint", "some", checkpoint_document())
    put_json("live", "busy", live_document())
    put_json("live", "idle", {**live_document(), "tasks": []})
    record = struct.pack("<BHHB", 1, 100, 200, 200) + struct.pack("<BHHB", 2, 310, 500, 90)
    put("segments", "exact", struct.pack("<I", 10_000) + record)
    put("segments", "any", struct.pack("<IBddf", 5000, 0x81, 0.5, 3.0, 0.9) + record)
    catalogue = json.loads((SPECS / "models.json").read_text())
    put_json("catalogue", "all", catalogue)
    for card in catalogue["models"][:4]:
        put_json("catalogue", "only-" + card["name"], {"models": [card]})
    put_json("catalogue", "card", {**catalogue["models"][0], "name": "mine", "sha256": ZEROS, "bytes": 5,
                                   "installed_at": "2026-01-02T03:04:05.678Z", "origin": "/in/mine.onnx"})
    lines = [{"time": "2026-01-02T03:04:05.678Z", "level": "info", "message": "claimed", "run_id": "run-1",
              "stage": "decode", "task_id": 1}, {"time": "x", "message": "other", "run_id": "run-2"}]
    put("run_log", "lines", "".join(json.dumps(line) + "\n" for line in lines) + "no JSON run-1\n")


# ---- small texts --------------------------------------------------------------------------------

def put_texts():
    for index, target in enumerate(["/", "/v1/runs/r%20a?limit=10&state=failed", "/v1/runs/all", "/v1/runs/a/tasks/7",
                                    "http://localhost:8765/files/a/b%2Fc?x=%C3%BC+y#z", "/files/%2e%2e/x", "[::1]:80"]):
        put("target", str(index), target)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    size = struct.pack("<q", 1000)
    for index, lines in enumerate([
            "Range: bytes=0-99", "Range: bytes=-5\nIf-Range: \"0123abcd\"", "Range: bytes=10-",
            "If-None-Match: W/\"x\", \"0123abcd\"", "traceparent: " + trace, "Cookie: a=b; session=bls_x; c=d",
            "Upload-Checksum: aGFsbG8=", "Accept: operate\r\nX: y"]):
        put("headers", str(index), size + lines.replace(": ", ":").encode())
    for index, text in enumerate(["machine/boot/42/123456", "FILE_CORRUPT", "bln_" + "a" * 43,
                                  "a bls_x bln_" + "b" * 43, "wörker\x1b[31m", struct.pack("<q", 1_767_323_045_678_901),
                                  struct.pack("<q", -1), struct.pack("<q", 2**62)]):
        put("names", str(index), text)
    put("tokens", "plain", b"\0bln_" + b"A" * 43)
    put("tokens", "token", b"\x03\x00\x00")
    put("tokens", "session", b"\x01\x00\x00")
    put("tokens", "damaged", b"\x03\x05\x01")
    put("config", "file", '[worker]\nexecutors = 4\nretry_delays_s = [60, 300.5, 9e2]\n\n[decode]\nmin_duration_s = 1\n'
        '[features]\nembedding = "builtin"\n')
    put("config", "environment", "\0WORKER_EXECUTORS=3\nWORKER_RETRY_DELAYS_S=1,2,3\nPREVIEW_WINDOW_S=1e3\n")
    for index, words in enumerate(["run ssis a.wav b --json --executors 2", "status",
                                   "tokens add me --scope admin --days 3.5",
                                   "worker --stages decode,features --until-done", "up --port 0 --bind ::1 -q",
                                   "retry --all", "models add f.onnx --name x", "completions zsh", "--version",
                                   "serve --help", "stats", "run --jsno", "pause --recipe ssis --stage decode"]):
        put("cli", str(index), words.replace(" ", "\0"))
    said = [{"type": "progress", "fraction": 0.5}, {"type": "error", "code": "FILE_CORRUPT", "message": "ü\n"},
            {"type": "result", "artifacts": [{"type": "a", "temporary": "x"}], "metrics": {"n": 1}}]
    stream = b"".join(json.dumps(message).encode() + b"\n" for message in said)
    put("protocol", "pieces", struct.pack("<H", 6) + stream)
    put("protocol", "whole", struct.pack("<H", 4000) + stream)
    put("protocol", "half", struct.pack("<H", 30) + stream[:-20])


def put_annotations():
    golden = SPECS.parent / "tests/golden/annotations"
    for kind, name in enumerate(["raven_list.selections.txt", "audacity_labels.txt", "kaleidoscope_id.csv"]):
        put("annotations", name, bytes([kind]) + (golden / name).read_bytes())
    header = b"Selection\tBegin Time (s)\tEnd Time (s)\tBegin File\n"
    put("annotations", "list", b"\x03" + header + b"1\t1\t2\ta.wav\n2\t10\t11\tB.WAV\n")
    put("annotations", "unnamed", b"\x03" + header + b"1\t1\t2\t\n2\t9.5\t11\t\n")
    put("annotations", "cluster", b"\x02" + (golden / "kaleidoscope_cluster.csv").read_bytes())


def put_field_notes():
    """Of deployments and reviews."""
    for name, text in {
            "commas": "file,asset_id,tag_data.species,tag_data.n.a\r\na.wav,,minke,2\r\nb.wav,,\"a \"\"b\"\"\",\r\n",
            "semicolons": "file;tag_data.depth_m;group_composition\na.wav;12,5;[1,2]\nc.wav;1;2\n",
            "excel": "sep=;\nfile;tag_data.site;tag_data\nb.wav;reef;{\"x\":{}}\n",
            "unnamed": "file;tag_data.site;tag_data\nb.wav;reef;{\" \":{}}\n",  # A name that no column can have.
            "spaces": "file;tag_data. site;tag_data.a .b;tag_data\na.wav;reef;1;\n",
            "tabs": "\ufefffile\ttag_data.k\tprey_density_proxy\nA.WAV\t-1e-3\tfew\n",
            "away": "file,tag_data.site,tag_data.n,tag_data.n.a,visual_observations\na.wav,,,,true\n"}.items():
        put("metadata_table", name, text)
    days = [("2019-05-01T00:00:00Z", "2019-05-01T00:00:00Z"), ("2019-05-11T02:00:10+02:00", "2019-05-11T00:00:00Z")]
    for name, zone in {"zone": "", "none": "Z"}.items():
        sync = [{"recorder": recorder.replace(zone, ""), "true": true.replace(zone, "")} for recorder, true in days]
        put_json("clock", name, {"metadata": {"tag_data": {"clock_sync": sync[:2 - len(zone)]}},
                                 "recording": {"start_local": "2019-05-06T02:00:05" + ("" if zone else "+02:00"),
                                               "start_utc": None}})
    acts = [{"kind": "label", "payload": {"label": "song", "clusters": [0, 2], "rows": [[4, 5], [9, 9]], "windows": 9}},
            {"kind": "move", "payload": {"groups": [{"rows": [[0, 1]], "to": 3}, {"rows": [[2, 2]], "to": 4}],
                                         "makes_clusters": True, "split": 0, "windows": 3}},
            {"kind": "merge", "payload": {"clusters": [1, 2, 3], "windows": 7}},
            {"kind": "noise", "payload": {"clusters": [4], "rows": [[7, 8]], "windows": 3}},
            {"kind": "move", "payload": {"groups": [{"rows": [[9, 9]], "to": 0}], "windows": 1}},
            {"kind": "label", "payload": {"label": "", "rows": [[4, 4]], "windows": 1}}]
    put_json("review", "all", acts)
    for index, act in enumerate(acts):
        put_json("review", f"{index}", [act])


# ---- requests -----------------------------------------------------------------------------------

def request(line, body=b"", **headers):
    """One as it goes over the wire. Names of headers have '_' for '-'."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Host": "localhost", **headers}
    if body:
        fields.setdefault("Content_Type", "application/json")
        fields["Content_Length"] = str(len(body))
    text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"{line} HTTP/1.1\r\n{text}\r\n".encode() + body


def season_requests():
    """About collections, reviews and labels."""
    yield request("POST /v1/collections", {"name": "reef", "owner_entity_id": "anna"})
    yield request("POST /v1/collections/SEASON/members", {"asset_ids": ["ASSET"]})
    yield request("DELETE /v1/collections/SEASON/members/none")
    yield request("POST /v1/collections/SEASON/runs", {"recipe": "toy", "params": {}, "priority": 2})
    yield request("POST /v1/collections/SEASON/search", {"asset_id": "ASSET", "at_s": 1.5, "limit": 5, "apart_s": 60})
    table = b"Selection\tBegin Time (s)\tEnd Time (s)\n1\t0\t1\n"
    yield request("POST /v1/collections/SEASON/annotations?format=raven&filename=a.txt&skip_unknown=true", table,
                  Content_Type="text/plain")
    yield request("DELETE /v1/collections/SEASON/annotations/99")
    yield request("PUT /v1/collections/SEASON/metadata", b"file,tag_data.site\na.wav,reef\n", Content_Type="text/csv")
    yield request("PUT /v1/assets/ASSET/metadata", {"tag_data": {"species": "humpback"}, "group_composition": [1, 2]})
    yield request("POST /v1/collections/SEASON/probes", {"label": "moan", "precision": 0.9, "params": {"folds": 5}})
    for action in ({"kind": "label", "label": "song", "clusters": [1], "rows": [2]}, {"kind": "split", "cluster": 1, "into": 3},
                   {"kind": "merge", "clusters": [1, 2], "expected_version": 0}, {"kind": "move", "rows": [1], "to": "new"}):
        yield request("POST /v1/clusterings/job-1/actions", action, Idempotency_Key="key-" + action["kind"])
    yield request("POST /v1/clusterings/job-1/undo", {"expected_version": 1})
    yield request("POST /v1/clusterings/job-1/redo", {})


def requests():
    def b64(text):
        return base64.b64encode(text.encode()).decode()

    looks = ["openapi.yaml", "status", "models", "assets?sort=name&limit=3", "assets/ASSET", "assets/ASSET/artifacts/1",
             "runs?state=queued,failed&owner=anna", "runs/run-1", "runs/run-1/attempts", "runs/run-1/log",
             "runs/run-1/bundle", "tasks?limit=1&order=desc", "tasks/1", "events?after=0&limit=10&type=task.*",
             "pauses", "session", "tokens", "attempts?asset_id=ASSET", "ingest/roots", "recipes", "errors", "settings",
             "assets/ASSET/waveform?start_s=0&end_s=1&columns=10", "assets/ASSET/spectrogram?rows=16",
             "assets/ASSET/similarity?at_s=0.5", "assets/ASSET/explain", "ingest/upload/u-1",
             f"explain?owner=anna&content_hash={ZEROS}", "assets/ASSET/metadata", "assets/ASSET/annotations",
             "assets/ASSET/thumbnail?start_s=0&end_s=1.5&width=64&height=32&high_hz=8000",
             "assets/ASSET/clip?start_s=0&end_s=5&time_expansion=10", "collections?limit=5", "collections/SEASON",
             "collections/SEASON/members", "collections/SEASON/clusterings", "collections/SEASON/annotations",
             "collections/SEASON/export?format=raven&what=all&with_noise=true", "collections/SEASON/metadata",
             "collections/SEASON/probes", "collections/SEASON/artifacts/2", "probes/1",
             "probes/1/windows?min_score=0.5&limit=10", "clusterings/job-1", "clusterings/job-1/points",
             "clusterings/job-1/labels", "clusterings/job-1/recordings", "clusterings/job-1/actions",
             "clusterings/job-1/windows?cluster=-1&label=a&order=time&limit=9&after=3", "clusterings/job-1/windows/2"]
    for look in looks:
        yield request(f"GET /v1/{look}")
    yield request("GET /v1/events", Accept="text/event-stream", Last_Event_ID="3")
    yield request("GET /v1/clusterings/job-1/points", If_None_Match='"points", W/"x"')
    yield request("GET /healthz")
    yield request("POST /v1/runs", {"asset_id": "ASSET", "recipe": "toy", "priority": 1}, Idempotency_Key="key-1")
    yield request("POST /v1/runs/run-1/retry", {})
    yield request("POST /v1/runs/run-1/cancel")
    yield request("POST /v1/queue/pause", {"recipe": "toy"})
    yield request("POST /v1/queue/resume", {})
    yield request("POST /v1/ingest/local", {"source_path": "/x/a.wav", "metadata": {"a": 1}, "recipe": "toy"})
    yield request("POST /v1/tokens", {"name": "new", "scope": "read", "owner_entity_id": "anna", "expires_in_s": 60})
    yield request("DELETE /v1/tokens/none")
    yield request("POST /v1/session", {"token": "bln_" + "x" * 43})
    yield request("DELETE /v1/session", Cookie="baleen_session=bls_" + "x" * 43)
    yield request("PATCH /v1/settings", {"uploads.open_max": 50, "retention.events_days": None})
    yield request("POST /v1/bulk", {"action": "retry", "filter": {"state": "failed"}, "is_dry_run": True})
    yield request("POST /v1/assets/ASSET/feedback", feedback_document())
    yield from season_requests()
    yield request("OPTIONS /v1/ingest/upload")
    meta = f"filename {b64('a.wav')},recipe {b64('toy')},priority {b64('5')},metadata {b64('{}')}"
    yield request("POST /v1/ingest/upload", Tus_Resumable="1.0.0", Upload_Length="5", Upload_Metadata=meta)
    piece = b"hello"
    digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
    yield request("POST /v1/ingest/upload", piece, Upload_Length="5", Upload_Metadata=meta,
                  Content_Type="application/offset+octet-stream", Upload_Checksum="sha256 " + digest)
    yield request("PATCH /v1/ingest/upload/u-1", piece, Upload_Offset="0", Tus_Resumable="1.0.0",
                  Content_Type="application/offset+octet-stream")
    yield request("HEAD /v1/ingest/upload/u-1", Tus_Resumable="1.0.0")
    yield request("DELETE /v1/ingest/upload/u-1")
    yield b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" \
          b"Content-Type: application/json\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    yield b"GET / HTTP/1.0\r\n\r\n"


def put_requests():
    for index, wire in enumerate(requests()):
        for who in (1, 2, 3) if b"/v1/" in wire else (0,):
            put("service", f"{index:02}-{who}", bytes([who]) + wire)


def main():
    put_sounds()
    put_recorders()
    put_documents()
    put_texts()
    put_annotations()
    put_field_notes()
    put_requests()


if __name__ == "__main__":
    main()
