"""Encoding speed of longhaul against the `tokenizers` package: one thread, the same text, interleaved.

  python benchmarks/text/compare_tokenizers.py BENCH TEXT TOKENIZER_JSON... [--part BYTES] [--rounds N]

BENCH is the program bench_text_tokenizer. TEXT is UTF-8; with --part it is encoded in parts of so many bytes, as the
samples of a data set are, and otherwise whole. Times are CPU times, which other programs on the machine disturb
least. Prints one row of a table per tokenizer: medians (smallest-largest) of all rounds; fails when the two make a
different number of ids.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Tokenizer, __version__  # noqa: E402


def parts_of(data, size):
    """Cut between characters."""
    begin = 0
    while begin < len(data):
        end = min(begin + size, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[begin:end].decode("utf-8")
        begin = end


def theirs(path, parts):
    """(seconds of the faster of two passes, ids); the first pass fills their cache of words. Without offsets, which
    longhaul does not make either."""
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    times = []
    for _ in range(2):
        start = time.process_time()
        ids = sum(map(len, tokenizer.encode_batch_fast(parts, add_special_tokens=False)))
        times.append(time.process_time() - start)
    return min(times), ids


def ours(args, path):
    environment = dict(os.environ, LONGHAUL_BENCH_TOKENIZER=path, LONGHAUL_BENCH_TEXT=args.text)
    if args.part:
        environment["LONGHAUL_BENCH_PART"] = str(args.part)
    command = [args.bench, "--benchmark_filter=^EncodeFile$", "--benchmark_format=json", "--benchmark_min_time=0.01",
               "--benchmark_repetitions=2"]
    runs = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)["benchmarks"]
    runs = [r for r in runs if r["run_type"] == "iteration"]
    return min(r["cpu_time"] for r in runs) / 1e9, int(runs[0]["ids"])


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def compare(args, path, parts, megabytes):
    rounds = []
    for _ in range(args.rounds):
        (a, ids), (b, own_ids) = theirs(path, parts), ours(args, path)
        if ids != own_ids:
            raise SystemExit(f"{path}: tokenizers makes {ids} ids, longhaul {own_ids}")
        rounds.append((megabytes / a, megabytes / b, a / b))
    their_speed, own_speed, ratio = zip(*rounds)
    name = pathlib.Path(path).parent.name if pathlib.Path(path).stem == "tokenizer" else pathlib.Path(path).stem
    size = Tokenizer.from_file(path).get_vocab_size()
    return f"| {name} | {size:,} | {ids:,} | {spread(own_speed)} | {spread(their_speed)} | {spread(ratio)} |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("text")
    parser.add_argument("tokenizers", nargs="+")
    parser.add_argument("--part", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()

    data = pathlib.Path(args.text).read_bytes()
    parts = list(parts_of(data, args.part or len(data)))
    print(f"| tokenizer | vocabulary | ids | longhaul, MB/s | tokenizers {__version__}, MB/s | longhaul is faster by |\n"
          "|---|---|---|---|---|---|")
    for path in args.tokenizers:
        print(compare(args, path, parts, len(data) / 1e6), flush=True)


if __name__ == "__main__":
    main()
