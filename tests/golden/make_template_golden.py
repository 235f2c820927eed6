#!/usr/bin/env python3
"""Makes tests/data/text/jinja_expected.jsonl and template_expected.jsonl: what transformers renders.

    python tests/golden/make_template_golden.py [--output DIR]

The first file renders the templates of jinja_cases.py in the environment that transformers builds for chat templates;
the second applies the chat templates in tests/data/text/templates to the conversations of template_conversations.json,
with the spans of replies where transformers (generation tags) or TRL (its training templates) know them. Needs
transformers, jinja2 and the files of trl, no torch.
"""

import argparse
import datetime
import importlib.util
import json
import pathlib

import jinja2
import transformers
from transformers.utils import chat_template_utils

import jinja_cases

DATA = pathlib.Path(__file__).parent.parent / "data" / "text"
NOW = datetime.datetime(2024, 7, 26, 13, 4, 5)


class FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def outcome(render):
    """What `render` gives: text, a syntax error, or a refusal with the message where the template chose it."""
    try:
        return {"text": render()}
    except (jinja2.TemplateSyntaxError, SyntaxError):
        return {"error": "syntax"}
    except jinja2.TemplateError as error:
        raised = type(error) is jinja2.TemplateError
        return {"error": "runtime", "raised": str(error)} if raised else {"error": "runtime"}
    except Exception:
        return {"error": "runtime"}


def expression_cases():
    expressions = jinja_cases.EXPRESSIONS.replace("'line\\\ncontinued'", "").split("\n")
    sources = ["{{ " + line + " }}" for line in expressions if line]
    sources.append("{{ 'line\\\ncontinued' }}")
    return sources + jinja_cases.TEMPLATES


def is_reproducible(result):
    return " at 0x" not in result.get("text", "")


def render_case(source):
    def render():
        template = chat_template_utils._compile_jinja_template(source)
        return template.render(**json.loads(json.dumps(jinja_cases.VARIABLES)), tools=None, documents=None,
                               add_generation_prompt=False)

    result = outcome(render)
    if "text" in result:
        try:
            result["text"].encode()
        except UnicodeEncodeError:  # a lone surrogate: no text at all
            return {"error": "syntax"}
    return result if is_reproducible(result) else {"error": "runtime"}


def conversation_cases():
    """(template's name, its source, conversation's name, add_generation_prompt, arguments of the rendering)"""
    conversations = json.loads((DATA / "template_conversations.json").read_text(encoding="utf-8"))
    for path in sorted((DATA / "templates").glob("*.jinja")):
        with open(path, encoding="utf-8", newline="") as file:
            source = file.read()
        for name, conversation in conversations.items():
            messages = [{key: value for key, value in message.items() if value is not None}
                        for message in conversation["messages"]]
            variables = {"bos_token": "<s>", "eos_token": "</s>"} | conversation.get("variables", {})
            for prompts in (False, True):
                yield path.stem, source, name, prompts, {"conversations": [messages], **variables}


def rendered(source, prompts, arguments):
    """The text, and the (begin, end) in bytes of what generation tags enclose."""
    texts, indices = chat_template_utils.render_jinja_template(
        chat_template=source, add_generation_prompt=prompts, return_assistant_tokens_mask="endgeneration" in source,
        **json.loads(json.dumps(arguments)))
    spans = [[len(texts[0][:place].encode()) for place in span] for span in (indices[0] if indices else [])]
    return texts[0], spans


def training_template(name):
    """TRL's variant of a template with generation tags, if it has one."""
    if name not in ("gemma2", "phi3", "qwen2_5", "qwen3"):
        return None
    folder = pathlib.Path(importlib.util.find_spec("trl").origin).parent / "chat_templates"
    return (folder / f"{name.replace('gemma2', 'gemma')}_training.jinja").read_text(encoding="utf-8")


def render_conversation(name, source, prompts, arguments):
    result = outcome(lambda: rendered(source, prompts, arguments)[0])
    if "text" not in result or prompts:
        return result
    if "endgeneration" in source:
        return result | {"spans": rendered(source, prompts, arguments)[1]}
    training = training_template(name)
    if training is None:
        return result
    try:
        text, spans = rendered(training, prompts, arguments)
    except Exception:
        return result
    # Where TRL's variant writes something else it says nothing about this template.
    return result | {"trl_spans": spans} if text == result["text"] else result


def write_lines(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=pathlib.Path, default=DATA)
    output = parser.parse_args().output
    chat_template_utils.datetime = FixedClock
    versions = {"jinja2": jinja2.__version__, "transformers": transformers.__version__}
    head = {"versions": versions, "variables": jinja_cases.VARIABLES}
    write_lines(output / "jinja_expected.jsonl",
                [head] + [{"template": source} | render_case(source) for source in expression_cases()])
    rows = [{"template": name, "conversation": conversation, "prompt": prompts}
            | render_conversation(name, source, prompts, arguments)
            for name, source, conversation, prompts, arguments in conversation_cases()]
    write_lines(output / "template_expected.jsonl", [{"versions": versions | {"trl": "1.16.0"}}] + rows)


if __name__ == "__main__":
    main()
