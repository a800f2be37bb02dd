import pytest

from clvlib.datasets import load_cdnow


@pytest.fixture(scope="module")
def sample():
    return load_cdnow()


def test_sample_is_that_of_fader_hardie_lee_2005(sample):
    lines = sample.lines
    assert (len(lines), lines["customer_id"].nunique()) == (6919, 2357)
    assert lines["amount"].sum() == pytest.approx(244_091.94, abs=0.005)
    assert (str(lines["timestamp"].min().date()), str(lines["timestamp"].max().date())) == ("1997-01-01", "1998-06-30")


def test_full_cohort_has_23570_customers():
    full = load_cdnow(sample=False)
    assert (len(full.lines), full.lines["customer_id"].nunique()) == (69_659, 23_570)
    assert full.lines["amount"].sum() == pytest.approx(2_500_315.63, abs=0.005)
    assert full.source.name == "cdnow_full"


def test_everybody_first_buys_in_the_first_quarter_of_1997(sample):
    # the definition of the cohort in Fader and Hardie (2001)
    first = sample.lines.groupby("customer_id")["timestamp"].min()
    assert first.max() < first.min().replace(month=4, day=1)


def test_21_exact_duplicates_and_8_lines_of_zero_dollars_stay_in(sample):
    lines = sample.lines
    assert lines.duplicated().sum() == 21
    assert (lines["amount"] == 0).sum() == 8
    notes = sample.ledger.notes.set_index("note")["lines"]
    assert notes["exact duplicates of an earlier line"] == 21
    assert notes["lines with an amount of zero"] == 8
    assert sample.ledger.rejected.empty


def test_946_customers_come_back_in_39_weeks_as_in_fader_hardie_lee_2005(sample):
    # published for the calibration period to 1997-09-30: 946 of 2,357 bought on another day than their first
    days = sample.lines[sample.lines["timestamp"] < "1997-10-01"].drop_duplicates(["customer_id", "timestamp"])
    assert (days["customer_id"].value_counts() > 1).sum() == 946


def test_sample_is_a_part_of_the_full_file(sample):
    full = load_cdnow(sample=False).lines
    same = full[full["customer_id"].isin(sample.lines["customer_id"])]
    columns = ["customer_id", "timestamp", "quantity", "amount"]
    ours, theirs = (frame[columns].sort_values(columns, ignore_index=True) for frame in (sample.lines, same))
    assert ours.equals(theirs)


def test_source_says_real_and_has_the_file_hash(sample):
    assert sample.source.kind == "real"
    assert sample.label == "CDNOW 1/10 sample - real customers"
    assert sample.source.sha256.startswith("6fae1015")
    assert sample.currency == "USD"
