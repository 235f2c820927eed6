#!/usr/bin/env python3
"""Full fine-tuning on the CPU: longhaul and transformers in turn, on the same tokens, as one table.

    python benchmarks/e2e/compare_cpu.py build/release/longhaul models/SmolLM2-135M-Instruct --output results.md

Every round runs every program once per setting, one after the other, in an order that turns with the round: this machine's
memory bandwidth jumps between levels within seconds, so only numbers taken side by side mean anything. A run's figure is the
median over its steps after the first two; a cell is the median over rounds with the smallest and the largest; a ratio is
taken within a round, then the median.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

import token_stream

WARM_UP_STEPS = 2
LENGTH = 512
LEARNING_RATE = 1e-5
PROGRAMS = ("longhaul", "transformers", "transformers, tuned allocator")
GOALS = {("fp32", "transformers"): 1.3, ("bf16", "transformers"): 1.6,
         ("fp32", "transformers, tuned allocator"): 1.1, ("bf16", "transformers, tuned allocator"): 1.25}
RUN_FILE = """\
model: {model}
output: {output}
resume: never
data: {{train: {train}, eval: none, max_length: {length}}}
batch: {{tokens_per_step: {tokens_per_step}}}
training: {{epochs: 1, precision: {precision}, max_grad_norm: 1.0}}
optimizer: {{learning_rate: {learning_rate}, weight_decay: 0.0, schedule: constant, warmup_ratio: none}}
checkpoint: {{every: none}}
device: {{threads: {threads}}}
plan: resident
"""
HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass
class Run:
    tokens_per_second: float
    mean_loss: float
    peak_rss: int  # bytes


@dataclasses.dataclass(frozen=True)
class Setting:
    precision: str
    tokens_per_step: int


def run_child(command, environment=None):
    """(standard output, peak resident bytes of the process); a failure ends the comparison with its words."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(command, stdout=output, stderr=errors, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if child.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}: exit code {child.returncode}\n{errors.read()}")
        return output.read(), usage.ru_maxrss * 1024


def summarize(steps, peak_rss):
    """Each of `steps` has loss, tokens, seconds. The mean loss shows that both programs did the same work."""
    rates = [step["tokens"] / step["seconds"] for step in steps[WARM_UP_STEPS:]]
    return Run(statistics.median(rates), statistics.fmean(step["loss"] for step in steps), peak_rss)


def run_longhaul(arguments, setting, folder):
    output = folder / "run"
    file = folder / "run.yaml"
    file.write_text(RUN_FILE.format(
        model=json.dumps(str(arguments.model)), output=json.dumps(str(output)),
        train=json.dumps(str(folder / "text.jsonl")), length=LENGTH, tokens_per_step=setting.tokens_per_step,
        precision=setting.precision, learning_rate=LEARNING_RATE, threads=arguments.threads))
    _, peak_rss = run_child([arguments.longhaul, "train", file])
    return summarize([json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()], peak_rss)


def run_transformers(arguments, setting, folder, is_tuned):
    command = [sys.executable, HERE / "transformers_step.py", arguments.model, folder / "tokens.jsonl", "--precision",
               setting.precision, "--tokens-per-step", str(setting.tokens_per_step), "--threads",
               str(arguments.threads), "--learning-rate", str(LEARNING_RATE)]
    output, peak_rss = run_child(command + ["--tuned-allocator"] * is_tuned)
    return summarize([json.loads(line) for line in output.splitlines()], peak_rss)


def run_program(name, arguments, setting, folder):
    if name == "longhaul":
        return run_longhaul(arguments, setting, folder)
    return run_transformers(arguments, setting, folder, name != "transformers")


def measure_peak(arguments, precision):
    output, _ = run_child([sys.executable, HERE / "matmul_peak.py", "--precision", precision, "--threads",
                           str(arguments.threads)])
    return json.loads(output)["gflops"]


def flops_per_token(model):
    """Forward and backward: 6 per matrix element, and attention's two products over half of LENGTH on average."""
    config = json.loads((model / "config.json").read_text())
    width, layers, heads = (config[key] for key in ("hidden_size", "num_hidden_layers", "num_attention_heads"))
    head_dim = config.get("head_dim") or width // heads
    keys = config.get("num_key_value_heads", heads)
    block = width * head_dim * (2 * heads + 2 * keys) + 3 * width * config["intermediate_size"]
    attention = 12 * layers * heads * head_dim * LENGTH // 2
    return 6 * (layers * block + width * config["vocab_size"]) + attention


