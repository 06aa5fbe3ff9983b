import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, audio_rate, bytes, duration, exact_bytes, hertz, parse_bytes, percent, roughly, plural, position, sentence, split_reason } from "./format";

test("durations have their two largest units", () => {
  for (const [seconds, text] of [[0, "0 s"], [0.0123, "12 ms"], [0.9999, "1.0 s"], [2.34, "2.3 s"], [9.96, "10 s"], [59.6, "1 min"], [61, "1 min 1 s"],
    [3600, "1 h"], [7500, "2 h 5 min"], [86400 * 3 + 3600 * 4 + 59, "3 d 4 h"], [null, "–"], [NaN, "–"]] as const)
    assert.equal(duration(seconds), text, String(seconds));
});

test("sizes are decimal and never show 1000 of a unit", () => {
  for (const [value, text] of [[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [928364, "928 kB"], [999_499, "999 kB"], [999_500, "1.0 MB"], [55.1e9, "55 GB"], [null, "–"]] as const)
    assert.equal(bytes(value), text, String(value));
});

test("rough times have one unit", () => {
  for (const [seconds, text] of [[0.2, "1 s"], [343, "6 min"], [5400, "2 h"], [86_400, "24 h"], [172_800, "2 d"]] as const) assert.equal(roughly(seconds), text);
});

test("sizes can be typed as people write them", () => {
  for (const [text, value] of [["1024", 1024], ["500 MB", 5e8], ["1.5GB", 1.5e9], ["64 GiB", 2 ** 36], ["2k", 2000], ["", null], ["-5", null], ["5 apples", null]] as const)
    assert.equal(parse_bytes(text), value, text);
  for (const value of [0, 1, 1000, 1024, 1e9, 2 ** 36, 2 ** 36 + 1, 123_456_789, 2 ** 50]) assert.equal(parse_bytes(exact_bytes(value)), value);
  assert.equal(exact_bytes(2 ** 36), "64 GiB");
  assert.equal(exact_bytes(5e8), "500 MB");
});

test("positions are as fine as the step, and carry over", () => {
  assert.equal(position(21.05, 0.01), "0:21.05");
  assert.equal(position(59.999, 0.01), "1:00.00");
  assert.equal(position(3850.2, 0.1), "1:04:10.2");
  assert.equal(position(3600, 1), "1:00:00");
  assert.equal(position(-0.2, 0.1), "0:00.0");
});

test("what is not complete is never 100 %", () => {
  assert.equal(percent(0.9999), "99 %");
  assert.equal(percent(1), "100 %");
  assert.equal(percent(0.99999, 2), "99.99 %");
  assert.equal(percent(null), "–");
});

test("frequencies, rates and counts carry their units", () => {
  assert.equal(hertz(440), "440 Hz");
  assert.equal(hertz(22050), "22.05 kHz");
  assert.equal(hertz(192000), "192 kHz");
  assert.equal(audio_rate(3.14), "3.1 × real time");
  assert.equal(audio_rate(1234), "1,234 × real time");
  assert.equal(plural(1, "run"), "1 run");
  assert.equal(plural(1200, "try", "tries"), "1,200 tries");
});

test("times are told from now, before and after", () => {
  const now = Date.parse("2026-06-11T12:00:00Z");
  assert.equal(ago("2026-06-11T11:59:58Z", now), "just now");
  assert.equal(ago("2026-06-11T11:00:00Z", now), "1 h ago");
  assert.equal(ago("2026-06-13T12:00:00Z", now), "in 2 d");
  assert.equal(ago(null, now), "never");
});

test("fragments become sentences; names stay names", () => {
  assert.equal(sentence("decode runs first"), "Decode runs first.");
  assert.equal(sentence("original.wav: no audio"), "original.wav: no audio.");
  assert.equal(sentence("/srv/a.wav is gone"), "/srv/a.wav is gone.");
  assert.equal(sentence("Done!"), "Done!");
  assert.equal(sentence(""), "");
});

test("a reason has a word and a sentence", () => {
  assert.deepEqual(split_reason("never_ran: no artifact: yet"), { word: "never_ran", text: "no artifact: yet" });
  assert.deepEqual(split_reason("plain"), { word: "", text: "plain" });
});
