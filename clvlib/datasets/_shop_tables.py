"""From the numbers of a simulation to tables with ids and dates; each table is made when it is first asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clvlib.datasets._shop_behaviour import make_events, make_oracle, make_surveys
from clvlib.datasets._shop_purchases import CHANNELS
from clvlib.datasets.dataset import Tables

__all__ = ["Simulation"]


@dataclass(frozen=True)
class Simulation:
    """All that was simulated: positions instead of ids, days since ``day0`` instead of dates."""

    settings: dict
    day0: np.datetime64
    catalogue: pd.DataFrame
    customers: pd.DataFrame
    tastes: tuple[np.ndarray, np.ndarray, np.ndarray]
    campaigns: pd.DataFrame
    contacts: pd.DataFrame
    orders: pd.DataFrame
    lines: pd.DataFrame
    returns: pd.DataFrame

    def log(self) -> pd.DataFrame:
        """Lines and returns in the vocabulary of the house."""
        log = pd.concat([self.lines, self.returns], ignore_index=True)
        about = self.catalogue.iloc[log["item"]]
        order_id = pd.concat([self._order_id.take(self.lines["order"]), _numbered("R", len(self.returns), 7)])
        return pd.DataFrame(
            {
                "customer_id": self._customer_id.take(log["customer"]).array,
                "timestamp": self._dates(log["day"]),
                "amount": log["amount"],
                "order_id": order_id.array,
                "item_id": self._item_id.take(log["item"]).array,
                "item_text": about["item_text"].array,
                "category": about["category"].array,
                "quantity": log["quantity"],
                "unit_price": log["unit_price"],
                "unit_cost": log["unit_cost"],
            }
        )

    def tables(self) -> Tables:
        """The tables that :func:`clvlib.datasets.make_shop` describes."""
        names = [name.removeprefix("_table_") for name in vars(type(self)) if name.startswith("_table_")]
        return Tables({name: getattr(self, f"_table_{name}") for name in names})

    def _table_products(self) -> pd.DataFrame:
        columns = ["item_text", "category", "list_price", "unit_cost"]
        return pd.concat([self._item_id.rename("item_id"), self.catalogue[columns]], axis=1)

    def _table_customers(self) -> pd.DataFrame:
        table = self.customers[["channel", "acquisition_cost"]].copy()
        table.insert(0, "customer_id", self._customer_id)
        table.insert(1, "acquired", self._dates(self.customers["acquired"]))
        return table.assign(referrer_id=self._customer_id.reindex(self.customers["referrer"]).array)

    def _table_channels(self) -> pd.DataFrame:
        return CHANNELS.copy()

    def _table_campaigns(self) -> pd.DataFrame:
        return self.campaigns.assign(starts=self._dates(self.campaigns["starts"]))

    def _table_contacts(self) -> pd.DataFrame:
        return self._with_ids(self.contacts[["campaign", "customer", "treated"]])

    def _table_events(self) -> pd.DataFrame:
        return self._with_ids(
            make_events(
                self.customers, self.orders, self.lines, self.tastes,
                n_days=self.settings["n_days"], random_state=self._rng(1),
            )
        )  # fmt: skip

    def _table_surveys(self) -> pd.DataFrame:
        return self._with_ids(
            make_surveys(
                self.customers, self.orders, self.returns, n_days=self.settings["n_days"], random_state=self._rng(2)
            )
        )

    def _table_truth(self) -> pd.DataFrame:
        true = self.customers
        lost = true["lost"].where(true["lost"] < self.settings["n_days"])
        return pd.DataFrame(
            {
                "customer_id": self._customer_id,
                "purchase_rate": true["purchase_rate"],
                "dropout_rate": true["dropout_rate"],
                "lost_on": self._dates(lost),
                "expected_order_value": self.settings["p"] / true["value_rate"],
                "response": true["response"],
                "relative_uplift": true["relative_uplift"],
            }
        )

    def _table_contact_truth(self) -> pd.DataFrame:
        return self._with_ids(self.contacts[["campaign", "customer", "expected_uplift"]])

    def _table_customer_factors(self) -> pd.DataFrame:
        return pd.concat([self._customer_id.rename("customer_id"), _factors(self.tastes[0])], axis=1)

    def _table_item_factors(self) -> pd.DataFrame:
        popularity = pd.Series(self.tastes[2], name="popularity")
        return pd.concat([self._item_id.rename("item_id"), popularity, _factors(self.tastes[1])], axis=1)

    def _table_oracle(self) -> pd.DataFrame:
        return self._with_ids(make_oracle(self.tastes))

    def _table_parameters(self) -> pd.DataFrame:
        return pd.DataFrame({"name": list(self.settings), "value": [str(value) for value in self.settings.values()]})

    @cached_property
    def _customer_id(self) -> pd.Series:
        return _numbered("C", len(self.customers), 6)

    @cached_property
    def _item_id(self) -> pd.Series:
        return _numbered("I", len(self.catalogue), 5)

    @cached_property
    def _order_id(self) -> pd.Series:
        return _numbered("O", len(self.orders), 7)

    def _rng(self, stream: int) -> np.random.Generator:
        # A table made late must not hang on which others were made before it: each has a stream of its own.
        return np.random.default_rng([self.settings["random_state"], stream])

    def _dates(self, days: pd.Series) -> pd.Series:
        seconds = (days * 86400.0).round().astype("Float64").astype("Int64")
        return (self.day0 + pd.to_timedelta(seconds, unit="s")).astype("datetime64[us]")

    def _with_ids(self, table: pd.DataFrame) -> pd.DataFrame:
        ids = {
            "campaign": self.campaigns["campaign_id"],
            "customer": self._customer_id,
            "item": self._item_id,
            "order": self._order_id,
        }
        columns = {}
        for name in table:
            if name in ids:
                columns[f"{name}_id"] = ids[name].reindex(table[name]).array
            elif name == "session":
                columns["session_id"] = _numbered("S", int(table[name].max()) + 1, 7).take(table[name]).array
            elif name == "day":
                columns["timestamp"] = self._dates(table[name])
            else:
                columns[name] = table[name]
        return pd.DataFrame(columns)


def _numbered(prefix: str, n: int, width: int) -> pd.Series:
    """Ids: the prefix and 1 ... n with leading zeros."""
    digits = pc.utf8_lpad(pa.array(np.arange(1, n + 1)).cast(pa.string()), width, "0")
    return pd.Series(pc.binary_join_element_wise(pa.scalar(prefix), digits, "").to_pandas(), dtype="str")


def _factors(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, columns=[f"factor_{i + 1}" for i in range(values.shape[1])])
