#!/usr/bin/env python3
"""Makes tests/data/datasets/masks: which tokens TRL's trainer counts in the loss.

    python tests/golden/make_mask_golden.py [--output DIR]

Every case is a record of a data file, as a user would write it, with the ids and labels that SFTTrainer makes of it.
A template without `generation` tags has no assistant masks in TRL: there each reply of a conversation is given to the
trainer as the completion of what stands before it, and the targets of all replies are joined.
"""

import argparse
import json
import pathlib
import shutil
import tempfile

from datasets import Dataset
from tokenizers import Tokenizer, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

import tokenizer_kinds

DATA = pathlib.Path(__file__).parent.parent / "data" / "datasets" / "masks"
SPECIAL = {
    "smollm": {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    "llama2": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"},
}
CHATS = [
    [("user", "What is longhaul?"), ("assistant", "A program that fine-tunes language models.")],
    [("system", "Be short."), ("user", "Hi"), ("assistant", "Hello!"), ("user", "2 + 2?"), ("assistant", "4")],
    [("user", "Leerzeichen "), ("assistant", "  vorn und hinten \n"), ("user", "\n\nund Zeilen\n\n"), ("assistant", "\n\nja\n")],
    [("user", "emoji 🙂"), ("assistant", "👩‍👩‍👧‍👦 and 日本語"), ("user", "ok"), ("assistant", "")],
    [("user", "Say <|im_end|>"), ("assistant", "No<|im_start|>assistant\nperhaps")],
]
COMPLETIONS = [
    ("The capital of France is", " Paris."),
    ("Straddling hum", "an words"),
    ("one\n", "\n\ntwo"),
    ("2+2=", "4"),
    ("", "nothing before"),
    ("日", "本語 🙂"),
    ("ends by itself ", "with EOS"),
]
TEXTS = ["A plain text.", "  spaces  and\n\nlines\n", "日本語 🙂 mixed", "1234567890"]


def messages(turns):
    return [{"role": role, "content": content} for role, content in turns]


def load_tokenizer(folder, kind):
    """With untrimmed offsets: with trimmed ones transformers marks nothing from a reply on that begins with a space,
    because it looks for the token of that space and no token has it."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    if kind == "smollm":
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL[kind])


def labels_of(tokenizer, record, template=None, **settings):
    """Ids and, per token, whether SFTTrainer gives it a label. The first token is never predicted."""
    tokenizer.chat_template = template
    size = len(tokenizer)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=size, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id))
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(output_dir=folder, max_length=None, report_to=[], use_cpu=True, bf16=False, **settings)
        trainer = SFTTrainer(
            model=model, args=config, train_dataset=Dataset.from_list([record]), processing_class=tokenizer)
        row = trainer.train_dataset[0]
    targets = [int(label != -100) for label in row["labels"]]
    return row["input_ids"], [0, *targets[1:]]


def joined_replies(tokenizer, template, chat):
    """Each reply as a completion; the longest sequence is the whole conversation."""
    ids, targets = [], []
    for i, message in enumerate(chat):
        if message["role"] != "assistant":
            continue
        record = {"prompt": chat[:i], "completion": [message]}
        longer, marks = labels_of(tokenizer, record, template)
        assert longer[: len(ids)] == ids, "a shorter rendering is no prefix"
        targets = [a | b for a, b in zip(targets + [0] * (len(marks) - len(targets)), marks)]
        ids = longer
    return ids, targets


def cases(folder):
    for kind in SPECIAL:
        tokenizer = load_tokenizer(folder / kind, kind)

        def case(record, result, template=None):
            ids, targets = result
            return {"tokenizer": kind, "template": template, "record": record, "ids": ids, "targets": targets}

        for prompt, completion in COMPLETIONS:
            record = {"prompt": prompt, "completion": completion}
            yield case(record, labels_of(tokenizer, record))
        for text in TEXTS:
            record = {"text": text}
            yield case(record, labels_of(tokenizer, record))
        templates = ["straddling.jinja"] if kind == "llama2" else ["tagged.jinja", "straddling.jinja", "smollm2.jinja"]
        for name in templates:
            template = (DATA / name).read_text()
            for turns in CHATS:
                chat = messages(turns)
                record = {"messages": chat}
                if name == "smollm2.jinja":
                    result = joined_replies(tokenizer, template, chat)
                else:
                    result = labels_of(tokenizer, record, template, assistant_only_loss=True)
                yield case(record, result, name)
        if kind == "smollm":
            template = (DATA / "smollm2.jinja").read_text()
            chat = messages(CHATS[1])
            record = {"prompt": chat[:4], "completion": chat[4:]}
            yield case(record, labels_of(tokenizer, record, template), "smollm2.jinja")
            names = {"system": "system", "user": "human", "assistant": "gpt"}
            record = {"conversations": [{"from": names[m["role"]], "value": m["content"]} for m in chat]}
            tagged = (DATA / "tagged.jinja").read_text()
            as_messages = {"messages": chat}
            yield case(record, labels_of(tokenizer, as_messages, tagged, assistant_only_loss=True), "tagged.jinja")


def save_tokenizer(kind, folder):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer_kinds.KINDS[kind]().save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(SPECIAL[kind], indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=pathlib.Path, default=DATA)
    output = parser.parse_args().output
    for kind in SPECIAL:
        save_tokenizer(kind, output / kind)
    with open(output / "expected.jsonl", "w", encoding="utf-8") as file:
        for row in cases(output):
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    if output != DATA:
        for template in DATA.glob("*.jinja"):
            shutil.copy(template, output)


if __name__ == "__main__":
    main()
