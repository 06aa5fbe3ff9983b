#!/usr/bin/env python3
"""Small files that ask for much: hours of sound, gigabytes, pictures without end. Each is refused or survived
while it is read, with a bounded amount of time and memory."""
import array
import resource
import struct
import zlib

import harness

# Of any process; an ordinary run has a tenth of it. (A sanitizer remembers every byte several times.)
MEMORY_MAX_MB = 400 if harness.PATIENCE == 1 else 4000
BLOCK = 65535  # Samples of a FLAC frame: as many as there can be.


def crc(data, bits, polynomial):
    """The CRC of FLAC's headers (8 bits, 0x07) and frames (16 bits, 0x8005): no reflection, starts at 0."""
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (bits - 1) else 0)
            value &= (1 << bits) - 1
        table.append(value)
    value = 0
    for byte in data:
        value = ((value << 8) & ((1 << bits) - 1)) ^ table[(value >> (bits - 8)) ^ byte]
    return value


def utf8_number(number):
    return chr(number).encode() if not 0xD800 <= number < 0xE000 else bytes(
        [0xE0 | number >> 12, 0x80 | number >> 6 & 0x3F, 0x80 | number & 0x3F])


def metadata_block(kind, body, is_last=False):
    return bytes([kind | (0x80 if is_last else 0)]) + len(body).to_bytes(3, "big") + body


def stream_info(n_samples, rate=44100):
    packed = rate << 44 | 0 << 41 | 15 << 36 | n_samples
    return struct.pack(">HH", BLOCK, BLOCK) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)


def silent_frame(number):
    """65,535 samples of nothing, 16 bits mono 44.1 kHz, in 16 bytes or so (RFC 9639, constant subframe)."""
    header = b"\xff\xf8" + bytes([0x79, 0x08]) + utf8_number(number) + struct.pack(">H", BLOCK - 1)
    header += bytes([crc(header, 8, 0x07)])
    frame = header + b"\x00" + b"\x00\x00"
    return frame + struct.pack(">H", crc(frame, 16, 0x8005))


def flac(path, hours, blocks=()):
    n_frames = round(hours * 3600 * 44100 / BLOCK)
    info = metadata_block(0, stream_info(n_frames * BLOCK), is_last=not blocks)
    with open(path, "wb") as file:
        file.write(b"fLaC" + info)
        for i, (kind, body) in enumerate(blocks):
            file.write(metadata_block(kind, body, is_last=i + 1 == len(blocks)))
        for number in range(n_frames):
            file.write(silent_frame(number))
    return path


def png(width, height, data=b""):
    """A PNG that claims these dimensions, and holds a little of what it claims."""
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def picture(body, width, height):
    mime = b"image/png"
    return (6, struct.pack(">II", 3, len(mime)) + mime + struct.pack(">IIIIII", 0, width, height, 32, 0, len(body)) + body)


def peak_memory_mb():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


class Budgets(harness.Case):
    def assert_refused(self, outcome, code, word):
        self.assert_status(outcome, 4)
        error = harness.failure_of(outcome.json)
        self.assertEqual(error["code"], code, str(outcome))
        self.assertIn(word, error["message"])
        self.assert_error_is_helpful(error)
        self.assertLess(peak_memory_mb(), MEMORY_MAX_MB)

    def test_ten_hours_of_silence_in_a_small_flac(self):
        place = self.place()
        path = flac(place.path / "silence.flac", 10)
        self.assertLess(path.stat().st_size, 1_400_000)
        outcome = place.run("run", "ssis", path, "--json")
        self.assert_refused(outcome, "DECODE_BUDGET_EXCEEDED", "decode.expansion_max")
        self.assert_nothing_left(place)
        self.assertEqual(place.rows("SELECT attempts FROM tasks WHERE stage = 'decode'"), [(1,)])  # Not tried again.

    def test_who_means_it_can_raise_the_limit(self):
        place = self.place(BALEEN_DECODE_EXPANSION_MAX=0)
        path = flac(place.path / "silence.flac", 1.2)
        outcome = self.assert_status(place.run("run", "ssis", path, "--json"), 0)
        self.assertAlmostEqual(outcome.json["duration_s"], 1.2 * 3600, delta=2)

    def test_an_hour_of_silence_is_nobodys_bomb(self):
        place = self.place()
        self.assert_status(place.run("run", "ssis", flac(place.path / "silence.flac", 0.9)), 0)

    def test_a_cover_of_ten_billion_pixels_is_not_looked_at(self):
        place = self.place()
        bomb = png(100_000, 100_000, zlib.compress(bytes(20_000_000)))
        path = flac(place.path / "cover.flac", 0.01, [picture(bomb, 100_000, 100_000)])
        outcome = self.assert_status(place.run("run", "ssis", path, "--json"), 0)
        self.assertLess(outcome.seconds, 30)
        self.assertLess(peak_memory_mb(), MEMORY_MAX_MB)

    def test_pictures_beyond_measure_are_refused(self):
        place = self.place()
        large = png(10, 10, bytes(15_000_000))
        path = flac(place.path / "covers.flac", 0.01, [picture(large, 10, 10)] * 12)
        outcome = place.run("run", "ssis", path, "--json")
        self.assert_status(outcome, 4)
        self.assertIn("DECODE_BUDGET_EXCEEDED", outcome.out)

    def test_four_gigabytes_claimed_by_69_bytes(self):
        place = self.place()
        data = harness.wav_bytes(array.array("h", [1000] * 12 + [0]).tobytes()[:25])
        path = place.path / "claim.wav"
        path.write_bytes(data[:40] + struct.pack("<I", 0xFFFFFFF0) + data[44:])
        self.assertEqual(path.stat().st_size, 69)
        outcome = place.run("run", "ssis", path, "--json")
        self.assert_refused(outcome, "FILE_TOO_SHORT", "s of audio")

    def test_the_mode_of_the_sandbox_can_be_chosen_and_is_shown(self):
        place = self.place()
        path = harness.make_wav(place.path / "a.wav", 2)
        outcome = place.run("run", "ssis", path, "--sandbox=of", "--json")
        self.assert_status(outcome, 2)
        self.assertIn("CONFIG_INVALID", outcome.out)
        for mode in ("off", "best-effort"):
            self.assert_status(place.run("run", "ssis", path, "--sandbox", mode, data=place.path / mode), 0)
            checks = place.run("doctor", "--sandbox", mode, "--json").json["checks"]
            finding, = (check for check in checks if check["name"] == "sandbox")
            self.assertRegex(finding["finding"], "^OFF" if mode == "off" else "^(on|incomplete)")


if __name__ == "__main__":
    harness.main()