def measure(arguments):
    """(runs[setting][program] -> list over rounds, peaks[precision] -> list over rounds)"""
    settings = [Setting(p, t) for p in arguments.precision for t in arguments.tokens_per_step]
    runs = {setting: {name: [] for name in PROGRAMS} for setting in settings}
    peaks = {precision: [] for precision in arguments.precision}
    for round_index in range(arguments.rounds):
        for precision in arguments.precision:
            peaks[precision].append(measure_peak(arguments, precision))
        for setting in settings:
            turn = round_index % len(PROGRAMS)
            with tempfile.TemporaryDirectory(prefix="longhaul-compare-") as name:
                folder = pathlib.Path(name)
                steps = WARM_UP_STEPS + arguments.steps
                samples = token_stream.make_samples(arguments.model, token_stream.repository_texts(),
                                                    steps * setting.tokens_per_step // LENGTH, LENGTH)
                token_stream.write_samples(samples, folder / "text.jsonl", folder / "tokens.jsonl")
                for program in PROGRAMS[turn:] + PROGRAMS[:turn]:
                    run = run_program(program, arguments, setting, folder)
                    runs[setting][program].append(run)
                    print(f"round {round_index + 1}, {setting.precision}, {setting.tokens_per_step} tokens, {program}: "
                          f"{run.tokens_per_second:.0f} tokens/s, loss {run.mean_loss:.4f}, "
                          f"{run.peak_rss / 2**30:.2f} GiB", flush=True)
    return runs, peaks


def spread(values, digits=0):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def table(arguments, runs, peaks):
    flops = flops_per_token(arguments.model)
    lines = ["| precision | tokens per step | program | tokens/s | share of matmul peak | peak RSS, GiB | mean loss | "
             "longhaul is faster by | goal |", "|---|---|---|---|---|---|---|---|---|"]
    for setting, by_program in runs.items():
        for program, cells in by_program.items():
            rates = [run.tokens_per_second for run in cells]
            ratios = [ours.tokens_per_second / theirs.tokens_per_second
                      for ours, theirs in zip(by_program["longhaul"], cells)]
            share = statistics.median(rate * flops / 1e9 / peak for rate, peak in zip(rates, peaks[setting.precision]))
            goal = GOALS.get((setting.precision, program))
            lines.append(
                f"| {setting.precision} | {setting.tokens_per_step:,} | {program} | {spread(rates)} | {share:.0%} | "
                f"{max(run.peak_rss for run in cells) / 2**30:.2f} | {cells[0].mean_loss:.4f} | "
                + (f"{spread(ratios, 2)} | {goal} |" if goal else "| |"))
    return lines


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def page(arguments, runs, peaks):
    import torch
    import transformers

    version, _ = run_child([arguments.longhaul, "--version"])
    peak_words = ", ".join(f"{precision} {spread(values)} GFLOP/s" for precision, values in peaks.items())
    return "\n".join([
        "# Full fine-tuning on the CPU against transformers", "",
        f"{datetime.date.today():%Y-%m}, {cpu_name()}, {arguments.threads} threads, {arguments.model.name}, sequences of "
        f"{LENGTH} tokens.", "",
        f"{version.strip()}; transformers {transformers.__version__} (eager mode, sdpa attention, fused AdamW), torch "
        f"{torch.__version__}. bf16: weights and moments in bf16 there, fp32 masters and moments in longhaul. "
        f"Both clip gradients. {arguments.rounds} interleaved rounds of {arguments.steps} steps after "
        f"{WARM_UP_STEPS} to warm up; median (smallest-largest). Peak RSS is that of the whole process, the largest of "
        "all rounds. The mean loss is over all steps of the first round: the samples are the same, their order is not.", "",
        f"Matmul peak (2048 x 2048 x 2048): {peak_words}. A token costs {flops_per_token(arguments.model) / 1e9:.3f} "
        "GFLOP forward and backward.", "",
        *table(arguments, runs, peaks), "",
        "```", "python benchmarks/e2e/compare_cpu.py LONGHAUL MODEL "
        f"--rounds {arguments.rounds} --steps {arguments.steps} --threads {arguments.threads}", "```", ""])


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("longhaul", type=pathlib.Path, help="the program")
    parser.add_argument("model", type=pathlib.Path, help="a Llama-like model folder")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the page to write")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--precision", nargs="+", choices=("fp32", "bf16"), default=["fp32", "bf16"])
    parser.add_argument("--tokens-per-step", nargs="+", type=int, default=[512, 2048])
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    arguments.longhaul = arguments.longhaul.resolve()
    runs, peaks = measure(arguments)
    arguments.output.write_text(page(arguments, runs, peaks), encoding="utf-8")
    print(arguments.output)


if __name__ == "__main__":
    main()
