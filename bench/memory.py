#!/usr/bin/env python3
"""Peak memory of any process of the recipe on a 1-hour and a 24-hour MP3: at most 300 MB, and within 10 %.

The 24-hour run needs about 10 GB of disk and some minutes of CPU; --quick compares 10 minutes with 2 hours.
"""
import pathlib
import shutil

import common


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--models", type=pathlib.Path, nargs="*", default=[], help="networks to install first")
    options = parser.parse_args()
    common.need_baleen()
    common.need_ffmpeg()
    lengths = (600, 7200) if options.quick else (3600, 86400)
    table = common.Table("peak resident memory of the recipe ssis (the largest process)",
                         "length h", "peak MB", "CPU s", "limit MB")
    peaks = []
    with common.Workplace(options) as work:
        for seconds in lengths:
            data = work / "data"
            shutil.rmtree(data, ignore_errors=True)
            for model in options.models:
                common.run([common.BALEEN, "models", "add", model, "--data", data])
            usage = common.run([common.BALEEN, "run", "ssis", "--data", data, "--", common.long_mp3(work, seconds)])
            peaks.append(usage.peak_bytes)
            table.add(f"{seconds / 3600:g}", usage.peak_bytes / 1e6, usage.cpu_s, 300)
            shutil.rmtree(data, ignore_errors=True)
    table.print()
    growth = peaks[1] / peaks[0] - 1
    print(f"  growth {growth:+.1%} (limit 10 %): {'ok' if growth <= 0.1 and max(peaks) <= 300e6 else 'NOT MET'}")
    table.write(options.json)


if __name__ == "__main__":
    main()
