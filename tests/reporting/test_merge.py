"""Chapters' customer tables become one file for a CRM."""

import json
import re

import pandas as pd
import pytest

from clvlib.reporting.merge import inert, merge_customers, merge_lists, merge_models, write_csv


@pytest.fixture
def handed(tmp_path):
    """``handed(stem, table, …)`` puts a chapter's hand-over where a run would; ``handed.run`` is the run."""

    def hand(stem, table, *, name="shop", as_of="2020-06-30", horizon_days=None, status="ok", sha256=""):
        folder = tmp_path / "handover" / stem
        folder.mkdir(parents=True)
        table.to_parquet(folder / "customers.parquet")
        data = {"name": name, "currency": "EUR", "sha256": sha256}
        document = {"data": data, "as_of": as_of, "horizon_days": horizon_days, "customers": "customers.parquet"}
        (folder / "handover.json").write_text(json.dumps(document))
        handover = f"handover/{stem}/handover.json"
        hand.run["chapters"].append({"number": f"{stem[0]}.{stem[1]}", "status": status, "handover": handover})

    hand.run = {"run_id": "r1", "chapters": []}
    return hand


def table(**columns):
    return pd.DataFrame(columns)


def merged(tmp_path, name="shop"):
    return pd.read_parquet(tmp_path / "customers" / f"{name}.parquet")


def test_tables_are_joined_outer_with_what_holds_for_all(handed, tmp_path):
    handed("31_clv", table(customer_id=["a", "b"], clv=[1.0, 2.0]), horizon_days=365)
    handed("41_retention", table(customer_id=["b", "c"], probability_return_7d=[0.5, 0.25]))
    written = merge_customers(tmp_path, handed.run)
    expected = table(
        customer_id=["a", "b", "c"],
        clv=[1.0, 2.0, None],
        probability_return_7d=[None, 0.5, 0.25],
        as_of=["2020-06-30"] * 3,
        horizon_days=[365] * 3,
        currency=["EUR"] * 3,
        run_id=["r1"] * 3,
    )
    pd.testing.assert_frame_equal(merged(tmp_path), expected)
    assert [path.name for path in written] == ["shop.parquet", "shop.csv"]
    from_csv = pd.read_csv(tmp_path / "customers" / "shop.csv", dtype={"customer_id": "str"})
    pd.testing.assert_frame_equal(from_csv, expected)


def test_whole_numbers_and_truth_values_stay_what_they_are_beside_gaps(handed, tmp_path):
    long = 2**60 + 1  # no float holds it
    handed("12_stages", table(customer_id=["a", "b"], cluster=[7, long], is_new=[True, False], n_orders=[1, 2]))
    handed("31_clv", table(customer_id=["b", "c"], n_orders=[2, 3], clv=[1.0, 2.0]))
    merge_customers(tmp_path, handed.run)
    found = merged(tmp_path).set_index("customer_id")
    assert found["cluster"].dropna().to_dict() == {"a": 7, "b": long}
    assert found.dtypes[["cluster", "is_new", "n_orders", "clv"]].astype(str).tolist() == [
        "Int64",
        "boolean",
        "int64",
        "float64",
    ]
    rows = (tmp_path / "customers" / "shop.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [row.split(",")[:5] for row in rows[1:]] == [
        ["a", "7", "True", "1", ""],
        ["b", str(long), "False", "2", "1"],
        ["c", "", "", "3", "2"],
    ]


def test_one_name_with_two_meanings_becomes_two_columns(handed, tmp_path):
    handed("31_clv", table(customer_id=["a", "b"], clv=[1.0, 2.0], total_spend=[5.0, 6.0]), as_of="2020-06-30")
    handed("33_supervised", table(customer_id=["a", "c"], clv=[9.0, 3.0], total_spend=[5.0, 7.0]), as_of="2020-03-31")
    merge_customers(tmp_path, handed.run)
    found = merged(tmp_path).set_index("customer_id")
    assert found["clv_31"].dropna().to_dict() == {"a": 1.0, "b": 2.0}
    assert found["clv_33"].dropna().to_dict() == {"a": 9.0, "c": 3.0}
    assert found["total_spend"].to_dict() == {"a": 5.0, "b": 6.0, "c": 7.0}
    assert (found["as_of_31"] == "2020-06-30").all()
    assert (found["as_of_33"] == "2020-03-31").all()
    assert "clv" not in found
    assert "as_of" not in found


