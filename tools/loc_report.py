#!/usr/bin/env python3
"""Lines added and removed per file by a change; fails where one file grows by more than 500.

    tools/loc_report.py            what is staged
    tools/loc_report.py BASE       everything since BASE

The aim is fewer concepts, not fewer characters: a file that grows by so much wants to be two.
"""
import fnmatch
import subprocess
import sys

LIMIT = 500
EXEMPT = {  # pattern: reason
    "tests/data/*": "data",
    "tests/golden/*": "data",
    "tests/fuzz/corpus/*": "data",
    "tools/quickstart/*.jsonl": "data",
    "benchmarks/results/*": "measurements",
    "LICENSE": "the licence as published",
}


def changes(base):
    """(file, added, removed) of every text file that the change touches."""
    command = ["git", "diff", "--numstat", "--no-renames", base or "--cached"]
    for line in subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines():
        added, removed, file = line.split("\t")
        if added != "-":
            yield file, int(added), int(removed)


def main():
    too_long, total = [], 0
    for file, added, removed in sorted(changes(sys.argv[1] if len(sys.argv) > 1 else None)):
        growth = added - removed
        total += growth
        print(f"{added:+6d} {-removed:6d}  {file}")
        if growth > LIMIT and not any(fnmatch.fnmatch(file, pattern) for pattern in EXEMPT):
            too_long.append(f"{file}: grows by {growth} lines, more than {LIMIT}")
    print(f"{total:+6d} in all", *too_long, sep="\n")
    return bool(too_long)


if __name__ == "__main__":
    sys.exit(main())
