"""Where a lead goes: the first route of the program that fits its segment, region and level.

Regions are drawn here from the country, since sources send countries and sales teams think in
regions. A route names a person or a queue; who of them is there and whose turn it is, is `team`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# ISO 3166-1 alpha-2 by the United Nations' M49 regions: the Americas, and Asia-Pacific as sales
# teams draw it (Asia without its west, and Oceania). Every other known country is EMEA.
_AMER = frozenset(
    """
    AG AI AR AW BB BL BM BO BQ BR BS BZ CA CL CO CR CU CW DM DO EC FK GD GF GL GP GT GY HN
    HT JM KN KY LC MF MQ MS MX NI PA PE PM PR PY SR SV SX TC TT US UY VC VE VG VI
    """.split()
)
_APAC = frozenset(
    """
    AS AU BD BN BT CC CK CN CX FJ FM GU HK HM ID IN IO JP KH KI KP KR LA LK MH MM MN MO MP
    MV MY NC NF NP NR NU NZ PF PG PH PK PN PW SB SG TH TK TL TO TV TW UM VN VU WF WS
    """.split()
)


@dataclass(frozen=True)
class RouteRule:
    """One route: what must hold (None: anything), and the person or queue that gets the lead."""

    owner: str
    segment: str | None = None
    region: str | None = None
    level: str | None = None

    def takes(self, segment: str | None, region: str | None, level: str) -> bool:
        """Whether a lead goes this way."""
        return (
            self.segment in (None, segment)
            and self.region in (None, region)
            and self.level in (None, level)
        )


def region_of(country: str | None) -> str | None:
    """Return AMER, APAC or EMEA for an ISO 3166 alpha-2 code; None when that is not known."""
    if country is None or len(country) != 2 or not country.isalpha():
        return None
    code = country.upper()
    if code in _AMER:
        return "AMER"
    return "APAC" if code in _APAC else "EMEA"


def route(segment: str | None, region: str | None, level: str, rules: Sequence[RouteRule]) -> str:
    """Return the owner of the first route that fits.

    Raises:
        ValueError: No route fits; a program's last route always does.
    """
    for rule in rules:
        if rule.takes(segment, region, level):
            return rule.owner
    raise ValueError(f"no route takes a {level} of segment {segment} in region {region}")
