#!/usr/bin/env python3
"""clang-tidy on the host code of src and kernels that changed since it last passed.

    tools/ci/tidy.py BUILD [--seconds N]

BUILD holds compile_commands.json. A file that passed is remembered in the user's cache by a hash of
its preprocessed text, so that any change of a header that it sees brings it back. After N seconds no
further file is started and the rest is named as not reached; the next run gets further.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
PASSED = CACHE / "longhaul" / "tidy"
TIDY = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")


def compile_commands(build):
    """(file, arguments, directory) of every C++ file of src and kernels, once each."""
    seen = set()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        file = pathlib.Path(entry["file"])
        inside = any(file.is_relative_to(ROOT / folder) for folder in ("src", "kernels"))
        if inside and file.suffix == ".cpp" and file not in seen:
            seen.add(file)
            yield file, shlex.split(entry["command"]), entry["directory"]


def fingerprint(file, arguments, directory):
    """Names what clang-tidy would see, wherever the checkout lies."""
    arguments = arguments[1:] if arguments[0].endswith("ccache") else arguments
    output = arguments.index("-o")
    command = [*arguments[:output], *arguments[output + 2 :], "-E", "-P", "-C"]
    text = subprocess.run(command, cwd=directory, capture_output=True, check=True).stdout
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    settings = [folder / ".clang-tidy" for folder in file.parents if folder.is_relative_to(ROOT)]
    parts = [version, *(path.read_bytes() for path in settings if path.exists()),
             str(file.relative_to(ROOT)).encode(), text]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def check(file, arguments, directory, build, deadline):
    """One of "unchanged", "not reached", "passed", or what clang-tidy complains about."""
    if time.monotonic() > deadline:
        return "not reached"
    stamp = PASSED / fingerprint(file, arguments, directory)
    if stamp.exists():
        return "unchanged"
    # The commands are those of g++, which knows warnings that clang does not.
    run = subprocess.run([TIDY, "--quiet", "--extra-arg=-Wno-unknown-warning-option", "-p", build, file],
                         capture_output=True, text=True)
    if run.returncode != 0:
        return run.stdout + run.stderr
    PASSED.mkdir(parents=True, exist_ok=True)
    stamp.touch()
    return "passed"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    if TIDY is None:
        sys.exit("tidy: clang-tidy 14 is missing; `tools/setup.sh dev` installs it")

    deadline = time.monotonic() + options.seconds
    counts, not_reached = {"unchanged": 0, "passed": 0, "failed": 0}, []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(check, *entry, options.build, deadline): entry[0]
                for entry in compile_commands(options.build)}
        for job in concurrent.futures.as_completed(jobs):
            file, result = jobs[job].relative_to(ROOT), job.result()
            if result == "not reached":
                not_reached.append(str(file))
            elif result in counts:
                counts[result] += 1
            else:
                counts["failed"] += 1
                print(f"{file}:\n{result}", flush=True)
    if not jobs:
        sys.exit(f"tidy: {options.build} compiles no file of src or kernels")
    counts["not reached"] = len(not_reached)
    print("tidy:", ", ".join(f"{count} {what}" for what, count in counts.items()))
    if not_reached:
        print("tidy: not reached:", *sorted(not_reached), sep="\n  ")
    return counts["failed"] > 0


if __name__ == "__main__":
    sys.exit(main())
