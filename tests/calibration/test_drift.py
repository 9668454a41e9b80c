"""What a version was calibrated on is held against today, and only a real change is a concern."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from pql_platform.calibration.drift import Reference, Spread, drift, reference_of, stability_index
from pql_platform.calibration.examples import Examples

THRESHOLD = 60.0


def population(
    seed: int, n: int = 4000, *, slope: float = 0.08, intercept: float = -5.5, invites: float = 1.0
) -> tuple[Examples, np.ndarray]:
    """Accounts whose chance to convert follows their score."""
    rng = np.random.default_rng(seed)
    scores = np.floor(rng.beta(1.2, 3, n) * 400) / 4
    converted = rng.random(n) < 1 / (1 + np.exp(-(intercept + slope * scores)))
    frame = pd.DataFrame(
        {
            "account_id": [f"a{row}" for row in range(n)],
            "converted": converted,
            "value_invites": rng.poisson(invites, n).astype(float),
            "value_boards": rng.poisson(2.0, n).astype(float),
        }
    )
    day = datetime(2026, 1, 1, tzinfo=UTC)
    examples = Examples(
        frame=frame,
        censored=0,
        accounts=n,
        converters=int(converted.sum()),
        data_from=day,
        data_to=day,
        index_dates=(day,),
    )
    return examples, scores


@pytest.fixture(scope="module")
def reference() -> Reference:
    return reference_of(*population(1), THRESHOLD)


def test_other_accounts_of_the_same_world_are_no_concern(reference: Reference) -> None:
    found = drift(reference, *population(2), THRESHOLD)
    assert found.concerns == ()
    assert found.slope == pytest.approx(1, abs=0.2)
    assert set(found.stability) == {"invites", "boards", "score"}
    assert max(found.stability.values()) < 0.02


def test_a_signal_that_is_done_twice_as_often_is_named(reference: Reference) -> None:
    found = drift(reference, *population(3, invites=2.5), THRESHOLD)
    assert len(found.concerns) == 1
    assert found.concerns[0].startswith("`invites` is spread otherwise")
    assert found.stability["invites"] > 0.25 > found.stability["boards"]


def test_a_score_that_has_lost_its_meaning_is_said_although_nothing_looks_different(
    reference: Reference,
) -> None:
    found = drift(reference, *population(4, slope=0.0, intercept=-2.5), THRESHOLD)
    assert found.slope == pytest.approx(0, abs=0.2)
    assert [concern for concern in found.concerns if "calibration slope" in concern]
    assert max(found.stability.values()) < 0.02


def test_a_share_that_left_its_band_is_said(reference: Reference) -> None:
    examples, scores = population(5)
    found = drift(reference, examples, scores, 20.0)
    assert found.share > 0.5
    assert [concern for concern in found.concerns if "over the threshold" in concern]


def test_few_examples_concern_nobody_and_few_conversions_have_no_slope(
    reference: Reference,
) -> None:
    found = drift(reference, *population(6, n=40, invites=9), THRESHOLD)
    assert found.concerns == ()
    assert found.slope is None


def test_an_empty_world_has_a_reference_and_no_concern(reference: Reference) -> None:
    nobody, scores = population(7, n=0)
    assert drift(reference, nobody, scores, THRESHOLD).concerns == ()
    assert reference_of(nobody, scores, THRESHOLD).slope == 0


def test_a_reference_is_the_same_after_it_was_kept_as_json(reference: Reference) -> None:
    assert Reference.from_json(json.loads(json.dumps(reference.as_json()))) == reference


def test_the_index_is_zero_for_the_same_spread_and_symmetric_for_a_swap() -> None:
    spread = Spread((1.0,), (0.5, 0.5))
    assert stability_index(spread, np.array([0.0, 2.0])) == pytest.approx(0)
    half = stability_index(Spread((1.0,), (0.8, 0.2)), np.repeat([0.0, 2.0], [20, 80]))
    assert half == pytest.approx(2 * 0.6 * np.log(4), abs=1e-9)
