"""Two shops' visits, without their visitors: what happens in a session, of whoever it was.

Both sets record sessions and no customer, so nothing in them can be joined to a ledger, and no chapter on customers can
run on them. They say how often a visit comes as far as a product or a purchase, in *other* shops than the one whose
ledger stands beside them.
"""

from dataclasses import dataclass

import pandas as pd

from clvlib.datasets._session_files import SESSION_LOGS, read_sessions
from clvlib.datasets.dataset import Source

__all__ = ["SessionLog", "load_eshop_clicks", "load_online_shoppers"]


_SHOPPERS = {
    "Administrative": "administrative_pages",
    "Administrative_Duration": "administrative_seconds",
    "Informational": "informational_pages",
    "Informational_Duration": "informational_seconds",
    "ProductRelated": "product_pages",
    "ProductRelated_Duration": "product_seconds",
    "BounceRates": "bounce_rate",
    "ExitRates": "exit_rate",
    "PageValues": "page_value",
    "SpecialDay": "special_day",
    "Month": "month",
    "OperatingSystems": "operating_system",
    "Browser": "browser",
    "Region": "region",
    "TrafficType": "traffic_type",
    "VisitorType": "visitor_type",
    "Weekend": "weekend",
    "Revenue": "purchased",
}
_VISITORS = {"Returning_Visitor": "returning", "New_Visitor": "new", "Other": "other"}
_MONTHS = {"Feb": 2, "Mar": 3, "May": 5, "June": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12}
_CLICKS = {
    "session ID": "session_id",
    "order": "click",
    "country": "country_code",
    "page 1 (main category)": "category",
    "page 2 (clothing model)": "item_id",
    "colour": "colour",
    "location": "location",
    "model photography": "photography",
    "price": "unit_price",
    "price 2": "above_category_mean",
    "page": "page",
}
_CATEGORIES = {1: "trousers", 2: "skirts", 3: "blouses", 4: "sale"}


@dataclass(frozen=True)
class _SessionSource(Source):
    """A source whose label says sessions, wherever a page prints it: "real customers" would be wrong here."""

    @property
    def label(self) -> str:
        return f"{self.title} - {self.kind} sessions, no customers"


@dataclass(frozen=True)
class SessionLog:
    """Sessions with their papers.

    Attributes
    ----------
    source
        Where they come from.
    sessions
        One row a session, ``session_id`` first.
    clicks
        One row a click in order, where the log has clicks; else None.
    known_afterwards
        Columns of ``sessions`` that are, or are made from, what came of it. None of them may be used to predict it.
    """

    source: Source
    sessions: pd.DataFrame
    clicks: pd.DataFrame | None = None
    known_afterwards: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """One line for a page; it says that these are visits and nobody's customers."""
        return self.source.label


def load_online_shoppers() -> SessionLog:
    """Online Shoppers Purchasing Intention (UCI 468): 12,330 sessions of a shop, 1,908 of them with a purchase.

    Sakar et al. (2019) drew one session a visitor from one year, so that no session tells of another one; the year, the
    shop, the time of day and the visitor are not recorded, and neither is a basket or what a purchase was worth.

    Columns of ``sessions``
    -----------------------
    session_id
        The row's number in the file, which has no id of its own.
    administrative_pages, informational_pages, product_pages and ..._seconds
        Pages of each kind that were opened, and the time on them. The last page of a session has no time, as nothing
        is opened after it: a session of one page has 0 seconds.
    bounce_rate, exit_rate
        Google Analytics' shares of the *pages* visited, from all sessions of the shop, averaged over this one.
    page_value
        Google Analytics' value of the pages visited, averaged: what purchases brought that were *completed* after a
        page was seen. It is made from the outcome; see ``known_afterwards``.
    special_day
        How near a day of presents is, 0 to 1. month: 1 to 12 (January and April have no session).
    operating_system, browser, region, traffic_type
        Codes; the publisher gives no key to them.
    visitor_type
        "returning", "new" or "other". weekend: bool.
    purchased
        Whether the session ended with a purchase (bool).

    125 rows are like another one in every column; they stay in, since sessions of one page can well be alike.

    Raises
    ------
    LogError
        If the file is not at hand, or not the one whose figures are known.
    """
    raw, digest = read_sessions("online_shoppers")
    source = _paper("online_shoppers", "Sakar and Kastro (2018), UCI Machine Learning Repository", digest)
    sessions = raw.rename(columns=_SHOPPERS)[list(_SHOPPERS.values())]
    sessions["month"] = raw["Month"].map(_MONTHS).astype("int64")
    sessions["visitor_type"] = raw["VisitorType"].map(_VISITORS).astype("str")
    sessions.insert(0, "session_id", pd.RangeIndex(1, len(raw) + 1).astype("str"))
    return SessionLog(source, sessions, known_afterwards=("page_value", "purchased"))


def load_eshop_clicks() -> SessionLog:
    """E-shop clothing 2008 (UCI 553): 165,474 clicks in 24,026 sessions on 217 items of a Polish maternity-wear shop.

    From 2008-04-01 to 2008-08-13. Every click opens an item's page. Neither the visitor nor a basket nor a purchase is
    recorded: where a session ended, nobody knows why.

    Columns of ``clicks``
    ---------------------
    session_id; timestamp
        The day; the time of day is not recorded, ``click`` counts the session's clicks from 1.
    country_code
        The publisher's number of the country of the address; 29 is Poland.
    category
        The page the item stood on: "trousers", "skirts", "blouses" or "sale"; an item can stand on two.
    item_id; colour, location, photography
        The item; the publisher's codes for its colour, its place on the page and how the model stands.
    unit_price
        USD, as the publisher says. above_category_mean: whether it is above the mean price of its category (bool).
    page
        1 to 5, the page of the shop's list.

    Columns of ``sessions``
    -----------------------
    session_id, timestamp, country_code; ``clicks``, ``items`` and ``categories`` (distinct ones), ``dear_items``
    (distinct items above their category's mean price), ``last_page``.

    Raises
    ------
    LogError
        If the file is not at hand, or not the one whose figures are known.
    """
    raw, digest = read_sessions("eshop_clicks")
    source = _paper("eshop_clicks", "Lapczynski and Bialowas (2013), UCI Machine Learning Repository", digest)
    clicks = raw.rename(columns=_CLICKS)[list(_CLICKS.values())]
    clicks.insert(1, "timestamp", pd.to_datetime(raw[["year", "month", "day"]]).astype("datetime64[us]"))
    clicks["session_id"] = clicks["session_id"].astype("str")
    clicks["category"] = clicks["category"].map(_CATEGORIES).astype("str")
    clicks["above_category_mean"] = clicks["above_category_mean"] == 1  # theirs: 1 yes, 2 no
    clicks["unit_price"] = clicks["unit_price"].astype("float64")
    each = clicks.assign(dear=clicks["item_id"].where(clicks["above_category_mean"])).groupby("session_id", sort=False)
    sessions = each.agg(
        timestamp=("timestamp", "first"),
        country_code=("country_code", "first"),
        clicks=("click", "size"),
        items=("item_id", "nunique"),
        categories=("category", "nunique"),
        dear_items=("dear", "nunique"),
        last_page=("page", "last"),
    ).reset_index()
    return SessionLog(source, sessions, clicks)


def _paper(name: str, origin: str, digest: str) -> Source:
    entry = SESSION_LOGS[name]
    papers = {"origin": origin, "licence": "CC BY 4.0", "sha256": digest, "url": entry.url}
    return _SessionSource(name=name, title=entry.title, kind="real", **papers)
