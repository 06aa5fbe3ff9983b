#!/usr/bin/env python3
"""Generates the C++ error table and docs/errors.md from specs/errors.json.

usage: generate_errors.py cpp OUT.h | docs OUT.md | check docs/errors.md
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEVERITIES = {"warning", "skip_file", "critical"}


def load():
    entries = json.loads((ROOT / "specs/errors.json").read_text())["errors"]
    seen = set()
    for e in entries:
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", e["code"]), e["code"]
        assert e["code"] not in seen, "duplicate " + e["code"]
        assert e["severity"] in SEVERITIES, e
        assert isinstance(e["retryable"], bool) and 400 <= e["http_status"] < 600 or e["severity"] == "warning", e
        assert e["cause"] and e["action"], e
        seen.add(e["code"])
    return entries


def quote(text):
    return json.dumps(text)


def cpp(entries):
    out = ["// Generated from specs/errors.json by scripts/generate_errors.py. Do not edit.", "#pragma once", "",
           "#include <array>", "#include <string_view>", "", "namespace baleen::core {", "",
           "enum class ErrorCode {"]
    out += [f"  {e['code'].lower()}," for e in entries]
    out += ["};", "", "enum class Severity { warning, skip_file, critical };", "",
            "struct ErrorInfo {", "  ErrorCode code;", "  std::string_view name;", "  std::string_view stage;",
            "  Severity severity;", "  bool retryable;", "  int http_status;", "  int exit_code;",
            "  std::string_view cause;", "  std::string_view action;", "};", "",
            f"inline constexpr std::array<ErrorInfo, {len(entries)}> kErrorCatalogue = {{{{"]
    for e in entries:
        out.append("    {ErrorCode::%s, %s, %s, Severity::%s, %s, %d, %d, %s, %s}," % (
            e["code"].lower(), quote(e["code"]), quote(e["stage"]), e["severity"],
            "true" if e["retryable"] else "false", e["http_status"], e["exit_code"],
            quote(e["cause"]), quote(e["action"])))
    out += ["}};", "", "}  // namespace baleen::core", ""]
    return "\n".join(out)


def docs(entries):
    out = ["# Errors", "", "<!-- Generated from specs/errors.json by scripts/generate_errors.py. Do not edit. -->", "",
           "Every failure of Baleen carries one of these codes, with its cause and what to do next.", "",
           "*Severity*: `warning` goes on, `skip_file` gives up on this recording and goes on with the others,",
           "`critical` needs a person. *Retried*: whether the engine tries again by itself (after 60, 300 and 900 s).", "",
           "| code | stage | severity | retried | HTTP | exit | cause | what to do |",
           "|---|---|---|---|---|---|---|---|"]
    for e in entries:
        out.append("| `%s` | %s | %s | %s | %d | %d | %s | %s |" % (
            e["code"], e["stage"], e["severity"], "yes" if e["retryable"] else "no", e["http_status"], e["exit_code"],
            e["cause"], e["action"]))
    return "\n".join(out) + "\n"


def main():
    mode, path = sys.argv[1], pathlib.Path(sys.argv[2])
    entries = load()
    if mode == "check":
        if path.read_text() != docs(entries):
            sys.exit(f"{path} is out of date: run scripts/generate_errors.py docs {path}")
        return
    text = cpp(entries) if mode == "cpp" else docs(entries)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


main()
