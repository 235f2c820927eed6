#!/usr/bin/env python3
"""One AdamW step on the CPU: ours, torch.optim's and DeepSpeed's in turn within one process, as one table.

    pip install torch deepspeed ninja
    cmake --preset release -DLONGHAUL_BUILD_BENCHMARKS=ON && cmake --build build/release --target adamw_for_python
    python benchmarks/kernels/compare_adamw.py build/release/benchmarks/libadamw_for_python.so --output results.md

Our kernels come as C functions of a small library through ctypes, and work on the memory of torch's tensors. Every round runs
every contestant once, in an order that turns with the round; a round's ratio is taken against the contestant's neighbours in
time, then the median over rounds, with the smallest and the largest. All arrays lie on huge pages where the system grants them
on request. Each pair of size and threads is a process of its own, since OpenMP takes its threads once.

The peers update fp32 weights from fp32 gradients; in a bf16 run the weights are then copied to bf16, which is timed with them
("+ copy"). Ours updates bf16 weights and their remainders from bf16 gradients. The roofline multiplies fp32 numbers in place: as
many bytes as the update moves, half of them read, half written.
"""

import argparse
import ctypes
import json
import mmap
import os
import platform
import statistics
import subprocess
import sys
import time

MI = 1 << 20
BF16_BYTES = 26  # moved per parameter
FP32_BYTES = 28
LEARNING_RATE = 1e-5
WEIGHT_DECAY = 0.01
GOALS = [  # ours, against, at least
    ("ours bf16", "roofline 26 B", 0.95), ("ours bf16", "torch + copy", 1.35), ("ours bf16", "DeepSpeed + copy", 1.35),
    ("ours fp32", "roofline 28 B", 0.95), ("ours fp32", "torch", 1.0), ("ours fp32", "DeepSpeed", 1.0)]


