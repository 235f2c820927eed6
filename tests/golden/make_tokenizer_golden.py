"""Writes tests/data/text/tokenizer: small tokenizers of each kind, and what `tokenizers` does with
2,200 strings. Needs tokenizers==0.23.3.

  python tests/golden/make_tokenizer_golden.py [OUTPUT_FOLDER]

strings.txt   one string a line: parts in hex, `PART*N` for N times a part
KIND.json     the tokenizer
KIND.txt      a line `before N after M`, ids that the post-processor adds; then a line per string:
              ids (`ID*N` for a run), decoded text, decoded text without special tokens, written as in
              strings.txt; a last part `=` is the string itself with U+FFFD for invalid bytes.
"""

import json
import re
import sys
from itertools import groupby
from pathlib import Path

import tokenizers

from tokenizer_kinds import KINDS
from tokenizer_strings import make_strings

VERSION = "0.23.3"
COUNT = 2200
RUN = re.compile(rb"(.{1,16}?)\1{15,}", re.DOTALL)


def write_bytes(data):
    parts, at = [], 0
    for run in RUN.finditer(data):
        if run.start() > at:
            parts.append(data[at:run.start()].hex())
        parts.append(f"{run[1].hex()}*{len(run[0]) // len(run[1])}")
        at = run.end()
    if at < len(data):
        parts.append(data[at:].hex())
    return " ".join(parts)


def write_ids(ids):
    runs = [(value, len(list(group))) for value, group in groupby(ids)]
    return " ".join(str(value) if n == 1 else f"{value}*{n}" for value, n in runs)


def write_decoded(decoded, text):
    if not decoded.endswith(text):
        return write_bytes(decoded.encode())
    return (write_bytes(decoded.removesuffix(text).encode()) + " =").strip()


def expected(tokenizer, text):
    ids = tokenizer.encode(text).ids
    decoded = [write_decoded(tokenizer.decode(ids, skip_special_tokens=skip), text) for skip in (False, True)]
    return "\t".join([write_ids(ids), *decoded])


def added(tokenizer):
    with_special = tokenizer.encode("a").ids
    without = tokenizer.encode("a", add_special_tokens=False).ids
    before = with_special.index(without[0])
    return f"before {before} after {len(with_special) - before - len(without)}"


def main():
    assert tokenizers.__version__ == VERSION, f"tokenizers is {tokenizers.__version__}, expected {VERSION}"
    default = Path(__file__).resolve().parents[1] / "data" / "text" / "tokenizer"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)

    made = {name: make() for name, make in KINDS.items()}
    special = sorted({t.content for m in made.values() for t in m.get_added_tokens_decoder().values()})
    strings = make_strings(special, COUNT)
    (folder / "strings.txt").write_text("".join(write_bytes(s) + "\n" for s in strings))
    for name, tokenizer in made.items():
        (folder / f"{name}.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False) + "\n")
        lines = [added(tokenizer)] + [expected(tokenizer, s.decode("utf-8", "replace")) for s in strings]
        (folder / f"{name}.txt").write_text("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    main()
