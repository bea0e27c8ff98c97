"""
The balance over time, drawn as a small line of SVG.

Decided here: the line has steps, as a balance has, and as many points as fit the drawing, however
many postings there are.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bankcore.money import Money
from bankcore.money._html import escaped
from bankcore.values._instants import TICK

# The size of the drawing, in units of its own.
_WIDTH: Final = 720
_HEIGHT: Final = 90
# Seen on white and in a dark notebook: its contrast to both is above 4.
_COLOUR: Final = "#2f76c4"


def balance_drawing(
    opening: Money,
    balances: Sequence[tuple[datetime, Money]],
    start: datetime | None,
    end: datetime | None,
) -> str:
    """Return an SVG of the *opening* balance and those that follow, from *start* to *end*."""
    minors = [0, opening.amount_minor, *(balance.amount_minor for _, balance in balances)]
    bottom = min(minors)
    # Where all is zero, the line is that of zero, at the bottom.
    top = max(*minors, bottom + 1)

    def y(minor: int) -> int:
        return (top - minor) * _HEIGHT // (top - bottom)

    path = f"M0 {y(opening.amount_minor)}"
    for x, levels in _columns(balances, start, end).items():
        # All of them are on one vertical line.
        path += f"H{x}" + "".join(f"V{y(each)}" for each in (min(levels), max(levels), levels[-1]))
    closing = balances[-1][1] if balances else opening
    told = f"Balance from {opening:,} to {closing:,}"
    line = 'fill="none" vector-effect="non-scaling-stroke"'
    return (
        f'<svg viewBox="0 -2 {_WIDTH} {_HEIGHT + 4}" width="100%" style="height:6em"'
        f' preserveAspectRatio="none" role="img" aria-label="{escaped(told)}">'
        f'<path d="M0 {y(0)}H{_WIDTH}" {line} stroke="#999" stroke-dasharray="3 3"/>'
        f'<path d="{path}H{_WIDTH}" {line} stroke="{_COLOUR}" stroke-width="1.5"/></svg>'
    )


def _columns(
    balances: Sequence[tuple[datetime, Money]], start: datetime | None, end: datetime | None
) -> dict[int, list[int]]:
    """Return the balances, in minor units, by the place along the drawing."""
    columns: dict[int, list[int]] = {}
    for at, balance in balances:
        first, last = start or balances[0][0], end or balances[-1][0]
        x = (at - first) * _WIDTH // max(last - first, TICK)
        columns.setdefault(x, []).append(balance.amount_minor)
    return columns
