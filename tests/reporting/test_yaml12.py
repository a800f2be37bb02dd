"""YAML means what it looks like."""

import math

import pytest
import yaml

from clvlib.reporting.yaml12 import YamlError, plain, read_yaml, write_yaml


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1e5", 1e5),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("2010-12-01", "2010-12-01"),
        ("true", True),
        ("~", None),
        ("", None),
        ("'1e5'", "1e5"),
        ("-.inf", -math.inf),
        ("+5", 5),
    ],
)
def test_yaml_1_2_core_schema(written, read):
    value = plain(read_yaml(f"key: {written}"))["key"]
    assert value == read
    assert type(value) is type(read)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3", 3, "twice"),
        ("a: {x: 1, x: 2}", 1, "twice"),
        ("a: [1, 2", 1, "not YAML"),
        ("a: 1\n\tb: 2", 2, "not YAML"),
        ("a: &x [*x]", 1, "within itself"),
        ("? [a, b]\n: 1", 1, "a key must be"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text, line, message):
    with pytest.raises(YamlError, match=message) as caught:
        read_yaml(text)
    assert caught.value.line == line


def test_written_values_are_read_alike_by_yaml_1_1_and_1_2(tmp_path):
    values = {"a": "no", "b": 1e-07, "c": 1e20, "d": 5, "e": True, "f": ["1e5", 0.25, "012"], "g": 'x: "{y}" 喵'}
    write_yaml(values, tmp_path / "p.yaml")
    text = (tmp_path / "p.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text) == values  # PyYAML, which is what papermill -f uses
    assert plain(read_yaml(text)) == values


def test_aliases_to_aliases_end():
    layers = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(YamlError, match="more than 100,000 values"):
        read_yaml("\n".join(["l0: &l0 [1]", *layers]))
