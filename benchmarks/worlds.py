"""Simulated products whose truth is known: which behaviour leads to a purchase, and what misleads.

A world is a number and a seed: what is true in it is in `worlds_truth`, what people do and buy in
`worlds_behaviour` and `worlds_purchases`, how a product would have sent it in `worlds_messages`.
Whether calibration finds the truth is asked in `worlds_evaluation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.worlds_behaviour import Floats, draw_behaviour, draw_people
from benchmarks.worlds_messages import inbox_rows
from benchmarks.worlds_purchases import add_purchases, draw_purchases
from benchmarks.worlds_truth import Truth

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class World:
    """A world as it happened.

    Attributes:
        truth: What is true in it.
        messages: What its product sent: columns of `INBOX_SCHEMA`, in order of receipt.
        accounts: One row per account: account_id, segment, signed_up_at, reached_at (the cause
            while it is one, before any purchase), did_confounded (before any purchase), would_buy
            (had one waited for ever), converted_at (within the history). Times are naive UTC.
    """

    truth: Truth
    messages: pa.Table
    accounts: pd.DataFrame


def make_world(truth: Truth) -> World:
    """Let a world happen; the same for the same truth."""
    rng = np.random.default_rng(truth.seed)
    people = draw_people(truth, rng)
    free = draw_behaviour(truth, people, rng)
    purchases = draw_purchases(truth, people, free, rng)
    happened = add_purchases(truth, people, free, purchases, rng)
    accounts = pd.DataFrame(
        {
            "account_id": people.account_ids,
            "segment": people.segments,
            "signed_up_at": _moments(truth, people.signed_up),
            "reached_at": _moments(truth, purchases.reached),
            "did_confounded": purchases.did_confounded,
            "would_buy": np.isfinite(purchases.bought),
            "converted_at": _moments(truth, purchases.within(truth.days)),
        }
    )
    return World(truth, inbox_rows(truth, people, happened, rng), accounts)


def _moments(truth: Truth, days: Floats) -> pd.Series:
    """Days after the start, infinite for never, as naive UTC times."""
    start = np.datetime64(truth.start.replace(tzinfo=None), "us")
    known = np.isfinite(days)
    since = (np.where(known, days, 0.0) * DAY_US).astype("timedelta64[us]")
    return pd.Series(start + since).where(known)
