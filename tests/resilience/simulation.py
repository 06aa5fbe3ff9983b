#!/usr/bin/env python3
"""The model of the queue: histories of faults in virtual time, with every invariant checked after every move; then the
same kind of histories made by the model and the real queue together, which must hold the same after each move.

usage: simulation.py [--budget-s N] [--seed S]

A history that breaks an invariant is printed, shortened, with its seed.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

BUILD = pathlib.Path(os.environ.get("BALEEN_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
SIMULATION = BUILD / "src/engine/queue_simulation"
STATEMENTS = BUILD / "src/engine/test_baleen_engine_every_statement_test"
CONFORMANCE = BUILD / "src/engine/test_baleen_engine_queue_conformance_test"
SKIPPED = 77
SAMPLE_S = 2


def run(command, **environment):
    """Its output; a program that fails ends this one, after saying what it said."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          env={**os.environ, **{name: str(value) for name, value in environment.items()}})
    if done.returncode != 0:
        print(done.stdout[-20000:], done.stderr[-5000:], f"{command[0].name} failed", sep="\n")
        sys.exit(1)
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget-s", type=float, default=SAMPLE_S)
    parser.add_argument("--seed", type=int, help="default: 1, or of the clock where there is a budget")
    options = parser.parse_args()
    for program in (SIMULATION, CONFORMANCE):
        if not program.exists():
            print(f"skipped: {program} is not built")
            sys.exit(SKIPPED)
    is_sample = options.budget_s <= SAMPLE_S
    seed = options.seed or (1 if is_sample else int(time.time()))
    simulated = run([SIMULATION, "--seed", seed, "--seconds", options.budget_s / 2]).strip()
    filter_name = "--gtest_filter=QueueConformance.*"
    compared = run([CONFORMANCE, filter_name], BALEEN_CONFORMANCE_S=int(options.budget_s / 2),
                   BALEEN_CONFORMANCE_SEED=seed)
    moves, histories = re.search(r"conformance: (\d+) moves in (\d+) histories", compared).groups()
    statements = ""
    if not is_sample and STATEMENTS.exists():
        told = run([STATEMENTS, "--gtest_filter=EveryStatement.FailsOnce*"], BALEEN_EVERY_STATEMENT=1)
        statements = "; " + re.search(r"(\d+ statements failed once)", told).group(1)
    print(f"simulation: {simulated}; with the real queue: {moves} moves in {histories} histories, 0 differences{statements}; "
          f"seed {seed}")


if __name__ == "__main__":
    main()
