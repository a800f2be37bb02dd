"""Every bad log of issue 2, section 5, at the door: a message that helps, and nothing lost."""

import importlib.metadata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clvlib.transactions import LogError, read_transactions

GOOD = "customer_id,timestamp,amount\n00042,2011-12-09 12:50,3.50\n7,2011-12-08,10.00\n"


def write(tmp_path, text, name="shop.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def refused(source, *args, **options):
    with pytest.raises(LogError) as caught:
        read_transactions(source, *args, **options)
    message = str(caught.value)
    assert "Remedy: " in message
    assert "\n" not in message.split("Remedy")[0]
    return message, caught.value.ledger


def accounted(ledger, lines):
    """Every line that stands in the source is in exactly one part."""
    parts = [ledger.lines, ledger.guests, ledger.returns, ledger.rejected]
    assert sum(map(len, parts)) == lines == ledger.reconciliation["lines"].iloc[0]
    table = ledger.reconciliation
    assert table["lines"].iloc[1:].sum() == lines
    assert round(table["amount"].iloc[1:].sum(), 2) == round(table["amount"].iloc[0], 2)


def test_a_good_csv_is_read_in_the_vocabulary(tmp_path):
    ledger = read_transactions(write(tmp_path, GOOD))
    assert ledger.lines["customer_id"].tolist() == ["7", "00042"]  # sorted by time; leading zeros survive
    assert ledger.lines.dtypes.astype(str).tolist() == ["str", "datetime64[us]", "float64"]
    assert ledger.currency == "XXX"
    accounted(ledger, 2)


def test_missing_file(tmp_path):
    write(tmp_path, GOOD, name="shop_2011.csv")
    message, _ = refused(tmp_path / "shop.csv")
    assert "shop.csv" in message
    assert "no such file" in message
    assert "shop_2011.csv" in message


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_empty_file(tmp_path, text):
    message, _ = refused(write(tmp_path, text))
    assert message.startswith("shop.csv: the file is empty (")


@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx", "frame"])
def test_header_only(tmp_path, suffix):
    frame = pd.DataFrame({"customer_id": [], "timestamp": [], "amount": []})
    path = tmp_path / f"shop.{suffix}"
    match suffix:
        case "csv":
            frame.to_csv(path, index=False)
        case "parquet":
            frame.to_parquet(path)
        case "xlsx":
            frame.to_excel(path, index=False)
        case _:
            path = frame
    message, _ = refused(path)
    assert "a header (3 columns) and not one line" in message


def test_missing_column_names_the_nearest_one_and_the_lines(tmp_path):
    message, _ = refused(write(tmp_path, "CustomerID,timestamp,amount\n1,2011-12-09,3\n2,2011-12-09,3\n"))
    assert "'customer_id'" in message
    assert "columns={'CustomerID': 'customer_id'}" in message
    assert "2 data lines" in message


def test_a_mapping_that_names_no_column_of_the_file_says_which_was_meant(tmp_path):
    message, _ = refused(write(tmp_path, "Client No,timestamp,amount\n1,2011-12-09,3\n"), {"Client No.": "customer_id"})
    assert "'Client No.'" in message
    assert "write 'Client No'" in message


def test_a_mapping_to_a_misspelt_column_of_ours_says_which_was_meant(tmp_path):
    message, _ = refused(write(tmp_path, GOOD), {"customer_id": "costumer_id"})
    assert "write 'customer_id'" in message


def test_a_column_mapped_twice(tmp_path):
    text = "customer_id,timestamp,Net,Gross\n1,2011-12-09,3,4\n"
    message, _ = refused(write(tmp_path, text), {"Net": "amount", "Gross": "amount"})
    assert "'Net' and 'Gross'" in message
    assert "'amount'" in message


def test_a_mapped_column_beside_one_with_our_name_is_ambiguous_until_it_is_left_out(tmp_path):
    path = write(tmp_path, "customer_id,timestamp,amount,Total\n1,2011-12-09,3,4\n")
    message, _ = refused(path, {"Total": "amount"})
    assert "columns={'amount': None}" in message
    assert read_transactions(path, {"Total": "amount", "amount": None}).lines["amount"].tolist() == [4.0]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "frame"])