def make_contestants(library_path, count, threads):
    """name -> a function that does one step on all parameters."""
    import torch
    import deepspeed.ops.adam as deepspeed_adam

    torch.set_num_threads(threads)
    maps = []

    def tensor(dtype, value):
        memory = mmap.mmap(-1, count * dtype.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
        maps.append(memory)
        return torch.frombuffer(memory, dtype=dtype).fill_(value)

    weight = torch.nn.Parameter(tensor(torch.float32, 0.1))
    gradient, momentum = tensor(torch.float32, 2e-3), tensor(torch.float32, 1e-3)
    variance, copied = tensor(torch.float32, 1e-6), tensor(torch.bfloat16, 0.1)
    half, remainder, half_gradient = tensor(torch.bfloat16, 0.1), tensor(torch.int16, 5), tensor(torch.bfloat16, 2e-3)

    library = ctypes.CDLL(library_path)
    library.longhaul_make_pool.restype = ctypes.c_void_p
    pool = ctypes.c_void_p(library.longhaul_make_pool(threads))
    size = ctypes.c_int64(count)

    def address(values):
        return ctypes.c_void_p(values.data_ptr())

    weight.grad = gradient
    settings = {"lr": LEARNING_RATE, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": WEIGHT_DECAY}
    torch_adamw = torch.optim.AdamW([weight], fused=True, **settings)
    torch_adamw.state[weight] = {"step": torch.tensor(1.0), "exp_avg": momentum, "exp_avg_sq": variance}
    their_adamw = deepspeed_adam.DeepSpeedCPUAdam([weight], adamw_mode=True, **settings)
    their_adamw.state[weight] = {"step": 1, "exp_avg": momentum, "exp_avg_sq": variance}

    def then_copy(step):
        def run():
            step()
            with torch.no_grad():
                copied.copy_(weight)
        return run

    def ours_fp32():
        library.longhaul_adamw_fp32(pool, address(weight), address(momentum), address(variance), address(gradient), size, 2)

    def ours_bf16():
        library.longhaul_adamw_bf16(pool, address(half), address(remainder), address(momentum), address(variance),
                                    address(half_gradient), size, 2)

    def roofline(bytes_per_parameter):
        # Multiplied by one, so that the numbers stay; one array after the other, each read and written.
        def run():
            left = count * bytes_per_parameter // 8
            for values in (gradient, momentum, variance, weight):
                part = min(left, count)
                library.longhaul_read_modify_write(pool, address(values), ctypes.c_int64(part))
                left -= part
        return run

    check_agreement(torch, weight, momentum, variance, [torch_adamw.step, their_adamw.step, ours_fp32], torch_adamw, their_adamw)
    return {"ours bf16": ours_bf16, "roofline 26 B": roofline(BF16_BYTES), "torch + copy": then_copy(torch_adamw.step),
            "DeepSpeed + copy": then_copy(their_adamw.step), "ours fp32": ours_fp32, "roofline 28 B": roofline(FP32_BYTES),
            "torch": torch_adamw.step, "DeepSpeed": their_adamw.step}


def check_agreement(torch, weight, momentum, variance, steps, torch_adamw, their_adamw):
    """All three make the same step from the same numbers, so that none is compared with less than an update."""
    arrays = [weight.detach(), momentum, variance]
    before = [values[:1000].clone() for values in arrays]
    results = []
    for step in steps:
        for values, start in zip(arrays, before):
            values[:1000] = start
        torch_adamw.state[weight]["step"] = torch.tensor(1.0)
        their_adamw.state[weight]["step"] = 1
        step()
        results.append([values[:1000].clone() for values in arrays])
    for other in results[1:]:
        for mine, theirs, start in zip(results[0], other, before):
            assert not torch.equal(mine, start), "no step was made"
            assert torch.allclose(mine, theirs, rtol=2e-6, atol=0), "the contestants do not make the same step"


def measure(library, count, threads, rounds):
    """Seconds per round of every contestant."""
    contestants = make_contestants(library, count, threads)
    names = list(contestants)
    seconds = {name: [] for name in names}
    for name in names:
        contestants[name]()
    for turn in range(rounds):
        order = names[turn % len(names):] + names[:turn % len(names)]
        for name in order if turn % 2 == 0 else reversed(order):
            begin = time.perf_counter()
            contestants[name]()
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def run_child(arguments, count, threads):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="passive")
    command = [sys.executable, __file__, arguments.library, "--child", f"{count},{threads}", "--rounds", str(arguments.rounds)]
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def cell(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def bytes_of(name):
    return BF16_BYTES if name in ("ours bf16", "roofline 26 B") else FP32_BYTES


def tables(results, rounds):
    lines = [f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, median of {rounds} rounds (smallest - "
             "largest).", "", "| parameters | threads | ours | against | ratio of rates | goal | met |",
             "|---|---|---|---|---|---|---|"]
    for (count, threads), seconds in results.items():
        for ours, other, goal in GOALS:
            ratios = [b / a for a, b in zip(seconds[ours], seconds[other])]
            met = "yes" if statistics.median(ratios) >= goal else "no"
            lines.append(f"| {count // MI} Mi | {threads} | {ours} | {other} | {cell(ratios)} | {goal:.2f} | {met} |")
    lines += ["", "| parameters | threads | | seconds | GB/s |", "|---|---|---|---|---|"]
    for (count, threads), seconds in results.items():
        for name, values in seconds.items():
            traffic = "" if "copy" in name else f"{count * bytes_of(name) / statistics.median(values) / 1e9:.1f}"
            lines.append(f"| {count // MI} Mi | {threads} | {name} | {statistics.median(values):.3f} "
                         f"({min(values):.3f}-{max(values):.3f}) | {traffic} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("--mi", type=int, nargs="+", default=[64, 256], help="parameters, in 1024 * 1024")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", help="a Markdown file for the tables")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        count, threads = map(int, arguments.child.split(","))
        print(json.dumps(measure(arguments.library, count, threads, arguments.rounds)))
        return
    results = {}
    for mi in arguments.mi:
        for threads in arguments.threads:
            results[mi * MI, threads] = run_child(arguments, mi * MI, threads)
    text = tables(results, arguments.rounds)
    print(text)
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8") as out:
            out.write(text)


if __name__ == "__main__":
    main()
