#!/usr/bin/env python3
"""Full fine-tuning steps of transformers on the CPU, one JSON line per step: what longhaul is timed against.

    python benchmarks/e2e/transformers_step.py MODEL TOKENS.jsonl --precision bf16 --tokens-per-step 2048

The best that plain transformers gives without torch.compile: scaled-dot-product attention, sequences of equal length
in one batch without padding, fused AdamW, weights and moments all in the given precision, gradients clipped. TOKENS.jsonl
holds one list of token ids per line, all of one length. With --tuned-allocator the process starts itself anew with glibc
told to keep what it frees and to use huge pages.
"""

import argparse
import json
import os
import pathlib
import resource
import sys
import time

TUNED_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(256 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("tokens", type=pathlib.Path)
    parser.add_argument("--precision", choices=("fp32", "bf16"), required=True)
    parser.add_argument("--tokens-per-step", type=int, required=True)
    parser.add_argument("--tokens-per-forward", type=int, help="fewer at once, gradients added (default: all)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--learning-rate", type=float, default=1e-5)
    parser.add_argument("--max-grad-norm", type=float, default=1.0)
    parser.add_argument("--tuned-allocator", action="store_true")
    return parser.parse_args()


def restart_with_tuned_allocator():
    """glibc reads these once, when a process starts."""
    if any(os.environ.get(name) != value for name, value in TUNED_ALLOCATOR.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | TUNED_ALLOCATOR)


def page_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def peak_rss_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def read_steps(arguments):
    """Tensors [forwards, sequences, length], one per step; every line is used once."""
    import torch

    lines = [json.loads(line) for line in arguments.tokens.read_text().splitlines()]
    length = len(lines[0])
    if any(len(line) != length for line in lines):
        sys.exit(f"{arguments.tokens}: sequences of different lengths would need padding")
    per_forward = arguments.tokens_per_forward or arguments.tokens_per_step
    if arguments.tokens_per_step % per_forward or per_forward % length:
        sys.exit(f"{arguments.tokens}: sequences of {length} tokens do not fill {per_forward} tokens per forward "
                 f"and {arguments.tokens_per_step} per step")
    ids = torch.tensor(lines)
    steps = len(lines) * length // arguments.tokens_per_step
    shape = (steps, arguments.tokens_per_step // per_forward, per_forward // length, length)
    return ids[:steps * arguments.tokens_per_step // length].reshape(shape)


def train_step(model, optimizer, forwards, max_grad_norm):
    """The mean loss over the step's targets; forwards are of equal size, so their means have equal weight."""
    import torch

    loss_sum = 0.0
    for ids in forwards:
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss / len(forwards)
        loss.backward()
        loss_sum += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss_sum


def run(arguments):
    import torch
    import transformers

    torch.set_num_threads(arguments.threads)
    transformers.utils.logging.disable_progress_bar()
    dtype = dict(fp32=torch.float32, bf16=torch.bfloat16)[arguments.precision]
    model = transformers.AutoModelForCausalLM.from_pretrained(arguments.model, dtype=dtype,
                                                              attn_implementation="sdpa").train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.learning_rate, weight_decay=0.0, fused=True)
    for step, forwards in enumerate(read_steps(arguments), 1):
        faults, start = page_faults(), time.perf_counter()
        loss = train_step(model, optimizer, forwards, arguments.max_grad_norm)
        seconds = time.perf_counter() - start
        print(json.dumps(dict(step=step, loss=loss, seconds=seconds, tokens=arguments.tokens_per_step,
                              tokens_per_second=arguments.tokens_per_step / seconds,
                              page_faults=page_faults() - faults, peak_rss_bytes=peak_rss_bytes())), flush=True)


def main():
    arguments = parse_arguments()
    if arguments.tuned_allocator:
        restart_with_tuned_allocator()
    run(arguments)


if __name__ == "__main__":
    main()