def test_a_header_that_has_a_needed_column_twice(tmp_path, kind):
    log = pd.DataFrame([["1", "2011-12-09", 3, 4]], columns=["customer_id", "timestamp", "amount", "amount"])
    path = tmp_path / f"shop.{kind}"
    if kind != "frame":
        getattr(log, {"csv": "to_csv", "xlsx": "to_excel"}[kind])(path, index=False)
    message, _ = refused(log if kind == "frame" else path)
    assert "'amount' twice" in message


def test_a_customer_column_full_of_blanks(tmp_path):
    rows = "".join(f"{blank},2011-12-09,1.50\n" for blank in ("", "  ", "NULL", "nan"))
    message, ledger = refused(write(tmp_path, "Client,timestamp,amount\n" + rows), {"Client": "customer_id"})
    assert "'Client' (customer_id) is blank in all 4 lines" in message
    assert len(ledger.guests) == 4  # refused, and still there
    assert ledger.reconciliation["amount"].iloc[0] == 6.0


def test_text_in_a_price_column_on_row_7001_only(tmp_path):
    rows = [f"{i % 50},2011-12-09,2.50\n" for i in range(9_000)]
    rows[6_999] = "9,2011-12-09,n/k\n"
    ledger = read_transactions(write(tmp_path, "customer_id,timestamp,amount\n" + "".join(rows)))
    assert ledger.rejected["row"].tolist() == [7_001]
    assert ledger.rejected["reason"].tolist() == ["amount is not a number (money unknown, counted as 0)"]
    assert ledger.rejected["amount"].tolist() == ["n/k"]  # as read
    assert "row 7,001" in ledger.report()
    accounted(ledger, 9_000)
    assert ledger.lines["amount"].sum() == 2.5 * 8_999


def test_dates_in_two_formats_are_rejected_with_the_format_that_reads_them(tmp_path):
    text = "customer_id,timestamp,amount\n1,2011-12-09,3\n2,31/12/2010,4\n3,13/01/2011,5\n"
    path = write(tmp_path, text)
    ledger = read_transactions(path, max_rejected_share=1)
    assert ledger.rejected["row"].tolist() == [3, 4]
    assert "%d/%m/%Y" in ledger.notes["note"].str.cat()
    both = read_transactions(path, date_format=["ISO8601", "%d/%m/%Y"])
    assert both.lines["timestamp"].dt.strftime("%Y-%m-%d").tolist() == ["2010-12-31", "2011-01-13", "2011-12-09"]


def test_a_log_whose_every_date_is_in_another_format_is_refused_with_the_option_that_helps(tmp_path):
    message, ledger = refused(write(tmp_path, "customer_id,When,amount\n1,31/12/2010 8:05,4\n"), {"When": "timestamp"})
    assert "none of 1 lines can be kept" in message
    assert "'When'" in message
    assert "date_format='%d/%m/%Y %H:%M'" in message
    assert len(ledger.rejected) == 1


def test_a_log_misread_for_the_greater_part_is_refused_with_the_remedy_until_the_loss_is_accepted(tmp_path):
    rows = "".join(f"7,{day:02d}/03/2011,1.50\n" for day in range(1, 32))
    path = write(tmp_path, "customer_id,timestamp,amount\n" + rows)
    message, ledger = refused(path, date_format="%m/%d/%Y")  # days beyond the 12th give it away
    assert "19 of 31 lines would be rejected" in message
    assert "date_format='%d/%m/%Y' (reads 19 of 19 such lines)" in message
    assert "max_rejected_share=0.62" in message
    accounted(ledger, 31)
    assert len(read_transactions(path, date_format="%m/%d/%Y", max_rejected_share=0.62).lines) == 12


def test_what_a_policy_rejects_is_not_misread():
    log = pd.DataFrame({"customer_id": ["1"] * 5, "timestamp": "2011-12-09", "amount": [3.0, 3.0, 3.0, 0.0, 0.0]})
    ledger = read_transactions(log, duplicates="reject", zero_amounts="reject")
    assert len(ledger.rejected) == 4


