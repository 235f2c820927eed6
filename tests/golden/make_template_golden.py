#!/usr/bin/env python3
"""Makes tests/data/text/jinja_expected.jsonl and template_expected.jsonl: what transformers renders.

    python tests/golden/make_template_golden.py [--output DIR]

The first file renders the templates of jinja_cases.py in the environment that transformers builds for chat templates;
the second applies the chat templates in tests/data/text/templates to the conversations of template_conversations.json.
Needs transformers and jinja2, no torch.
"""

import argparse
import datetime
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


if __name__ == "__main__":
    main()
