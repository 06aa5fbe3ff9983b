#!/usr/bin/env python3
"""Compares the table of docs/configuration.md with `baleen settings --markdown`.

usage: check_settings.py BALEEN [--write]
"""
import pathlib
import re
import subprocess
import sys

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "docs/configuration.md"
table = subprocess.run([sys.argv[1], "--config", "/dev/null", "settings", "--markdown"], check=True,
                       capture_output=True, text=True, env={}).stdout
text = DOCUMENT.read_text()
wanted = re.sub(r"(<!-- settings -->\n).*?(<!-- /settings -->)", lambda m: m[1] + table + m[2], text, flags=re.S)
if "--write" in sys.argv:
    DOCUMENT.write_text(wanted)
elif wanted != text:
    sys.exit(f"{DOCUMENT} is out of date: run scripts/check_settings.py build/baleen --write")