def test_days_and_months_that_cannot_be_told_apart_are_said_to_be_so(tmp_path):
    message, _ = refused(write(tmp_path, "customer_id,timestamp,amount\n1,01/02/2010,4\n"))
    assert "cannot be told apart" in message


def test_future_dates_are_rejected_and_a_bare_date_means_its_whole_day(tmp_path):
    path = write(tmp_path, GOOD)
    assert read_transactions(path, as_of="2011-12-09").rejected.empty
    ledger = read_transactions(path, as_of="2011-12-09 12:00")
    assert ledger.rejected["reason"].tolist() == ["timestamp is in the future (after as_of)"]
    assert ledger.rejected["row"].tolist() == [2]
    accounted(ledger, 2)


def test_the_future_begins_now_unless_as_of_is_said():
    tomorrow = pd.Timestamp.now() + pd.Timedelta(days=2)
    log = pd.DataFrame({"customer_id": ["1", "2"], "timestamp": [tomorrow, "2020-01-01"], "amount": [1.0, 2.0]})
    assert read_transactions(log).rejected["row"].tolist() == [2]


@pytest.mark.parametrize(("encoding", "name"), [("cp1252", "Café"), ("gb18030", "咖啡")])
def test_a_wrong_encoding_names_the_row_and_an_encoding_that_reads_it(tmp_path, encoding, name):
    text = f"customer_id,timestamp,amount,item_text\n1,2011-12-09,3,tea\n2,2011-12-09,3,{name}\n"
    path = write(tmp_path, text, encoding=encoding)
    message, _ = refused(path)
    assert "row 3 is not utf-8" in message
    assert f"encoding='{encoding}' reads" in message
    assert name in message
    assert read_transactions(path, encoding=encoding).lines["item_text"].tolist() == ["tea", name]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    assert len(read_transactions(write(tmp_path, GOOD, encoding="utf-8-sig")).lines) == 2


def test_utf16_is_recognised_by_its_mark(tmp_path):
    path = write(tmp_path, GOOD, encoding="utf-16")
    message, _ = refused(path)
    assert "encoding='utf-16'" in message
    assert len(read_transactions(path, encoding="utf-16").lines) == 2


def test_semicolons_and_decimal_commas_are_recognised_and_read_once_said(tmp_path):
    path = write(tmp_path, "customer_id;timestamp;amount\n1;2011-12-09;12,50\n2;2011-12-09;1.234,56\n3;2011-12-09;7\n")
    message, _ = refused(path)
    assert "separator=';'" in message
    assert "decimal=','" in message
    assert "3 data lines" in message
    commas = write(tmp_path, "customer_id;timestamp;amount\n1;2011-12-09;12,50\n", name="commas.csv")
    message, _ = refused(commas, separator=";")
    assert "decimal=','" in message
    ledger = read_transactions(path, separator=";", decimal=",")
    assert ledger.lines["amount"].tolist() == [12.5, 7.0]
    assert ledger.rejected["amount"].tolist() == ["1.234,56"]  # a point is not quietly taken for anything
    ledger = read_transactions(path, separator=";", decimal=",", thousands=".")
    assert ledger.lines["amount"].tolist() == [12.5, 1234.56, 7.0]


def ten_percent_twice():
    log = pd.DataFrame(
        {
            "customer_id": np.arange(1_000) % 90,
            "timestamp": "2011-12-09",
            "amount": np.arange(1_000) / 4,
            "item_id": "tea",
        }
    )
    return pd.concat([log, log.iloc[::10]], ignore_index=True)


def test_ten_percent_duplicates_are_kept_counted_and_shown_by_default():
    ledger = read_transactions(ten_percent_twice())
    assert len(ledger.lines) == 1_100
    note = ledger.notes.set_index("note").loc["exact duplicates of an earlier line"]
    assert note["lines"] == 100
    assert note["amount"] == sum(i / 4 for i in range(0, 1_000, 10))


def test_duplicates_are_rejected_on_demand_with_their_rows():
    ledger = read_transactions(ten_percent_twice(), duplicates="reject")
    assert ledger.rejected["row"].tolist() == list(range(1_002, 1_102))  # the later ones
    assert ledger.rejected["item_id"].eq("tea").all()
    accounted(ledger, 1_100)


