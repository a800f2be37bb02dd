"""Options that mean nothing are refused before a line is read."""

import pandas as pd
import pytest

from clvlib.transactions import LogError, read_transactions

LOG = pd.DataFrame({"customer_id": ["1"], "timestamp": "2011-12-09", "amount": [1.0]})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"returns": "drop"}, "returns='drop' is not known. Remedy: say one of 'net', 'apart', 'reject'"),
        ({"duplicates": True}, "duplicates=True"),
        ({"zero_amounts": "drop"}, "zero_amounts='drop'"),
        ({"date_format": []}, "date_format is empty"),
        ({"currency": "euro"}, "currency='euro' is no ISO 4217 code"),
        ({"rates": {"USD": 0.9}}, "not the currency they lead to"),
        ({"currency": "EUR", "rates": {"USD": "0,9"}}, "rates has '0,9' for 'USD'"),
        ({"currency": "EUR", "rates": {"USD": float("nan")}}, "rates has nan"),
        ({"currency": "EUR", "rates": {"USD": 0}}, "rates has 0"),
        ({"decimal": ",", "thousands": ","}, "do not go together"),
        ({"decimal": ""}, "do not go together"),
        ({"as_of": "tomorrowish"}, "as_of='tomorrowish' is no date"),
        ({"as_of": "NaT"}, "as_of='NaT' is no date"),
        ({"date_format": "%Q"}, "date_format='%Q' says nothing"),
        ({"date_format": "mixed"}, "date_format='mixed' says nothing"),  # pandas would guess
        ({"cancellations": "("}, "no regular expression"),
        ({"cancellations": "(?=C)"}, "no regular expression"),  # Python's, and not the one that is used
        ({"max_rejected_share": 50}, "no share"),
        ({"timezone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
    ],
)
def test_a_meaningless_option_is_refused(options, told):
    with pytest.raises(LogError) as caught:
        read_transactions(LOG, **options)
    assert told in str(caught.value)


def test_as_of_with_an_offset_is_converted_to_the_ledgers_zone():
    log = LOG.assign(timestamp="2011-12-09 12:30")
    as_of = pd.Timestamp("2011-12-09 12:00", tz="UTC")
    assert len(read_transactions(log, as_of=as_of, timezone="Europe/Berlin").lines) == 1  # 13:00 in Berlin
    with pytest.raises(LogError, match="future"):
        read_transactions(log, as_of=as_of)
