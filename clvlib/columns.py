"""The vocabulary: the name, dtype, unit and meaning of every column in the house.

A shop's own names are translated once, in :func:`clvlib.transactions.read_transactions`; inside the house
every table uses these names and no function takes a column's name as an argument.
"""

from typing import NamedTuple

__all__ = ["COLUMNS", "OPTIONAL", "REQUIRED", "Column"]


class Column(NamedTuple):
    """One column: ``dtype`` as pandas prints it, ``unit`` in words, ``meaning`` in one sentence."""

    name: str
    dtype: str
    unit: str
    meaning: str


_LOG = [
    Column("customer_id", "str", "", "Who bought; text, so that leading zeros survive."),
    Column("timestamp", "datetime64[us]", "the ledger's time zone", "When the line was bought."),
    Column("amount", "float64", "currency", "Line total after discounts; negative for a return."),
    Column("order_id", "str", "", "Basket the line belongs to."),
    Column("item_id", "str", "", "The item: the shop's own number of what was bought, or is offered."),
    Column("item_text", "str", "", "The item's description as the shop shows it."),
    Column("category", "str", "", "The shop's own grouping of items."),
    Column("quantity", "float64", "pieces", "How many; negative for a return."),
    Column("unit_price", "float64", "currency per piece", "Price of one piece before discount."),
    Column("discount", "float64", "currency", "Discount on the line, as a positive number."),
    Column("unit_cost", "float64", "currency per piece", "What one piece costs the shop."),
    Column("currency", "str", "ISO 4217", "Currency of the line, where the log mixes several."),
]

_SUMMARY = [
    Column("frequency", "float64", "purchase days", "Number of repeat purchase days, x."),
    Column("recency", "float64", "time_unit", "Age at the last purchase, t_x."),
    Column("T", "float64", "time_unit", "Age at the end of calibration."),
    Column("monetary_value", "float64", "currency", "Mean value of a repeat purchase day."),
    Column("time_unit_days", "float64", "days", "Length of the time unit of recency and T; a week is 7."),
    Column("n_opportunities", "float64", "opportunities", "Chances to buy since the first purchase, n."),
    Column("period", "int64", "contract periods", "Age of a contractual cohort, 1 is the first renewal."),
    Column("survivors", "float64", "customers", "How many of a cohort are still under contract after a period."),
    Column("holdout_frequency", "float64", "purchase days", "Number of purchase days in the holdout."),
    Column("holdout_amount", "float64", "currency", "Sum of amounts in the holdout, returns deducted."),
    Column("holdout_days", "float64", "days", "Length of the holdout."),
    Column("days_since_last_purchase", "float64", "days", "From the last purchase to the cut."),
    Column("total_spend", "float64", "currency", "Sum of amounts up to the cut."),
]

_PREDICTIONS = [
    Column("rating", "float64", "the scale of the ratings", "An explicit rating; a pair without a row is missing."),
    Column("rank", "int64", "", "Place in a top-N list, 1 is best."),
    Column("block", "str", "", "Part of the customer's list, such as what to buy again; ranks go on over all."),
    Column("reason", "str", "", "Why the item is on the customer's list, in words."),
    Column("probability_purchase", "float64", "share", "Probability that a listed item is bought within the horizon."),
    Column("margin", "float64", "currency", "Amount less the cost of goods, or the margin rate's share of it."),
    Column(
        "expected_margin",
        "float64",
        "currency",
        "Margin expected from the customer on the listed item within the horizon, much of it without the list too.",
    ),
    Column("probability_alive", "float64", "share", "Probability of still being a customer at the cut."),
    Column("lifecycle_stage", "str", "", "Furthest milestone reached, from acquisition to referral, by stated rules."),
    Column("lifecycle_state", "str", "", "What the customer does now: new, active, dormant, reactivated or prospect."),
    Column("recency_score", "int64", "1 to 5", "Fifth of the customers by days since the last purchase; 5 is latest."),
    Column("frequency_score", "int64", "1 to 5", "Fifth of the customers by repeat purchases; 5 is most."),
    Column("monetary_score", "int64", "1 to 5", "Fifth of the customers by what they spend; 5 is most."),
    Column("rfm", "str", "", "The three scores in a row: recency, frequency, monetary value; 555 is best."),
    Column(
        "segment",
        "str",
        "",
        "Named by the RFM scores, best first: champions, loyal, potential loyalists, new, promising, needs attention, "
        "about to sleep, cannot lose, at risk, hibernating, lost.",
    ),
    Column("cluster", "int64", "", "Group that a clustering found, 0 spends most; -1 is in no cluster."),
    Column("tier", "str", "", "VIP, regular or potential, by predicted value and the thresholds the page states."),
    Column("contact", "bool", "", "Whether the chapter's rule asks for a contact, at the effect assumed on its page."),
    Column("expected_profit", "float64", "currency", "Margin of a contact less its cost, at that effect."),
    Column("expected_purchases", "float64", "purchase days", "Expected number within the horizon."),
    Column("expected_spend", "float64", "currency per purchase day", "Expected value of one purchase day."),
    Column("expected_amount", "float64", "currency", "Expected sum of amounts within the horizon, undiscounted."),
    Column("amount_p05", "float64", "currency", "5 % quantile of the predictive distribution of the amount."),
    Column("amount_p95", "float64", "currency", "95 % quantile of the predictive distribution of the amount."),
    Column("clv", "float64", "currency", "Discounted mean value; rate, margin and horizon are those of the run."),
    Column("clv_p05", "float64", "currency", "Lower end of the 90 % interval of the clv: its 5 % quantile."),
    Column("clv_p95", "float64", "currency", "Upper end of the 90 % interval; the clv, a mean, can lie above it."),
]

#: Every column of the house by name.
COLUMNS: dict[str, Column] = {column.name: column for column in _LOG + _SUMMARY + _PREDICTIONS}
#: A transaction log must have these three.
REQUIRED: tuple[str, ...] = ("customer_id", "timestamp", "amount")
#: A transaction log may have these.
OPTIONAL: tuple[str, ...] = tuple(column.name for column in _LOG if column.name not in REQUIRED)