def test_lines_that_differ_in_one_read_column_are_no_duplicates():
    log = ten_percent_twice().assign(quantity=np.arange(1_100))
    assert read_transactions(log).notes.query("note.str.contains('duplicate')").empty


@pytest.mark.parametrize("returns", ["net", "apart"])
def test_only_returns(returns):
    log = pd.DataFrame({"customer_id": ["1", "2"], "timestamp": "2011-12-09", "Sum": [-3.0, -4.5]})
    message, ledger = refused(log, {"Sum": "amount"}, returns=returns)
    assert "'Sum' (amount)" in message
    assert "2 returns" in message
    assert ledger.reconciliation["amount"].iloc[0] == -7.5


def test_returns_policies_never_drop_a_line():
    log = pd.DataFrame(
        {
            "customer_id": ["1", "2", None, "3", "4"],
            "timestamp": "2011-12-09",
            "order_id": ["1", "2", "3", "C4", "5"],
            "quantity": [1, -2, -1, 1, 0],
            "unit_price": [5.0, 3.0, 1.0, 2.0, 9.0],
        }
    )
    net = read_transactions(log)
    assert net.lines["amount"].tolist() == [5.0, -6.0, 2.0, 0.0]
    apart = read_transactions(log, returns="apart", cancellations="^C")
    assert apart.lines["amount"].tolist() == [5.0, 0.0]
    assert apart.returns["amount"].tolist() == [-6.0, 2.0]
    reject = read_transactions(log, returns="reject", cancellations="^C", zero_amounts="reject")
    assert reject.rejected["row"].tolist() == [3, 4, 5, 6]
    for ledger in (net, apart, reject):
        accounted(ledger, 5)
        assert ledger.reconciliation["amount"].iloc[0] == 0.0


def test_a_single_customer_is_a_ledger_with_a_note():
    log = pd.DataFrame({"customer_id": ["1"] * 3, "timestamp": "2011-12-09", "amount": [1.0, 2.0, 3.0]})
    ledger = read_transactions(log)
    assert len(ledger.lines) == 3
    assert "a single one" in ledger.notes["note"].str.cat()


def test_a_customer_with_100_000_orders_is_kept_and_pointed_out():
    customers = np.concatenate([np.arange(50), np.full(100_000, 77)])
    log = pd.DataFrame(
        {"customer_id": customers, "timestamp": "2011-12-09", "order_id": np.arange(100_050), "amount": 1.5}
    )
    ledger = read_transactions(log)
    assert len(ledger.lines) == 100_050
    note = ledger.notes[ledger.notes["note"].str.contains("more than a tenth")]
    assert note[["lines", "amount"]].to_numpy().tolist() == [[100_000, 150_000.0]]


def two_currencies():
    return pd.DataFrame(
        {
            "customer_id": ["1", "2", "3"],
            "timestamp": "2011-12-09",
            "amount": [10.0, 20.0, 30.0],
            "Cur": ["EUR", "usd", "EUR"],
        }
    )


def test_two_currencies_are_refused_without_rates():
    message, _ = refused(two_currencies(), {"Cur": "currency"})
    assert "'Cur' (currency) has EUR (2 lines), USD (1 lines)" in message
    assert "rates={'USD'" in message


def test_two_currencies_are_one_with_rates():
    ledger = read_transactions(two_currencies(), {"Cur": "currency"}, currency="EUR", rates={"USD": 0.9})
    assert ledger.lines["amount"].tolist() == [10.0, 18.0, 30.0]
    assert ledger.currency == "EUR"
    assert "currency" not in ledger.lines
    accounted(ledger, 3)


def test_a_rate_table_must_have_every_currency():
    message, _ = refused(two_currencies(), {"Cur": "currency"}, currency="EUR", rates={"CHF": 1.0})
    assert "no entry for 'USD'" in message


def test_a_stated_currency_must_be_the_one_in_the_log():
    log = two_currencies().query("Cur == 'EUR'")
    assert read_transactions(log, {"Cur": "currency"}).currency == "EUR"
    message, _ = refused(log, {"Cur": "currency"}, currency="GBP")
    assert "currency='GBP' is stated" in message


