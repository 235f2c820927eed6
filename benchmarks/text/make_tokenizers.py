"""Tokenizers of the kinds that published models use, with the vocabulary and the merges of a real one.

  python benchmarks/text/make_tokenizers.py TOKENIZER_JSON FOLDER

TOKENIZER_JSON is a byte-level BPE such as SmolLM2's. Writes FOLDER/gpt2.json, llama3.json, qwen2.json (other ways to
split a text before merging) and llama2.json, mistral.json (sentencepiece-style: no split, tokens of characters, byte
fallback; merges of tokens beyond ASCII are left out).
"""

import argparse
import json
import pathlib
import sys

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "golden"))
import tokenizer_kinds  # noqa: E402


def byte_level(vocabulary, merges, pre_tokenizer, normalizer=None, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return tokenizer


def sentencepiece(vocabulary, merges, normalizer, pre_tokenizer):
    names = {"Ġ": "▁", "Ċ": "\n", "ĉ": "\t"}

    def text_of(token):
        text = "".join(names.get(c, c) for c in token)
        return text if all(c.isascii() or c == "▁" for c in text) else None

    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    pieces += dict.fromkeys(text for text in map(text_of, vocabulary) if text)
    ids = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    pairs = [tuple(map(text_of, pair)) for pair in merges]
    pairs = [pair for pair in pairs if None not in pair and all(piece in ids for piece in (*pair, "".join(pair)))]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=pairs, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return tokenizer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tokenizer", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    args = parser.parse_args()

    model = json.loads(args.tokenizer.read_text(encoding="utf-8"))["model"]
    vocabulary = dict(sorted(model["vocab"].items(), key=lambda item: item[1]))
    merges = [tuple(merge.split(" ") if isinstance(merge, str) else merge) for merge in model["merges"]]
    split = tokenizer_kinds._split
    made = {
        "gpt2": byte_level(vocabulary, merges, pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "llama3": byte_level(vocabulary, merges, split(tokenizer_kinds.LLAMA3_PATTERN), ignore_merges=True),
        "qwen2": byte_level(vocabulary, merges, split(tokenizer_kinds.QWEN2_PATTERN), normalizers.NFC()),
        "llama2": sentencepiece(
            vocabulary, merges,
            normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None),
        "mistral": sentencepiece(
            vocabulary, merges, None,
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)),
    }
    args.folder.mkdir(parents=True, exist_ok=True)
    for kind, tokenizer in made.items():
        tokenizer.save(str(args.folder / f"{kind}.json"), pretty=False)


if __name__ == "__main__":
    main()
