#!/usr/bin/env python3
"""The built web page, looked at as files: its size, what it refers to, and that its client and the OpenAPI document
know the same addresses.

usage: page_test.py DIST_DIR
"""
import gzip
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "web/src"
FIRST_LOAD_BYTES_MAX = 120_000
DIST = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else ROOT / "build/web/dist"


def documented_operations():
    """"GET /v1/runs/{run_id}" for every operation of specs/openapi.yaml, which has two and four spaces before them."""
    found, path = set(), None
    for line in (ROOT / "specs/openapi.yaml").read_text().splitlines():
        if match := re.match(r"  (/\S*):$", line):
            path = match.group(1)
        elif path and (match := re.match(r"    (get|post|put|patch|delete|head|options):$", line)):
            found.add(f"{match.group(1).upper()} {path}")
        elif re.match(r"\S", line):
            path = None
    return found


def used_operations():
    text = (SOURCES / "lib/api.ts").read_text()
    return set(re.findall(r'"((?:GET|POST|PUT|PATCH|DELETE|HEAD) /[^"]*)"', text)) - {"METHOD /path/{parameter}"}


class PageTest(unittest.TestCase):
    def test_the_client_uses_no_address_that_the_document_lacks(self):
        documented = documented_operations()
        self.assertGreater(len(documented), 20)
        used = used_operations()
        self.assertGreater(len(used), 30)
        self.assertEqual(sorted(used - documented), [])

    def test_addresses_stand_in_one_file_only(self):
        for path in SOURCES.rglob("*"):
            if path.suffix not in {".ts", ".svelte"} or path.name == "api.ts" or path.name.endswith(".test.ts"):
                continue
            for found in re.findall(r"""fetch\(|["'`]/v1/[\w/{}]+""", path.read_text()):
                # A link to the document itself, for people to read.
                self.assertEqual(found, '"/v1/openapi', f"{path.name}: ask through lib/api.ts")

    def test_the_first_load_is_small(self):
        html = (DIST / "index.html").read_bytes()
        names = re.findall(rb'(?:src|href)="(/[^"]+)"', html)
        files = [DIST / "index.html"] + [DIST / name.decode().lstrip("/") for name in names]
        total = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)
        print(f"first load: {total} bytes gzipped in {len(files)} files", file=sys.stderr)
        self.assertLessEqual(total, FIRST_LOAD_BYTES_MAX)

    def test_nothing_comes_from_elsewhere(self):
        text = "".join(path.read_text() for path in DIST.rglob("*") if path.suffix in {".html", ".css", ".js"})
        hosts = set(re.findall(r"(?:https?:)?//([a-z0-9-]+(?:\.[a-z0-9-]+)+)", text))
        # Names of namespaces and of explanations that nobody fetches.
        self.assertEqual(hosts - {"www.w3.org", "svelte.dev"}, set())

    def test_the_document_has_no_inline_script_or_style(self):
        html = (DIST / "index.html").read_text()
        self.assertNotRegex(html, r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=")

    def test_templates_have_no_static_style_attribute(self):
        for path in SOURCES.rglob("*.svelte"):
            self.assertNotRegex(path.read_text(), r"\sstyle=[\"']", path.name)

    def test_the_lock_file_names_no_host_of_packages(self):
        self.assertNotRegex((ROOT / "web/package-lock.json").read_text(), r'"resolved"|registry\.')


if __name__ == "__main__":
    unittest.main()
