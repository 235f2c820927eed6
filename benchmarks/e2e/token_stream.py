"""Text whose samples are exactly as long as wanted, so that two programs train on the same tokens."""

import json
import pathlib
import re

import tokenizers


def end_token(model):
    """(text, id) of the token that ends a plain text, as the model's tokenizer says."""
    config = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
    token = config["eos_token"]
    text = token if isinstance(token, str) else token["content"]
    tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
    return text, tokenizer.token_to_id(text)


def words_of(files):
    """Words with the white space before them: the pieces that a byte-level tokenizer never merges across."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return re.findall(r"\s*\w+|\s*[^\w\s]+", text)


def take_sample(tokenizer, words, start, length):
    """(text, end) of the words from `start` that encode to exactly `length` tokens; text None where none do."""
    end = start
    while True:
        # A word has at least one token and seldom more than four: big steps first, single words at the end.
        count = len(tokenizer.encode("".join(words[start:end])).ids)
        if count >= length:
            break
        end += max(1, (length - count) // 4)
        if end > len(words):
            raise ValueError("the text is too short: give more files")
    return ("".join(words[start:end]), end) if count == length else (None, start + 1)


def make_samples(model, files, count, length):
    """`count` pairs (text, ids): ids end with the end-of-text token, which the text leaves to the reader to add."""
    tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
    _, end_id = end_token(model)
    words, samples, position = words_of(files), [], 0
    while len(samples) < count:
        text, position = take_sample(tokenizer, words, position, length - 1)
        if text is not None:
            samples.append((text, tokenizer.encode(text).ids + [end_id]))
    return samples


def write_samples(samples, text_file, token_file):
    """JSONL with {"text": ...} for longhaul, JSONL with one list of ids per line for the others."""
    with text_file.open("w", encoding="utf-8") as texts, token_file.open("w", encoding="utf-8") as ids:
        for text, tokens in samples:
            texts.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
            ids.write(json.dumps(tokens) + "\n")


def repository_texts():
    """Enough English and C++ for any of these benchmarks, without a download."""
    root = pathlib.Path(__file__).resolve().parents[2]
    return sorted([*root.glob("docs/**/*.md"), *root.glob("include/**/*.h"), *root.glob("src/**/*.cpp")])
