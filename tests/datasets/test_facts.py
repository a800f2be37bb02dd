import hashlib

import pandas as pd

from clvlib.datasets import AVAILABLE, Dataset, Source
from clvlib.datasets.facts import compare, facts, manifest
from clvlib.transactions import read_transactions


def log(**changes):
    frame = pd.DataFrame(
        {
            "customer_id": ["b", "a", None],
            "timestamp": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]),
            "amount": [1.0, -2.5, 4.0],
            "order_id": ["1", "2", "3"],
        }
    )
    return Dataset(Source("till", "Our till", "own", sha256="f00"), read_transactions(frame.assign(**changes)))


def test_facts_cover_customers_and_guests():
    found = facts(log())
    assert (found["lines"], found["guests"], found["amount"], found["sha256"]) == (3, 1, "2.50", "f00")
    assert (found["first"], found["last"]) == ("2024-01-01 00:00:00", "2024-01-03 00:00:00")
    assert (found["customer_ids"], found["order_ids"]) == (2, 3)
    assert "item_ids" not in found


def test_digest_is_sha256_of_the_sorted_ids():
    assert facts(log())["customer_digest"] == hashlib.sha256(b"a\nb").hexdigest()[:16]


def test_one_changed_id_or_cent_is_seen():
    expected = {"now": facts(log())}
    assert compare(facts(log()), expected)["ok"].all()
    for change in ({"customer_id": ["b", "c", None]}, {"amount": [1.0, -2.49, 4.0]}, {"order_id": ["1", "2", "2"]}):
        assert not compare(facts(log(**change)), expected)["ok"].all()


def test_compare_takes_the_nearest_version():
    versions = {"old": {"lines": 1, "amount": "1.00"}, "new": {"lines": 2, "amount": "1.00"}}
    table = compare({"lines": 2, "amount": "9.00"}, versions)
    assert set(table["version"]) == {"new"}
    assert table["ok"].tolist() == [True, False]


def test_manifest_names_every_set_that_is_not_simulated():
    assert set(manifest()) == {name for name, entry in AVAILABLE.items() if entry.kind != "simulated"}
