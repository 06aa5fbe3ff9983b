"""Which file of which package is speech, music or noise: the only hand labels of the training.

Decodes a bounded, seeded choice of files to 22050 Hz mono int16 and writes WORK/sources.npz:
`samples` (all clips after each other), `begin`, `end`, `label`, `group` (the package, or package/kind).
"""

import hashlib
import os
import random
import re
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np

RATE = 22050
SPEECH, MUSIC, NOISE = 0, 1, 2
AUDIO = (".ogg", ".wav", ".flac", ".oga", ".opus")

# (package, label, kind, files at most, seconds at most, must match, must not match)
RULES = [
    ("asterisk-core-sounds-en-wav", SPEECH, "", 300, 12, r"\.wav$", r"silence/|beep|tone|tt-|rain|monkeys|confbridge-(join|leave)"),
    ("asterisk-core-sounds-es-wav", SPEECH, "", 200, 12, r"\.wav$", r"silence/|beep|tone|tt-|confbridge-(join|leave)"),
    ("asterisk-core-sounds-fr-wav", SPEECH, "", 200, 12, r"\.wav$", r"silence/|beep|tone|tt-|confbridge-(join|leave)"),
    ("asterisk-core-sounds-it-wav", SPEECH, "", 200, 12, r"\.wav$", r"silence/|beep|tone|tt-|confbridge-(join|leave)"),
    ("asterisk-core-sounds-ru-wav", SPEECH, "", 200, 12, r"\.wav$", r"silence/|beep|tone|tt-|confbridge-(join|leave)"),
    ("klettres-data", SPEECH, "", 500, 6, r".", r"^$"),
    ("ktuberling-data", SPEECH, "", 500, 6, r".", r"^$"),
    ("tuxpaint-stamps-default", SPEECH, "", 900, 10, r"_desc|symbols/(math|alphabets)", r"^$"),
    ("hedgewars-data", SPEECH, "voices", 350, 8, r"Sounds/voices/", r"voices/(Singer|Robot)"),
    ("warzone2100-data", SPEECH, "", 180, 12, r"audio/(tutorial|memressp|countdown|vtoltalk)", r"^$"),
    ("trigger-rally-data", SPEECH, "", 80, 6, r"codriver/", r"^$"),
    ("0ad-data", SPEECH, "voices", 180, 8, r"audio/voice/", r"^$"),
    ("0ad-data", NOISE, "animals", 100, 12, r"audio/actor/fauna", r"^$"),
    ("0ad-data", NOISE, "cries", 81, 8, r"audio/actor/human/death", r"^$"),
    ("0ad-data", NOISE, "ambient", 80, 40, r"audio/ambient|weather|river|wave|wind|rain", r"audio/(voice|music)"),
    ("0ad-data", NOISE, "effects", 250, 12, r"audio/(actor|attack|resource|interface/select)", r"fauna|human/death"),
    ("supertuxkart-data", NOISE, "effects", 80, 15,
     r"sfx/(goo|river|tractor|engine|skid|anvil|car_|strike|exotic|crash|firework|Wilhelm|static|shoot|ugh|airplane|nitro|inflate|plunger|machine|wooden|clock|bowling|plopp|bzzt|spaceship|hammer|explosion|splash|swatter|waterfall|thunder|rain|break|bubble|metal|sara_airport)|Locomotive|sheep|cow|spaceship_engine|skid|hot\.ogg", r"music"),
    ("tuxpaint-stamps-default", NOISE, "objects", 200, 15,
     r"animals/|town/|vehicles/|household/|naturalforces/|space/|tools/|arttools|dishes|camera", r"_desc|flags"),
    ("minetest-data", NOISE, "", 120, 15, r".", r"soundstuff"),
    ("megaglest-data", NOISE, "ambient", 80, 30, r"tileset", r"good_morning|hell\.ogg"),
    ("megaglest-data", NOISE, "effects", 260, 10,
     r"sounds/(.*_(hit|die|walk|attack)\d|anvil|arrow|cow|pig|orni|catapult|.*(horse|dragon|wolf|fire|build))", r"/music/|_ack|_select"),
    ("wesnoth-1.16-data", NOISE, "", 280, 12, r".", r"horn|holy|heal|bell|gamestart|harp|flute|magic|chat|join|arrive"),
    ("supertux-data", NOISE, "", 60, 15,
     r"sounds/(rain|thunder|waterfall|fire|splash|ticking|saw|explosion|lightning|crack|fizz|sizzle|door|flame|stomp|brick|wood|skid|icecrash|tree_howl|yeti|thud|turnkey|lava|squish)", r"fire-flower"),
    ("hedgewars-data", NOISE, "effects", 110, 10, r"Data/Sounds/[^/]+$",
     r"/\d[A-G]\.ogg|valkyries|Hellish|hogchant|Yoohoo|Kiss|custom|countdown|TARDIS|Whistle|homerun|extratime|sinegun|beep"),
    ("ufoai-sound", NOISE, "", 260, 20, r"sound/(ambience|weapons|footsteps|impact|misc|aliens|geoscape|civilians)", r"music|speech"),
    ("warzone2100-data", NOISE, "effects", 100, 12, r"audio/sfx", r"^$"),
    ("freedroidrpg-data", NOISE, "", 60, 10, r"sound/effects/", r"voice_samples|tux_ingame|bot_sounds|Tux_|Cant|Not_Enough"),
    ("tuxmath-data", NOISE, "", 12, 15, r"sizzling|buzz|cheer|engine|tock|explosion|laser|alarm", r"^$"),
    ("colobot-common-sounds", NOISE, "effects", 90, 12, r"/sounds/sound", r"^$"),
    ("openttd-opensfx", NOISE, "", 80, 12, r".", r"^$"),
    ("sonic-pi-samples", NOISE, "", 20, 12, r"misc_crow|vinyl_hiss|perc_door|ambi_sauna|3d_printer|misc_burp|vinyl_(rew|scr)", r"^$"),
    ("gcompris-qt-data", NOISE, "farm", 12, 12, r"explore_farm_animals", r"^$"),
    ("wesnoth-1.16-music", MUSIC, "", 50, 75, r".", r"^$"),
    ("hedgewars-data", MUSIC, "music", 30, 60, r"Data/Music", r"^$"),
    ("supertux-data", MUSIC, "music", 60, 50, r"/music/", r"^$"),
    ("colobot-common-sounds", MUSIC, "music", 25, 50, r"/music/", r"^$"),
    ("freedroidrpg-data", MUSIC, "music", 20, 60, r"sound/music", r"Ambience"),
    ("megaglest-data", MUSIC, "music", 20, 60, r"/music/|menu_music|intro_music", r"^$"),
    ("fretsonfire-songs-muldjord", MUSIC, "", 20, 60, r".", r"guitar"),
    ("fretsonfire-songs-sectoid", MUSIC, "", 20, 60, r".", r"^$"),
    ("0ad-data", MUSIC, "music", 60, 40, r"audio/music", r"^$"),
    ("supertuxkart-data", MUSIC, "music", 40, 40, r"/music/", r"^$"),
    ("asterisk-moh-opsound-wav", MUSIC, "", 10, 90, r".", r"^$"),
    ("tuxmath-data", MUSIC, "music", 5, 60, r"tuxi|02_on|03_grav|01_rush", r"^$"),
    ("gcompris-qt-data", MUSIC, "world", 40, 40, r"explore_world_music|instruments", r"^$"),
    ("sonic-pi-samples", MUSIC, "loops", 40, 20,
     r"ambi_(choir|drone|piano|haunted|glass)|guit_|loop_(amen|break|comp|drone|elec|garz|meha|mika|safari|tabla|weird)", r"^$"),
]


