#!/usr/bin/env python3
"""The best matmul rate of this machine through LibTorch, in GFLOP/s: the peak that a training step is a share of.

    python benchmarks/e2e/matmul_peak.py --precision bf16 --threads 2
"""

import argparse
import json
import os
import time

import torch

SIZE = 2048
REPEATS = 12


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", choices=("fp32", "bf16"), required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dtype = dict(fp32=torch.float32, bf16=torch.bfloat16)[arguments.precision]
    a, b, out = (torch.randn(SIZE, SIZE).to(dtype) for _ in range(3))
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        best = min(best, time.perf_counter() - start)
    print(json.dumps(dict(gflops=2 * SIZE**3 / best / 1e9)))


if __name__ == "__main__":
    main()
