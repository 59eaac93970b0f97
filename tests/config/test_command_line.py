"""Values given by `snakemake --config`."""

import pytest
import yaml

from jamun.config import load, parse
from jamun.config.command_line import as_written, with_types


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100", 100),
        ("-3", -3),
        ("0.5", 0.5),
        ("1.5e-3", 1.5e-3),
        ("true", True),
        ("false", False),
        ("null", None),
        ("NO", "NO"),
        ("on", "on"),
        ("4 fs", "4 fs"),
        ("1_000", "1_000"),
        ("AW", "AW"),
        ("٣", "٣"),
    ],
)
def test_text_is_read_as_it_is_written(text, value):
    read = as_written({"inner": [text]})["inner"][0]
    assert read == value
    assert type(read) is type(value)


def test_only_what_was_given_is_read_anew():
    """A quoted number in a file stays text, and is refused; the same on the command line is a number."""
    file = {"training": {"max_steps": "8", "seed": "9"}, "dataset": "7"}
    given = yaml.load("{training: {max_steps: 8, align: false}}", Loader=yaml.BaseLoader)
    merged = file | {"training": file["training"] | given["training"]}
    typed = with_types(merged, given)
    assert typed == {"training": {"max_steps": 8, "seed": "9", "align": False}, "dataset": "7"}


def test_a_section_of_the_command_line_is_a_configuration():
    given = yaml.load("{training: {align: false, max_steps: 100, learning_rate: 0.01}}", Loader=yaml.BaseLoader)
    settings = parse(with_types(given, given)).training
    assert (settings.align, settings.max_steps, settings.learning_rate) == (False, 100, 0.01)
    assert load("config.yaml").training.align