def unpack_archives(root):
    """Sounds that a package keeps inside zip files or as embedded WAV/Ogg streams."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            target = os.path.join(folder, "x_audio", name)
            if os.path.exists(target):
                continue
            if name.endswith((".zip", ".pk3", ".wz")):
                os.makedirs(target)
                with zipfile.ZipFile(path) as archive:
                    for entry in archive.namelist():
                        if entry.lower().endswith(AUDIO) and ".." not in entry and entry[0] != "/":
                            archive.extract(entry, target)
            elif name.endswith((".cat", ".rcc")):
                os.makedirs(target)
                carve(open(path, "rb").read(), target)


def carve(data, target):
    for number, match in enumerate(re.finditer(rb"RIFF....WAVE", data, re.S)):
        size = int.from_bytes(data[match.start() + 4:match.start() + 8], "little") + 8
        with open(f"{target}/{number:03d}.wav", "wb") as out:
            out.write(data[match.start():match.start() + size])
    for number, match in enumerate(re.finditer(rb"OggS\x00\x02", data)):
        at, out = match.start(), bytearray()
        while data[at:at + 4] == b"OggS":  # One page after the other, to the page that ends it.
            n_segments = data[at + 26]
            size = 27 + n_segments + sum(data[at + 27:at + 27 + n_segments])
            out += data[at:at + size]
            if data[at + 5] & 4:
                break
            at += size
        with open(f"{target}/{number:03d}.ogg", "wb") as f:
            f.write(bytes(out))


def choose(root):
    """The files of every rule, in a seeded order."""
    chosen = []
    for package, label, kind, n_max, seconds, must, must_not in RULES:
        files = []
        for folder, _, names in os.walk(os.path.join(root, package)):
            for name in names:
                path = os.path.join(folder, name)
                inner = path[len(root):]
                if name.lower().endswith(AUDIO) and re.search(must, inner) and not re.search(must_not, inner):
                    files.append(path)
        files.sort()
        random.Random(f"{package}/{kind}").shuffle(files)
        group = package + ("/" + kind if kind else "")
        chosen += [(path, label, group, seconds) for path in files[:n_max]]
        print(f"{group:40s} {label} {min(n_max, len(files))} of {len(files)}", file=sys.stderr)
    return chosen


def decode(item):
    path, _, _, seconds = item
    command = ["ffmpeg", "-v", "error", "-t", str(seconds), "-i", path, "-ac", "1", "-ar", str(RATE),
               "-f", "s16le", "-"]
    out = subprocess.run(command, capture_output=True, check=False).stdout
    return np.frombuffer(out[:len(out) // 2 * 2], np.int16)


def decode_group(work, group, items, pool):
    """The clips of one group, from WORK/decoded if they were decoded before."""
    key = hashlib.sha256(repr(items).encode()).hexdigest()[:16]
    path = os.path.join(work, "decoded", f"{group.replace('/', '_')}.{key}.npz")
    if not os.path.exists(path):
        clips = list(pool.map(decode, items))
        clips = [c for c in clips if len(c) > RATE // 10 and np.abs(c.astype(np.int32)).max() > 300]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        np.savez(path + ".part.npz", samples=np.concatenate(clips), end=np.cumsum([len(c) for c in clips]))
        os.rename(path + ".part.npz", path)
    data = np.load(path)
    return data["samples"], data["end"]


def main(work):
    root = os.path.join(work, "src")
    unpack_archives(root)
    chosen = choose(root)
    samples, begin, end, label, group_of, offset = [], [], [], [], [], 0
    with ThreadPoolExecutor(2) as pool:
        for group in sorted({item[2] for item in chosen}):
            for wanted in (SPEECH, MUSIC, NOISE):
                items = [item for item in chosen if item[2] == group and item[1] == wanted]
                if not items:
                    continue
                some, ends = decode_group(work, f"{group}_{wanted}", items, pool)
                samples.append(some)
                begin += [offset] + [offset + int(e) for e in ends[:-1]]
                end += [offset + int(e) for e in ends]
                label += [wanted] * len(ends)
                group_of += [group] * len(ends)
                offset += len(some)
    np.savez(os.path.join(work, "sources.npz"), samples=np.concatenate(samples), begin=begin, end=end, label=label, group=group_of)
    print(f"{len(label)} files, {offset / RATE / 3600:.2f} h", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
