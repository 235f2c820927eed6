#!/usr/bin/env python3
"""Step time of a run under plans, against the same run with everything on the device.

    benchmarks/e2e/compare_plans.py build/release/longhaul MODEL TRAIN.jsonl --plan configs/plans/smollm2-128mib.yaml
        --cap 128MiB --precision bf16 --micro-batch 2048 --head-tile-rows 8192

Rounds are interleaved: resident, plan, resident, plan, ... Of each round the first two steps are left
out. Prints the medians, their ratio per round, what was planned and what the process took at most, and
whether losses, norms and the bytes of the model that comes out are equal.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

UNCOUNTED = 2


def run(arguments, folder, settings):
    output = folder / "out"
    words = [arguments.program, "train", str(folder / "run.yaml"), "--set", "resume=never", "--set", f"output={output}"]
    for setting in settings:
        words += ["--set", setting]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(words)} failed:\n{text}")
    steps = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    digest = hashlib.sha256()
    for file in sorted((output / "model").glob("*.safetensors")):
        digest.update(file.read_bytes())
    return {
        "seconds": [step["seconds"] for step in steps if "seconds" in step][UNCOUNTED:],
        "numbers": [(step["loss"], step["grad_norm"]) for step in steps if "grad_norm" in step],
        "model": digest.hexdigest(),
        "planned": {kind: size for kind, size in re.findall(r"^    (\w+: [\w ]+?)  +(\S+ \S+)$", text, re.M)},
        "peak_rss": usage.ru_maxrss * 1024,
        "lanes": text[text.find("lanes of step"):] if "lanes of step" in text else "",
    }


def write_run(arguments, folder):
    (folder / "run.yaml").write_text(
        f"model: {arguments.model}\noutput: {folder / 'out'}\n"
        f"data: {{train: {arguments.data}, eval: none, max_length: 512}}\n"
        f"batch: {{tokens_per_step: {arguments.tokens}, tokens_per_micro_batch: {arguments.micro_batch}, "
        f"head_tile_rows: {arguments.head_tile_rows}}}\n"
        f"training: {{steps: {arguments.steps}, precision: {arguments.precision}}}\n"
        f"checkpoint: {{every: none}}\ndevice: {{threads: {arguments.threads}}}\nplan: resident\n", encoding="utf-8")


def report(rounds):
    for number, (resident, planned) in enumerate(rounds, 1):
        a, b = (statistics.median(one["seconds"]) for one in (resident, planned))
        spread = " ".join(f"{low:.2f}-{high:.2f}" for low, high in
                          ((min(one["seconds"]), max(one["seconds"])) for one in (resident, planned)))
        print(f"round {number}: resident {a:.2f} s, plan {b:.2f} s, ratio {b / a:.3f} (ranges {spread})")
    resident, planned = rounds[0]
    for name, one in (("resident", resident), ("plan", planned)):
        print(f"{name}: peak RSS {one['peak_rss'] / 2**30:.2f} GiB, planned {one['planned']}")
    every = [one for pair in rounds for one in pair]
    same = all(one["numbers"] == resident["numbers"] for one in every)
    print("losses and norms of all steps:", "equal" if same else "DIFFERENT", resident["numbers"])
    print("weights at the end:", "equal" if len({one["model"] for one in every}) == 1 else "DIFFERENT")
    print(planned["lanes"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("program", "model", "data"):
        parser.add_argument(name)
    parser.add_argument("--plan", required=True)
    parser.add_argument("--cap", required=True, help="device memory of the plan's run")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--micro-batch", type=int, default=2048)
    parser.add_argument("--head-tile-rows", type=int, default=8192)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_run(arguments, folder)
        rounds = []
        for _ in range(arguments.rounds):
            rounds.append((run(arguments, folder, []),
                           run(arguments, folder, [f"plan={arguments.plan}", f"device.memory={arguments.cap}"])))
    report(rounds)


if __name__ == "__main__":
    main()
