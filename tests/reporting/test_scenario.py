"""A scenario is checked as a whole, and everything that is wrong is told at once."""

import inspect
from pathlib import Path

import pytest

from clvlib.reporting.parameters import find_chapters
from clvlib.reporting.scenario import Log, ScenarioError, load_scenario
from clvlib.reporting.yaml12 import plain, read_yaml
from clvlib.transactions import read_transactions

PARAMS = Path(__file__).parents[2] / "params"


@pytest.fixture
def found(chapters):
    needs = "# needs customer_id, timestamp, amount"
    chapters.add("11_data", parameters=f'dataset: str = "cdnow"  {needs}\nnote: str = ""')
    rate = "annual_discount_rate: float = 0.1  # per year, in [0, 1)"
    chapters.add("31_clv", parameters=f'dataset: str = "cdnow"  {needs}\n{rate}\nn: int = 10  # in [1, inf)')
    chapters.add("32_more", parameters=f'dataset: str = "cdnow"  {needs}\n{rate}\nuse_all: bool = False')
    return find_chapters(chapters.path)


@pytest.fixture
def load(found, tmp_path):
    def load(text: str, name="trial.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return load_scenario(path, found)

    return load


def problems(load, text) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load(text)
    assert "nothing was run" in str(caught.value)
    return caught.value.problems


def test_defaults_shared_values_part_and_chapter_win_in_this_order(load):
    scenario = load(
        "title: t\nparameters: {annual_discount_rate: 0.2, n: 3}\n"
        "overrides:\n  '3.2': {annual_discount_rate: 0.4}\n  3_part: {annual_discount_rate: 0.3}\n"
    )
    assert scenario.parameters["11_data"] == {"dataset": "cdnow", "note": ""}
    assert scenario.parameters["31_clv"] == {"dataset": "cdnow", "annual_discount_rate": 0.3, "n": 3}
    assert scenario.parameters["32_more"] == {"dataset": "cdnow", "annual_discount_rate": 0.4, "use_all": False}
    assert scenario.given["31_clv"] == ["annual_discount_rate", "n"]


def test_quick_keeps_the_data_and_the_stored_sizes(found, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("title: t\nparameters: {dataset: cdnow_full, n: 500}")
    scenario = load_scenario(path, found, quick=True)
    assert scenario.parameters["31_clv"] == {"dataset": "cdnow_full", "annual_discount_rate": 0.1, "n": 10}
    path.write_text("title: t\nparameters: {dataset: cdnow_full, n: 0}")
    with pytest.raises(ScenarioError, match="n is 0"):  # checked all the same
        load_scenario(path, found, quick=True)


@pytest.mark.parametrize("names", ["['3.1', 11_data]", "[3.1, 1_part]"])
def test_chapters_are_called_by_stem_number_or_part(load, names):
    scenario = load(f"title: t\nchapters: {names}")
    assert [chapter.stem for chapter in scenario.chapters] == ["11_data", "31_clv"]


def test_all_problems_are_told_at_once_with_line_and_nearest_name(load):
    told = problems(
        load,
        "title: t\n"
        "parameters:\n"
        "  anual_discount_rate: 0.1\n"
        "  annual_discount_rate: 1.5\n"
        "  n: many\n"
        "  use_all: no\n"
        "overrides:\n"
        "  '3.3': {n: 1}\n"
        "  '3.2': {n: 1}\n"
        "chapters: ['3.1', '3.2', 9_part]\n"
        "colour: red\n",
    )
    assert told == [
        "line 11: colour is not known here",
        "line 10: there is no chapter '9_part'; did you mean 3_part?",
        "line 3: anual_discount_rate: no parameter of any chapter has this name; did you mean annual_discount_rate?",
        "line 4: annual_discount_rate is 1.5, but must be in [0, 1) (chapter 3.1, 3.2)",
        "line 5: n is many, but must be a whole number (chapter 3.1)",
        "line 6: use_all is no, but must be true or false (chapter 3.2)",
        "line 8: there is no chapter '3.3'; did you mean 3.2?",
        "line 9: n: no parameter of 3.2 has this name",
    ]


def test_1e5_is_a_number_and_no_is_text_where_text_is_declared(load):
    scenario = load("title: t\nparameters: {n: 1e5, annual_discount_rate: 1e-1, note: no}")
    assert scenario.parameters["31_clv"]["n"] == 100_000
    assert isinstance(scenario.parameters["31_clv"]["n"], int)
    assert scenario.parameters["31_clv"]["annual_discount_rate"] == 0.1
    assert scenario.parameters["11_data"]["note"] == "no"


def test_a_key_twice_is_an_error(load):
    assert problems(load, "title: t\nparameters:\n  n: 1\n  n: 2") == [
        "line 4: the key n stands there twice (first in line 3)"
    ]


def test_a_parameter_name_cannot_carry_code(load):
    (told,) = problems(load, 'title: t\nparameters: {"n = 1\\nprint(1)\\nb": 1}')
    assert "no parameter of any chapter has this name" in told


def test_a_parameter_out_of_range_only_in_a_chapter_that_is_not_run_is_no_problem(load):
    assert load("title: t\nparameters: {n: 0}\nchapters: ['3.2']").given["32_more"] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a mapping"),
        ("- a", "must be a mapping"),
        ("parameters: {n: 1}", "title is missing"),
        ("title: t\nparameters: 3", "parameters is 3"),
        ("title: t\nchapters: []", "the list is empty"),
        ("title: t\nparameters: {dataset: eshop_clicks}", "no customers, so that no chapter can run on it"),
        ("title: t\nparameters: {dataset: cdnov}", "there is no data set and no file 'cdnov'; did you mean cdnow?"),
        ("title: t\noverrides: {'3.1': 5}", "must be a mapping of parameters"),
        ("title: t\ndata: {name: a, path: x.csv}", "there is no file"),
        ("title: t\ndata: {name: ../a, path: x.csv}", "becomes a file's name"),
        ("title: t\ndata: {name: a, path: x.csv, seperator: ;}", "did you mean separator?"),
        ("title: t\ndata: {name: a, path: x.csv, returns: gross}", "data.returns is 'gross'"),
        ("title: t\nparameters: {dataset: cdnow}\ndata: {name: a, path: x.csv}", "says already which"),
    ],
)
def test_what_is_wrong_is_told_in_words(load, text, message):
    assert any(message in problem for problem in problems(load, text))


