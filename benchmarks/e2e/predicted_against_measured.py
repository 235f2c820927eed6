#!/usr/bin/env python3
"""Predicted against measured step times of a model under plans, caps, precisions and micro-batches.

    benchmarks/e2e/predicted_against_measured.py build/release/longhaul MODEL TRAIN.jsonl > PAGE.md

A round measures the machine and the model (`longhaul profile`, in a cache of its own), then runs every
configuration for some steps; rounds follow each other, so that a machine that changes by the hour is met
with figures of the same hour. The predicted step is the one that `train` prints before the first step,
the measured one the median of the steps after the first. A line of the table is the median of its rounds.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LANES = ("compute", "h2d", "d2h", "host", "disk_read", "disk_write")
MICRO_BATCH = 2048  # tokens; 1024 under 128 MiB in fp32


def configurations(arguments, folder):
    """name -> settings, of a precision and a number of micro-batches."""
    plans = ROOT / "configs" / "plans"
    disk = f"limits.disk=[{{path: {folder}, capacity: 8GiB}}]"
    every = {
        "resident": ["plan=resident"],
        "smollm2-256mib.yaml": [f"plan={plans}/smollm2-256mib.yaml", "device.memory=256MiB"],
        "smollm2-128mib.yaml": [f"plan={plans}/smollm2-128mib.yaml", "device.memory=128MiB"],
        "auto, 256 MiB": ["plan=auto", "device.memory=256MiB"],
        "auto, 4 GiB": ["plan=auto", "device.memory=4GiB"],
        "zero_infinity, disk": ["plan=zero_infinity", disk],
        "auto, 256 MiB, host 1 GiB, disk": ["plan=auto", "device.memory=256MiB", "limits.host_memory=1GiB", disk],
    }
    names = arguments.only or list(every)
    for precision in arguments.precisions:
        for count in arguments.micro_batches:
            for name in names:
                is_narrow = "128mib" in name and precision == "fp32"
                tokens = MICRO_BATCH // 2 if is_narrow else MICRO_BATCH
                yield (precision, count, name), every[name] + [
                    f"training.precision={precision}", f"batch.tokens_per_step={count * tokens}",
                    f"batch.tokens_per_micro_batch={tokens}", f"batch.head_tile_rows={4096 if is_narrow else 8192}"]


def call(arguments, cache, words):
    environment = dict(os.environ, XDG_CACHE_HOME=str(cache))
    done = subprocess.run([arguments.program, *words], env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    for line in done.stderr.splitlines():
        print("   ", line, file=sys.stderr)
    return done.returncode == 0


def as_settings(settings):
    return [word for setting in settings for word in ("--set", setting)]


def one_round(arguments, folder, number):
    cache = folder / f"cache-{number}"
    size = ["--disk-size", "1GiB", "--seconds", str(arguments.seconds)]
    if not call(arguments, cache, ["profile", "--disk", str(folder), *size]):
        raise SystemExit("the machine could not be measured")
    results = {}
    measured = set()
    for key, settings in configurations(arguments, folder):
        output = folder / "out"
        precision, _, tokens, head = settings[-4:]
        if (precision, tokens, head) not in measured:
            measured.add((precision, tokens, head))
            call(arguments, cache, ["profile", str(folder / "run.yaml"), *as_settings(settings)])
        words = ["train", str(folder / "run.yaml"), *as_settings(settings), "--set", f"output={output}"]
        if not call(arguments, cache, words):
            print(f"round {number}: {', '.join(map(str, key))}: does not run", file=sys.stderr)
            continue
        results[key] = json.loads((output / "prediction.json").read_text(encoding="utf-8"))
        shutil.rmtree(output)
        one = results[key]
        print(f"round {number}: {', '.join(map(str, key))}: predicted {one['seconds']:.3f} s, measured "
              f"{one['measured']['seconds']:.3f} s", file=sys.stderr)
    return results


def error_of(one):
    return one["seconds"] / one["measured"]["seconds"] - 1.0


def lanes_of(ones):
    """Busy seconds, predicted / measured, of lanes that are busy for 2 % of the step."""
    parts = []
    for lane in LANES:
        predicted = statistics.median(one["lanes"][lane] for one in ones)
        measured = statistics.median(one["measured"]["lanes"][lane] for one in ones)
        step = statistics.median(one["measured"]["seconds"] for one in ones)
        if max(predicted, measured) >= 0.02 * step:
            parts.append(f"{lane} {predicted:.2f} / {measured:.2f}")
    return ", ".join(parts)


def page(arguments, rounds):
    print("| precision | micro-batches | plan | predicted, s | measured, s | error | busy, predicted / measured, s |")
    print("|---|---|---|---|---|---|---|")
    errors = []
    for key in rounds[0]:
        ones = [results[key] for results in rounds if key in results]
        error = statistics.median(error_of(one) for one in ones)
        errors.append(abs(error))
        spread = [error_of(one) for one in ones]
        between = f" ({min(spread):+.1%} to {max(spread):+.1%})" if len(ones) > 1 else ""
        print(f"| {key[0]} | {key[1]} | {key[2]} | {statistics.median(one['seconds'] for one in ones):.3f} | "
              f"{statistics.median(one['measured']['seconds'] for one in ones):.3f} | {error:+.1%}{between} | "
              f"{lanes_of(ones)} |")
    print(f"\n{len(errors)} configurations, {len(rounds)} rounds: median error {statistics.median(errors):.1%}, "
          f"worst {max(errors):.1%}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("program", "model", "data"):
        parser.add_argument(name)
    parser.add_argument("--precisions", nargs="+", default=["bf16", "fp32"])
    parser.add_argument("--micro-batches", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--only", nargs="+", help="plans by their names in the table")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=40, help="for the profile of the machine")
    parser.add_argument("--folder", help="for runs and what plans keep on disk; by default a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = pathlib.Path(name)
        (folder / "run.yaml").write_text(
            f"model: {arguments.model}\noutput: {folder / 'out'}\n"
            f"data: {{train: {arguments.data}, eval: none, max_length: 512}}\n"
            f"training: {{steps: {arguments.steps}}}\ncheckpoint: {{every: none}}\nresume: never\n", encoding="utf-8")
        rounds = [one_round(arguments, folder, number + 1) for number in range(arguments.rounds)]
    page(arguments, rounds)


if __name__ == "__main__":
    main()
