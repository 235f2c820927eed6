#!/usr/bin/env python3
"""Generates greedily with transformers, to hold against the ids that longhaul generates.

    python tests/golden/compare_generate.py MODEL --prompt '[1, 5, 9]' --tokens 32 [--expect '[7, 7, 2]']

Prints {"prompt", "generated", "text", "margins"} as JSON. A margin is how far the chosen logit lies above the second: where
that is within rounding, another choice is no error. With --expect it ends with 0 if both agree up to the first token whose
margin is below --margin. fp32, eager attention; stops at the model's end tokens unless told otherwise.
"""

import argparse
import json
import pathlib
import sys

import torch
import transformers


def load(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                             attn_implementation="eager").eval()


def end_tokens(model):
    end = model.generation_config.eos_token_id
    return set() if end is None else {end} if isinstance(end, int) else set(end)


@torch.no_grad()
def generate(model, prompt, tokens, stops):
    """(ids, margins): the whole sequence is computed anew for every token, so no cache can hide a mistake."""
    sequence, margins = list(prompt), []
    for _ in range(tokens):
        best = model(input_ids=torch.tensor([sequence]), use_cache=False).logits[0, -1].topk(2)
        sequence.append(int(best.indices[0]))
        margins.append(float(best.values[0] - best.values[1]))
        if sequence[-1] in stops:
            break
    return sequence[len(prompt):], margins


def first_difference(expected, generated):
    for i, (ours, theirs) in enumerate(zip(expected, generated)):
        if ours != theirs:
            return i
    return None if len(expected) == len(generated) else min(len(expected), len(generated))


def text_of(folder, ids):
    if not (folder / "tokenizer.json").exists():
        return None
    return transformers.AutoTokenizer.from_pretrained(folder).decode(ids)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--prompt", type=json.loads, required=True, help="a JSON list of token ids")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--ignore-end", action="store_true", help="go on after an end token")
    parser.add_argument("--expect", type=json.loads, help="a JSON list of generated ids")
    parser.add_argument("--margin", type=float, default=1e-4, help="of a tie (default: %(default)s)")
    arguments = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    model = load(arguments.model)
    stops = set() if arguments.ignore_end else end_tokens(model)
    generated, margins = generate(model, arguments.prompt, arguments.tokens, stops)
    print(json.dumps(dict(prompt=arguments.prompt, generated=generated, text=text_of(arguments.model, generated),
                          margins=[round(margin, 6) for margin in margins])))
    if arguments.expect is not None:
        difference = first_difference(arguments.expect, generated)
        if difference is not None and (difference >= len(margins) or margins[difference] > arguments.margin):
            sys.exit(f"token {difference} differs: got {arguments.expect}, transformers gives {generated}")


if __name__ == "__main__":
    main()
