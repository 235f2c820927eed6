#!/usr/bin/env python3
"""Checks that transformers, given a model folder that longhaul wrote, measures the loss that longhaul measured.

    python tests/golden/check_output_folder.py runs/first samples.jsonl --loss 2.718281

samples.jsonl holds one sequence per line, {"tokens": [...], "labels": [...]}: labels as in README.md beside this file (-100 is
no target); without them every token is a target; a bare list of ids is the same as tokens alone; {"messages": [...]} is a chat that
the folder's tokenizer and template encode, whose targets are the replies (for templates that only ever append). The loss is the sum over
all targets divided by their number, in fp32, every sequence by itself. Ends with 0 if it is within --tolerance of --loss.
"""

import argparse
import json
import pathlib
import sys

import torch
import transformers

IGNORED = -100


def encode_chat(tokenizer, messages):
    def ids_of(messages, is_prompt):
        return tokenizer.apply_chat_template(messages, add_generation_prompt=is_prompt, tokenize=True, return_dict=False)

    tokens = ids_of(messages, False)
    labels = [IGNORED] * len(tokens)
    for i, message in enumerate(messages):
        if message["role"] == "assistant":
            reply = slice(len(ids_of(messages[:i], True)), len(ids_of(messages[:i + 1], False)))
            labels[reply] = tokens[reply]
    return tokens, labels


def read_samples(path, folder):
    samples, tokenizer = [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        sample = json.loads(line)
        if isinstance(sample, list):
            sample = dict(tokens=sample)
        if "messages" in sample:
            tokenizer = tokenizer or transformers.AutoTokenizer.from_pretrained(folder)
            samples.append(encode_chat(tokenizer, sample["messages"]))
            continue
        tokens, labels = sample["tokens"], sample.get("labels", sample["tokens"])
        if len(tokens) != len(labels):
            sys.exit(f"{path}:{number}: {len(tokens)} tokens and {len(labels)} labels")
        samples.append((tokens, labels))
    return samples


def load_model(folder):
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    # transformers only warns about these, and fills what is missing with random numbers.
    wrong = {kind: sorted(map(str, names)) for kind, names in info.items() if names}
    if wrong:
        sys.exit(f"{folder}: transformers did not load it cleanly: {wrong}")
    return model.eval()


@torch.no_grad()
def mean_loss(model, samples):
    total, targets = 0.0, 0
    for tokens, labels in samples:
        wanted = torch.tensor(labels[1:])
        if not (wanted != IGNORED).any():
            continue
        logits = model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, :-1]
        losses = torch.nn.functional.cross_entropy(logits, wanted, ignore_index=IGNORED, reduction="none")
        total += losses.double().sum().item()
        targets += int((wanted != IGNORED).sum())
    if targets == 0:
        sys.exit("no sample has a target token")
    return total / targets, targets


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("samples", type=pathlib.Path)
    parser.add_argument("--loss", type=float, help="what longhaul says; without it the loss is only printed")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="relative (default: %(default)s)")
    arguments = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    loss, targets = mean_loss(load_model(arguments.model), read_samples(arguments.samples, arguments.model))
    print(f"{arguments.model}: loss {loss!r} over {targets} targets")
    if arguments.loss is not None:
        error = abs(loss - arguments.loss) / abs(loss)
        print(f"relative difference {error:.2e}, allowed {arguments.tolerance:.0e}")
        sys.exit(0 if error <= arguments.tolerance else 1)


if __name__ == "__main__":
    main()
