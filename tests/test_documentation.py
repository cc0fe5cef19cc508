"""The examples of a page print what the page says they print."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
EXAMPLE = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```$)?", re.M | re.S)


@pytest.mark.parametrize("page", ["which-number.md"])
def test_examples(page, capsys):
    names, examples = {}, list(EXAMPLE.finditer((DOCS / page).read_text(encoding="utf-8")))
    assert examples
    for example in examples:
        exec(compile(example["code"], page, "exec"), names)
        assert capsys.readouterr().out == (example["output"] or "")


def test_an_example_is_read_with_its_output():
    page = "```python\nprint(1)\n```\n\n```text\n1\n```\n\n```python\nx = 2\n```\n"
    found = [(example["code"], example["output"]) for example in EXAMPLE.finditer(page)]
    assert found == [("print(1)\n", "1\n"), ("x = 2\n", None)]
