"""The loss of two runs over their steps: how far they are apart, as a page of results shows it.

  python benchmarks/e2e/compare_curves.py RUN RUN [--window STEPS] [--bound 0.01]

RUN is an output folder of `longhaul train`. The training loss is smoothed: the mean over all target tokens of a window of
steps. Prints both curves and their relative difference; ends with 1 where a held-out loss or a smoothed training loss
differs by more than the bound.
"""

import argparse
import json
import pathlib


def read(folder, name):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def smoothed(steps, window):
    """(last step, loss) of every whole window."""
    for end in range(window, len(steps) + 1, window):
        part = steps[end - window:end]
        targets = sum(step["target_tokens"] for step in part)
        yield part[-1]["step"], sum(step["loss"] * step["target_tokens"] for step in part) / targets


def table(what, runs, names):
    print(f"| {what} | {names[0]} | {names[1]} | difference |\n|---|---|---|---|")
    worst = 0.0
    for (step, a), (other, b) in zip(*runs, strict=True):
        if step != other:
            raise SystemExit(f"{what}: step {step} in one run, {other} in the other")
        worst = max(worst, abs(b / a - 1.0))
        print(f"| {step} | {a:.4f} | {b:.4f} | {100 * (b / a - 1.0):+.2f} % |")
    print(f"\nLargest difference: {100 * worst:.2f} %\n")
    return worst


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs=2, type=pathlib.Path)
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--bound", type=float, default=0.01)
    args = parser.parse_args()
    names = [folder.name for folder in args.runs]
    training = [list(smoothed(read(folder, "metrics.jsonl"), args.window)) for folder in args.runs]
    held_out = [[(e["step"], e["loss"]) for e in read(folder, "evaluations.jsonl")] for folder in args.runs]
    worst = max(table(f"training loss, {args.window} steps up to", training, names),
                table("held-out loss after step", held_out, names))
    raise SystemExit(1 if worst > args.bound else 0)


if __name__ == "__main__":
    main()
