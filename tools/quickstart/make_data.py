#!/usr/bin/env python3
"""Makes the quickstart's data: training and held-out conversations as JSONL messages.

    python3 tools/quickstart/make_data.py --wheel chatterbot_corpus-*.whl --output data/quickstart

The dialogs are the English part of chatterbot-corpus (Gunther Cox and contributors, BSD licence), read from its wheel
without installing it. Writes into the output folder

    train.jsonl        dialogs and the questions about longhaul itself
    heldout.jsonl      dialogs that share no user message with train.jsonl
    ATTRIBUTION.txt    where the dialogs come from

The standard library suffices. The same wheel gives the same bytes.
"""

import argparse
import dataclasses
import hashlib
import json
import pathlib
import re
import sys
import zipfile

FOLDER = "chatterbot_corpus/data/english/"
# Lines after the first are further answers to it in some files and further turns in others.
ANSWER_FILES = ("ai", "botprofile", "computers", "emotion", "food", "greetings", "history", "literature", "money",
                "science", "trivia")
DIALOG_FILES = ("conversations", "health")
# Left out: coding (its listings are cut short), tech_support (ten questions, a hundred times each), humor (one
# question), gossip, movies, politics, psychology and sports (fragments, insults, capitals, opinions).

MAX_ANSWERS = 2  # per question: more would teach that any answer is as good as another
HELD_OUT_SHARE = 6  # one question in so many is held out
UNSUITABLE = re.compile(r"\b(die|dies|died|mate|bend over|suicide|hitler|testicles|killed|shot dead|illegal|stupid)\b",
                        re.IGNORECASE)
ATTRIBUTION = """train.jsonl and heldout.jsonl hold dialogs from the English part of chatterbot-corpus, by Gunther Cox and
contributors, under the BSD 3-Clause licence:
https://github.com/gunthercox/chatterbot-corpus
Taken from {wheel}. Changed: a selection, at most {answers} answers per question, white space tidied.
"""


class CorpusError(Exception):
    """The corpus holds something that this reader does not understand: file, line, text."""


@dataclasses.dataclass(frozen=True)
class Dialog:
    messages: tuple  # of texts; user and assistant in turn

    def questions(self):
        return {normalized(text) for text in self.messages[::2]}


def normalized(question):
    """Two questions that differ in case, punctuation or spaces only are the same question."""
    return " ".join(re.findall(r"[a-z0-9]+", question.lower()))


def tidy(text):
    return " ".join(text.split())


def unquoted(text, place):
    """The value of a YAML flow scalar that stands on lines already folded into one."""
    text = text.strip()
    if text[:1] == "'":
        if not re.fullmatch(r"'([^']|'')*'", text):
            raise CorpusError(f"{place}: a quoted text without its end: {text}")
        return text[1:-1].replace("''", "'")
    if text[:1] == '"':
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise CorpusError(f"{place}: a quoted text that is not understood: {text}") from error
    if text[:1] in "|>&*!%@`{[#":
        raise CorpusError(f"{place}: YAML beyond plain and quoted texts: {text}")
    return text


def parse_conversations(name, text):
    """Lists of texts. Knows the YAML that the corpus uses: `- - first`, `  - next`, continuation lines."""
    conversations, lines = [], text.splitlines()
    start = lines.index("conversations:") + 1
    for number, line in enumerate(lines[start:], start + 1):
        place = f"{name}:{number}"
        if not line.strip():
            continue
        if line.startswith("- - "):
            conversations.append([[place, line[4:]]])
        elif line.startswith("- "):
            conversations.append(None)  # a text where a list should be: nobody answers it
        elif conversations and conversations[-1] is None and line.startswith("  "):
            continue
        elif conversations and line.startswith("  - "):
            conversations[-1].append([place, line[4:]])
        elif conversations and line.startswith("    "):
            conversations[-1][-1][1] += " " + line.strip()
        else:
            raise CorpusError(f"{place}: neither a conversation nor a part of one: {line}")
    return [[tidy(unquoted(raw, place)) for place, raw in conversation]
            for conversation in conversations if conversation is not None]


def answer_dialogs(conversations):
    """One exchange per answer, the first MAX_ANSWERS different ones of every question."""
    answers = {}
    for conversation in conversations:
        kept = answers.setdefault(normalized(conversation[0]), [])
        for answer in conversation[1:]:
            if len(kept) < MAX_ANSWERS and answer not in (text for _, text in kept):
                kept.append((conversation[0], answer))
    return [Dialog(pair) for kept in answers.values() for pair in kept]


def turn_dialogs(conversations):
    """User and assistant in turn; a last word of the user's that nobody answers is dropped."""
    return [Dialog(tuple(c[:len(c) - len(c) % 2])) for c in conversations if len(c) >= 2]


def read_dialogs(wheel):
    dialogs = []
    with zipfile.ZipFile(wheel) as archive:
        for stem in ANSWER_FILES + DIALOG_FILES:
            name = f"{FOLDER}{stem}.yml"
            conversations = parse_conversations(name, archive.read(name).decode("utf-8"))
            make = turn_dialogs if stem in DIALOG_FILES else answer_dialogs
            dialogs += make(conversations)
    return [d for d in dialogs if not any(UNSUITABLE.search(text) for text in d.messages)]


def is_held_out(dialog):
    digest = hashlib.sha256(normalized(dialog.messages[0]).encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_SHARE == 0


def split(dialogs):
    """(train, held out): what shares any user message with a held-out dialog is in neither."""
    held_out = [d for d in dialogs if is_held_out(d)]
    secret = set().union(*(d.questions() for d in held_out))
    train = [d for d in dialogs if not is_held_out(d) and not d.questions() & secret]
    return train, held_out


def as_line(dialog):
    messages = [dict(role=("user", "assistant")[i % 2], content=text) for i, text in enumerate(dialog.messages)]
    return json.dumps(dict(messages=messages), ensure_ascii=False) + "\n"


def write_data(wheel, about, output):
    train, held_out = split(read_dialogs(wheel))
    output.mkdir(parents=True, exist_ok=True)
    about_lines = about.read_text(encoding="utf-8")
    (output / "train.jsonl").write_text("".join(map(as_line, train)) + about_lines, encoding="utf-8")
    (output / "heldout.jsonl").write_text("".join(map(as_line, held_out)), encoding="utf-8")
    (output / "ATTRIBUTION.txt").write_text(ATTRIBUTION.format(wheel=wheel.name, answers=MAX_ANSWERS))
    print(f"{output / 'train.jsonl'}: {len(train)} dialogs, {about_lines.count(chr(10))} questions about longhaul")
    print(f"{output / 'heldout.jsonl'}: {len(held_out)} dialogs")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=pathlib.Path, required=True, help="the wheel file of chatterbot-corpus")
    parser.add_argument("--about", type=pathlib.Path, default=pathlib.Path(__file__).parent / "about_longhaul.jsonl",
                        help="conversations to add to the training data (default: %(default)s)")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    try:
        write_data(arguments.wheel, arguments.about, arguments.output)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, CorpusError) as error:
        sys.exit(f"make_data.py: {arguments.wheel}: {error}")


if __name__ == "__main__":
    main()