def test_data_sets_are_kept_apart_and_stale_ones_removed(handed, tmp_path):
    (tmp_path / "customers").mkdir()
    (tmp_path / "customers" / "old.csv").write_text("customer_id\n")
    (tmp_path / "customers" / "crm.csv").write_text("customer_id\n")  # not ours, so none of our business
    handed.run["customers"] = ["old.csv", "../shop.csv"]
    handed("21_cf", table(customer_id=["x"], n_items=[1]), name="../evil name")
    handed("31_clv", table(customer_id=["a"], clv=[1.0]))
    merge_customers(tmp_path, handed.run)
    names = sorted(path.name for path in (tmp_path / "customers").iterdir())
    assert names == [".._evil_name.csv", ".._evil_name.parquet", "crm.csv", "shop.csv", "shop.parquet"]


def test_failed_chapters_hand_nothing_over(handed, tmp_path):
    handed("31_clv", table(customer_id=["a"], clv=[1.0]), status="failed")
    assert merge_customers(tmp_path, handed.run) == []
    assert not (tmp_path / "customers").exists()


@pytest.mark.parametrize(
    "cell", ['=HYPERLINK("http://e.org")', "+1+1", "-1+1", "@SUM(A1)", "=1;x", "\t=1", "\r=1", "\n=1", "＝1+1", "-5"]
)
def test_owasp_csv_injection_cells_are_inert(tmp_path, cell):
    path = tmp_path / "a.csv"
    write_csv(pd.DataFrame({cell: [cell, "plain"], "number": [-1.5, 2.0]}), path)
    found = pd.read_csv(path, keep_default_na=False)
    for shown in (found.iloc[0, 0], found.columns[0]):
        assert shown[0] == "'"
        assert shown.replace("'", "") == cell
    assert found.iloc[1, 0] == "plain"
    assert found["number"].tolist() == [-1.5, 2.0]  # a number is no text


@pytest.mark.parametrize("cell", ["tea;=1+1", "tea\n=1+1", "tea\r\n@SUM(A1)", "a;b;-1+1"])
def test_a_cell_that_begins_only_where_semicolons_separate_is_inert_too(tmp_path, cell):
    path = tmp_path / "a.csv"
    write_csv(pd.DataFrame({"item_text": [cell]}), path)
    text = path.read_text(encoding="utf-8-sig")
    assert not [piece for piece in re.split(r"[;,\r\n]", text) if re.match(r"[\"]?[=+@-]", piece)]


def test_categories_and_objects_are_text_too(tmp_path):
    path = tmp_path / "a.csv"
    frame = pd.DataFrame({"c": pd.Categorical(["=1", "x"]), "o": pd.Series(["@a", None], dtype=object)})
    write_csv(frame, path)
    assert path.read_text(encoding="utf-8-sig").splitlines() == ["c,o", "'=1,'@a", "x,"]


def test_the_table_itself_is_not_changed(tmp_path):
    frame = pd.DataFrame({"a": ["=1"]})
    write_csv(frame, tmp_path / "a.csv")
    assert frame["a"].tolist() == ["=1"]


@pytest.mark.parametrize("text", ["", "plain", "a=b", "1-2", "喵", "a; b", "one\ntwo"])
def test_harmless_text_stays(text):
    assert inert(text) == text


def test_customers_of_two_logs_of_one_name_are_not_merged(handed, tmp_path):
    handed("31_clv", table(customer_id=["a"], clv=[1.0]), sha256="one")
    handed("41_retention", table(customer_id=["a"], clv=[2.0]), sha256="two")
    merge_customers(tmp_path, handed.run)
    assert merged(tmp_path)["clv"].tolist() == [1.0]
    assert merged(tmp_path, "shop-2")["clv"].tolist() == [2.0]


def test_two_chapters_that_agree_with_a_third_and_not_with_each_other_are_told_apart(handed, tmp_path):
    handed("31_clv", table(customer_id=["a"], clv=[1.0]))
    handed("32_btyd", table(customer_id=["a", "b"], clv=[1.0, 2.0]))
    handed("33_supervised", table(customer_id=["a", "b"], clv=[1.0, 3.0]))
    merge_customers(tmp_path, handed.run)
    found = merged(tmp_path).set_index("customer_id")
    assert found.loc["b", ["clv_32", "clv_33"]].tolist() == [2.0, 3.0]


def test_models_are_kept_by_data_set_and_by_chapter_where_there_are_two(handed, tmp_path):
    for stem, name in (("31_clv", "shop"), ("32_btyd", "other"), ("33_more", "other")):
        handed(stem, table(customer_id=["a"], clv=[1.0]), name=name)
        give_model(tmp_path, stem, {"from": stem})
    handed("41_retention", table(customer_id=["a"], clv=[1.0]))
    handed.run["models"] = ["shop.json", "gone.json", "../run.json"]
    (tmp_path / "models").mkdir()
    for name in ("gone.json", "mine.json"):
        (tmp_path / "models" / name).write_text("{}")
    (tmp_path / "run.json").write_text("{}")
    written = merge_models(tmp_path, handed.run)
    assert [path.name for path in written] == ["shop.json", "other_32.json", "other_33.json"]
    found = {path.name: json.loads(path.read_text()) for path in (tmp_path / "models").iterdir()}
    assert found == {
        "shop.json": {"from": "31_clv"},
        "other_32.json": {"from": "32_btyd"},
        "other_33.json": {"from": "33_more"},
        "mine.json": {},
    }
    assert (tmp_path / "run.json").exists()