def test_a_missing_scenario_names_the_nearest(found, tmp_path):
    (tmp_path / "default.yaml").write_text("title: t")
    with pytest.raises(ScenarioError, match=r"did you mean default\.yaml\?"):
        load_scenario(tmp_path / "defualt.yaml", found)


def test_a_scenario_in_another_encoding_is_told(found, tmp_path):
    (tmp_path / "a.yaml").write_bytes("title: Größe".encode("cp1252"))
    with pytest.raises(ScenarioError, match="save it as UTF-8"):
        load_scenario(tmp_path / "a.yaml", found)


def test_paths_start_at_the_scenarios_folder(load, tmp_path):
    (tmp_path / "log.csv").write_text("customer_id,timestamp,amount\na,2020-01-01,1\n")
    scenario = load("title: t\nparameters: {dataset: log.csv}")
    assert scenario.parameters["31_clv"]["dataset"] == str(tmp_path / "log.csv")
    assert load("title: t\ndata: {name: a, path: log.csv}").log_path == tmp_path / "log.csv"


def test_data_takes_exactly_what_read_transactions_takes():
    options = inspect.signature(read_transactions).parameters
    assert set(Log.model_fields) - {"name", "path"} == set(options) - {"source"}
    for name, field in Log.model_fields.items():
        if name not in ("name", "path", "columns"):
            assert field.default == options[name].default, name


def test_text_options_of_data_are_what_they_look_like(load, tmp_path):
    (tmp_path / "log.csv").write_text("1e5;When;Sum\n007;2020-01-01;1\n")
    scenario = load(
        "title: 2020\ndata:\n  name: 2020\n  path: log.csv\n  separator: ;\n"
        "  columns: {1e5: customer_id, When: timestamp, Sum: amount}\n  as_of: 2020-02-01\n"
    )
    assert (scenario.title, scenario.log.name, scenario.log.as_of) == ("2020", "2020", "2020-02-01")
    assert scenario.ledger.lines["customer_id"].tolist() == ["007"]


@pytest.mark.parametrize("path", sorted(PARAMS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_scenarios_are_yaml_of_the_right_shape(path):
    document = plain(read_yaml(path.read_text(encoding="utf-8")))
    assert set(document) <= {"title", "parameters", "overrides", "chapters", "data"}
    if "data" in document:
        assert set(document["data"]) <= set(Log.model_fields)


def test_a_data_set_by_path_is_read_before_anything_runs(load, tmp_path):
    (tmp_path / "log.csv").write_text("who,timestamp,amount\na,2020-01-01,1\n")
    (told,) = problems(load, "title: t\nparameters: {dataset: log.csv}")
    assert told.startswith("dataset: log.csv: no column is 'customer_id'")
    (told,) = problems(load, "title: t\nparameters: {dataset: .}")
    assert "no saved ledger" in told


def test_wrong_options_of_data_do_not_hide_its_name_and_path(load):
    told = problems(load, "title: t\ndata:\n  name: ../a\n  path: x.csv\n  columns: {a: {b: c}}\n")
    assert [problem.partition(" {")[0].partition(" /")[0] for problem in told] == [
        "line 5: data.columns.a is",
        "line 3: name: '../a' becomes a file's name; use letters, digits, - and _",
        "line 4: path: there is no file",
    ]
    assert "{'b': 'c'}" in told[0]


@pytest.mark.parametrize("name", ["orders.csv", "Orders.XLSX"])
def test_a_log_in_place_of_a_scenario_is_told_what_to_do(found, tmp_path, name):
    path = tmp_path / name
    path.write_bytes("Kunde;Straße\n".encode("cp1252"))
    with pytest.raises(ScenarioError, match="this is a log, not a scenario"):
        load_scenario(path, found)