@pytest.mark.parametrize("kind", ["frame", "csv"])
def test_nan_and_infinite_prices_are_rejected_and_counted_as_no_money(tmp_path, kind):
    log = pd.DataFrame(
        {"customer_id": list("12345"), "timestamp": "2011-12-09", "amount": [1.0, np.nan, np.inf, -np.inf, 1e13]}
    )
    if kind == "csv":
        log.to_csv(tmp_path / "shop.csv", index=False, na_rep="NaN")
    ledger = read_transactions(log if kind == "frame" else tmp_path / "shop.csv", max_rejected_share=1)
    assert ledger.rejected["row"].tolist() == [3, 4, 5, 6]
    reasons = ledger.rejected["reason"].tolist()
    assert ["missing" in reasons[0], "infinite" in reasons[1], "infinite" in reasons[2], "beyond" in reasons[3]] == [
        True
    ] * 4
    assert all("money unknown, counted as 0" in reason for reason in reasons)
    assert ledger.reconciliation["amount"].tolist()[:2] == [1.0, 1.0]
    accounted(ledger, 5)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '=HYPERLINK("http://x","y")', "@cmd", "Tee, grün"])
def test_a_products_name_is_text_whatever_it_says(tmp_path, name):
    quoted = '"' + name.replace('"', '""') + '"'
    text = f"customer_id,timestamp,amount,item_text\n1,2011-12-09,3,{quoted}\n2,2011-12-09,oops,{quoted}\n"
    ledger = read_transactions(write(tmp_path, text))
    assert ledger.lines["item_text"].tolist() == [name]
    assert ledger.rejected["item_text"].tolist() == [name]


def test_a_customer_id_that_was_read_as_a_float_loses_its_point_zero():
    log = pd.DataFrame({"customer_id": [12345.0, None, 7.0], "timestamp": "2011-12-09", "amount": [1.0, 2.0, 3.0]})
    ledger = read_transactions(log)
    assert ledger.lines["customer_id"].tolist() == ["12345", "7"]
    assert ledger.guests["amount"].tolist() == [2.0]
    text = read_transactions(log.astype({"customer_id": "str"}))
    assert text.lines["customer_id"].tolist() == ["12345", "7"]


def test_customer_ids_that_have_lost_digits_are_rejected_since_two_may_be_one():
    log = pd.DataFrame({"customer_id": ["1.23457E+11", "7"], "timestamp": "2011-12-09", "amount": [1.0, 2.0]})
    assert read_transactions(log).rejected["reason"].str.contains("lost digits").tolist() == [True]
    log["customer_id"] = [2.0**53 + 2, 7.0]
    assert read_transactions(log).rejected["row"].tolist() == [2]


def test_mixed_time_zones_become_one(tmp_path):
    text = (
        "customer_id,timestamp,amount\n1,2011-12-09T23:30:00+00:00,1\n2,2011-12-09T18:30:00-05:00,2\n"
        "3,2011-12-10T07:30:00Z,3\n4,2011-12-10 00:15,4\n"
    )
    ledger = read_transactions(write(tmp_path, text), timezone="Europe/Berlin")
    told = dict(zip(ledger.lines["customer_id"], ledger.lines["timestamp"].dt.strftime("%d %H:%M"), strict=True))
    assert told == {"1": "10 00:30", "2": "10 00:30", "3": "10 08:30", "4": "10 00:15"}
    assert ledger.timezone == "Europe/Berlin"
    note = ledger.notes[ledger.notes["note"].str.contains("offset")]
    assert note["lines"].tolist() == [3]


def test_aware_timestamps_of_a_frame_are_converted():
    when = pd.Series(pd.to_datetime(["2011-12-09 23:30", "2011-12-09 22:00"], utc=True))
    log = pd.DataFrame({"customer_id": ["1", "2"], "timestamp": when, "amount": 1.0})
    got = read_transactions(log, timezone="Asia/Shanghai").lines["timestamp"]
    assert got.dt.strftime("%d %H:%M").tolist() == ["10 06:00", "10 07:30"]


def test_an_unknown_time_zone_names_the_nearest():
    message, _ = refused(two_currencies(), timezone="Europe/Berln")
    assert "Europe/Berlin" in message