def test_a_hand_over_of_an_earlier_version_has_no_model(handed, tmp_path):
    handed("31_clv", table(customer_id=["a"], clv=[1.0]))
    assert merge_models(tmp_path, handed.run) == []
    assert not (tmp_path / "models").exists()


def give_model(tmp_path, stem, content):
    folder = tmp_path / "handover" / stem
    (folder / "model.json").write_text(json.dumps(content))
    document = json.loads((folder / "handover.json").read_text()) | {"model": "model.json"}
    (folder / "handover.json").write_text(json.dumps(document))


def give_lists(tmp_path, stem, table):
    folder = tmp_path / "handover" / stem
    table.to_parquet(folder / "lists.parquet")
    document = json.loads((folder / "handover.json").read_text()) | {"lists": "lists.parquet", "horizon_days": 28}
    (folder / "handover.json").write_text(json.dumps(document))


def test_issue_4_lists_are_written_by_chapter_and_inert_in_a_spreadsheet(handed, tmp_path):
    for stem in ("21_cf", "22_content", "31_clv"):
        handed(stem, table(customer_id=["a"], clv=[1.0]))
    hostile = "customers who bought tea;=1+1 also bought this"
    first = table(
        customer_id=["=1", "b"], rank=[1, 1], item_id=["@x", "y"], reason=hostile, expected_margin=[-0.5, 2.0]
    )
    give_lists(tmp_path, "21_cf", first)
    give_lists(tmp_path, "22_content", first.tail(1))
    (tmp_path / "lists").mkdir()
    for name in ("gone.csv", "mine.csv"):
        (tmp_path / "lists" / name).write_text("")
    handed.run["lists"] = ["gone.csv"]
    written = merge_lists(tmp_path, handed.run)
    names = [f"{stem}.{kind}" for stem in ("21_cf", "22_content") for kind in ("parquet", "csv")]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in (tmp_path / "lists").iterdir()) == sorted([*names, "mine.csv"])
    found = pd.read_parquet(tmp_path / "lists" / "21_cf.parquet")
    added = {"currency": "EUR", "as_of": "2020-06-30", "horizon_days": 28, "run_id": "r1"}
    pd.testing.assert_frame_equal(found, first.assign(**added))
    shown = pd.read_csv(tmp_path / "lists" / "21_cf.csv")
    assert shown.loc[0, ["customer_id", "item_id"]].tolist() == ["'=1", "'@x"]
    assert shown.loc[0, "reason"] == hostile.replace(";=", ";'=")
    assert shown["expected_margin"].tolist() == [-0.5, 2.0]


def test_money_of_lists_is_to_the_cent_for_people_and_whole_for_programs(handed, tmp_path):
    handed("21_cf", table(customer_id=["a"], clv=[1.0]))
    margins = [6.2749999999, -0.001, 1234567.5, -2.5]
    give_lists(tmp_path, "21_cf", table(customer_id=list("abcd"), rank=1, expected_margin=margins))
    merge_lists(tmp_path, handed.run)
    shown = pd.read_csv(tmp_path / "lists" / "21_cf.csv", dtype="str")
    assert shown["expected_margin"].tolist() == ["6.27", "0.00", "1234567.50", "-2.50"]
    assert pd.read_parquet(tmp_path / "lists" / "21_cf.parquet")["expected_margin"].tolist() == margins


def test_chapters_without_lists_leave_no_folder(handed, tmp_path):
    handed("31_clv", table(customer_id=["a"], clv=[1.0]))
    handed("21_cf", table(customer_id=["a"], n=[1]), status="failed")
    give_lists(tmp_path, "21_cf", table(customer_id=["a"]))
    assert merge_lists(tmp_path, handed.run) == []
    assert not (tmp_path / "lists").exists()


def test_text_that_is_looked_at_all_at_once_is_mended_like_every_single_cell(tmp_path):
    cells = [
        "=1",
        "a;+1",
        "tea",
        "",
        "a\n-1",
        "a\r@x",
        "a=1",
        ";;=1",
        "＝1",
        "x;＠y",
        "\t1",
        "caf\u00e9;\u2028=1",
        "a;\n=1",
        "-5",
    ]
    path = tmp_path / "a.csv"
    for dtype in ("str", "object", "category"):
        write_csv(pd.DataFrame({"text": pd.Series([*cells, None], dtype=dtype)}), path)
        found = pd.read_csv(path, keep_default_na=False, lineterminator=None)["text"].tolist()
        assert found == [*map(inert, cells), ""]
