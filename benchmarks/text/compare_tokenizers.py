"""Encoding speed of longhaul against the `tokenizers` package: one thread, the same text, interleaved.

  python benchmarks/text/compare_tokenizers.py BENCH TOKENIZER_JSON TEXT [--part BYTES] [--rounds N]

BENCH is the program bench_text_tokenizer. TEXT is ASCII or UTF-8; with --part it is encoded in parts of so
many bytes, as the texts of a data set are, and otherwise whole. Prints seconds of every round, medians and
their ratio, and fails when the two make a different number of ids.
"""

import argparse
import json
import os
import statistics
import subprocess
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Tokenizer, __version__  # noqa: E402


def theirs(path, parts):
    """(seconds of the faster of two passes, ids); the first pass fills their cache of words."""
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    times = []
    for _ in range(2):
        start = time.perf_counter()
        ids = sum(len(tokenizer.encode(part, add_special_tokens=False)) for part in parts)
        times.append(time.perf_counter() - start)
    return min(times), ids


def ours(args):
    environment = dict(os.environ, LONGHAUL_BENCH_TOKENIZER=args.tokenizer, LONGHAUL_BENCH_TEXT=args.text)
    if args.part:
        environment["LONGHAUL_BENCH_PART"] = str(args.part)
    command = [args.bench, "--benchmark_filter=^EncodeFile$", "--benchmark_format=json", "--benchmark_min_time=0.01",
               "--benchmark_repetitions=2"]
    runs = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)["benchmarks"]
    runs = [r for r in runs if r["run_type"] == "iteration"]
    return min(r["real_time"] for r in runs) / 1e9, int(runs[0]["ids"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("tokenizer")
    parser.add_argument("text")
    parser.add_argument("--part", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()

    data = open(args.text, "rb").read()
    size = args.part or len(data)
    parts = [data[i:i + size].decode("utf-8", "replace") for i in range(0, len(data), size)]
    rounds = []
    for i in range(args.rounds):
        (a, ids), (b, own_ids) = theirs(args.tokenizer, parts), ours(args)
        assert ids == own_ids, f"tokenizers makes {ids} ids, longhaul {own_ids}"
        rounds.append((a, b))
        print(f"round {i + 1}: tokenizers {__version__} {a:.3f} s, longhaul {b:.3f} s")
    a, b = (statistics.median(r[k] for r in rounds) for k in (0, 1))
    megabytes = len(data) / 1e6
    print(f"{ids} ids; tokenizers {megabytes / a:.2f} MB/s, longhaul {megabytes / b:.2f} MB/s, ratio {a / b:.2f}")


if __name__ == "__main__":
    main()