def test_amount_is_quantity_times_price_less_discount_where_there_is_none(tmp_path):
    header = "customer_id,timestamp,quantity,unit_price,discount\n"
    text = header + "1,2011-12-09,3,0.10,\n2,2011-12-09,2,5,1.5\n3,2011-12-09,,5,\n"
    ledger = read_transactions(write(tmp_path, text))
    assert ledger.lines["amount"].tolist() == [0.3, 8.5]
    assert ledger.rejected["reason"].tolist() == ["amount is missing or NaN (money unknown, counted as 0)"]


def test_several_reasons_of_a_row_are_all_said(tmp_path):
    ledger = read_transactions(write(tmp_path, GOOD + "8,gestern,viel\n"))
    reason = ledger.rejected["reason"].iloc[0]
    assert reason.split("; ") == [
        "timestamp is not a date in the format ISO8601",
        "amount is not a number (money unknown, counted as 0)",
    ]
    assert ledger.reconciliation["reason"].tolist()[-1] == reason


def test_cdnow_keeps_its_21_exact_duplicates_and_8_zero_dollar_lines():
    path = importlib.metadata.distribution("lifetimes").locate_file("lifetimes/datasets/CDNOW_sample.txt")
    names = ["master_id", "customer_id", "timestamp", "quantity", "amount"]
    log = pd.read_csv(path, sep=r"\s+", header=None, names=names, dtype="str")
    ledger = read_transactions(log, currency="USD")
    assert len(ledger.lines) == 6_919
    assert ledger.lines["customer_id"].nunique() == 2_357
    assert ledger.lines["customer_id"].iloc[0] == "0001"
    assert dict(zip(ledger.notes["note"], ledger.notes["lines"], strict=True)) == {
        "exact duplicates of an earlier line": 21,
        "lines with an amount of zero": 8,
    }


# ---- the identity, whatever the log ----------------------------------------------------------------------------

_value = st.one_of(
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: f"{x:.2f}"),
    st.sampled_from(["", "0", "nan", "inf", "-inf", "1e400", "abc", "1e12", "-3.333", "1,5", " 7 ", "<b>"]),
)
_line = st.tuples(
    st.sampled_from(["1", "2", "007", "", " ", "null", "3.0"]),
    st.sampled_from(["2011-12-09", "2011-12-09 10:00", "9.12.2011", "", "2999-01-01", "2011-12-09T10:00+02:00"]),
    _value,
    st.sampled_from(["1", "-1", "", "x"]),
)


@settings(max_examples=150, deadline=None)
@given(
    lines=st.lists(_line, min_size=1, max_size=30),
    returns=st.sampled_from(["net", "apart", "reject"]),
    duplicates=st.sampled_from(["keep", "reject"]),
    zero_amounts=st.sampled_from(["keep", "reject"]),
)
def test_lines_and_money_read_are_lines_and_money_accounted_for(lines, returns, duplicates, zero_amounts):
    log = pd.DataFrame(lines, columns=["customer_id", "timestamp", "amount", "quantity"], dtype="str")
    options = {"returns": returns, "duplicates": duplicates, "zero_amounts": zero_amounts}
    try:
        ledger = read_transactions(log, **options)
    except LogError as error:
        ledger = error.ledger
        if ledger is None:  # nothing but blank rows
            assert log.apply(lambda column: column.str.strip().eq("")).all(axis=None)
            return
    accounted(ledger, len(log) - log.apply(lambda column: column.str.strip().eq("")).all(axis=1).sum())
    assert ledger.rejected["row"].is_unique
    assert ledger.rejected["reason"].ne("").all()
    again = log.iloc[ledger.rejected["row"] - 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(ledger.rejected[list(log.columns)], again)  # raw rows, where the row number says


@settings(max_examples=40, deadline=None)
@given(amounts=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=200))
def test_money_is_exact_to_the_cent(amounts):
    log = pd.DataFrame({"customer_id": "1", "timestamp": "2011-12-09", "amount": [cents / 100 for cents in amounts]})
    try:
        table = read_transactions(log).reconciliation
    except LogError as error:
        table = error.ledger.reconciliation
    assert round(table["amount"].iloc[0] * 100) == sum(amounts)
