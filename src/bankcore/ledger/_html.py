"""
A statement as a page of HTML, to print or to send.

Decided here: how the page looks. It needs nothing from elsewhere, no script and no font, fits A4
and a telephone, and every text in it is escaped.
"""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from types import MappingProxyType
from typing import Final

from bankcore.ledger._statement import (
    Statement,
    StatementLine,
    counterparty_text,
    day_text,
    drawing_of,
    period_text,
    require_statement,
)
from bankcore.money import Money
from bankcore.money._html import escaped
from bankcore.values._errors import InvalidArgumentError, InvalidTimeError, shown


def statement_as_html(
    statement: Statement,
    *,
    title: str = "Statement",
    details: Mapping[str, str] = MappingProxyType({}),
    zone: tzinfo = UTC,
) -> str:
    """
    Return *statement* as a page of HTML that stands alone: to send, to show, or to print on A4.

    Args:
        statement: The statement.
        title: Its heading.
        details: What else stands in its head, by label, such as the customer's name and address.
        zone: The time zone of the days that it shows.

    Raises:
        InvalidArgumentError: If *statement* is no statement, or *details* no mapping.
        InvalidTimeError: If *zone* is no time zone.
    """
    require_statement(statement)
    if not isinstance(details, Mapping):
        reason = "must be a mapping of labels to texts"  # type: ignore[unreachable]  # callers may be untyped
        raise InvalidArgumentError(shown(details), reason).about("details")
    if not isinstance(zone, tzinfo):
        # None would be the zone of the machine.
        reason = "must be a time zone, such as ZoneInfo('Europe/Berlin')"  # type: ignore[unreachable]  # callers may be untyped
        raise InvalidTimeError(shown(zone), reason).about("zone")
    amounts = [line.amount for line in statement.lines]
    zero = Money.zero(statement.opening_balance.currency)
    facts = {
        **details,
        "Account": statement.account_id,
        "Period": period_text(statement, zone),
        "Currency": zero.currency.code,
    }
    totals = {
        "Opening balance": f"{statement.opening_balance:,n}",
        "Money in": f"{sum((each for each in amounts if each > zero), zero):,n}",
        "Money out": f"{sum((each for each in amounts if each < zero), zero):,n}",
        "Closing balance": f"{statement.closing_balance:,n}",
    }
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}: {escaped(statement.account_id)}</title>\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escaped(title)}</h1>\n<dl>{_pairs(facts)}</dl>\n"
        f'<dl class="totals">{_pairs(totals)}</dl>\n{drawing_of(statement)}\n'
        "<table>\n<thead><tr><th>Date</th><th>Description</th><th>Counterparty</th>"
        "<th>Amount</th><th>Balance</th></tr></thead>\n<tbody>\n"
        f"{_edge('Opening balance', statement.opening_balance)}"
        f"{''.join(_row(line, zone) for line in statement.lines)}"
        f"{_edge('Closing balance', statement.closing_balance)}"
        "</tbody>\n</table>\n</body>\n</html>\n"
    )


def _pairs(texts: Mapping[str, object]) -> str:
    return "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(text)}</dd></div>"
        for name, text in texts.items()
    )


def _edge(name: str, balance: Money) -> str:
    return (
        f'<tr class="edge"><td></td><td>{name}</td><td></td><td></td><td>{balance:,n}</td></tr>\n'
    )


def _row(line: StatementLine, zone: tzinfo) -> str:
    command = line.transaction.command
    kind = command.kind.replace("_", " ").capitalize()
    told = f"{kind} · {line.transaction.id}"
    return (
        f"<tr><td>{day_text(line.booked_at, zone)}</td>"
        f"<td>{escaped(command.description or kind)}<small>{escaped(told)}</small></td>"
        f"<td>{escaped(counterparty_text(line))}</td>"
        f"<td>{line.amount:+,n}</td><td>{line.balance:,n}</td></tr>\n"
    )


_STYLE: Final = """
@page {
  size: A4; margin: 16mm 14mm;
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif }
}
* { box-sizing: border-box }
body {
  font: 15px/1.45 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  color: #1a1a1a; background: #fff; max-width: 52rem; margin: 2rem auto; padding: 0 1rem;
}
h1 { font-size: 1.6em; margin: 0 0 .8em }
dl { display: flex; flex-wrap: wrap; gap: .6em 2em; margin: 0 0 1.2em }
dt { font-size: .8em; color: #555 }
dd { margin: 0; overflow-wrap: anywhere; white-space: pre-line }
.totals {
  border: solid #bbb; border-width: 1px 0; padding: .6em 0; justify-content: space-between;
}
.totals dd { font-weight: 600; font-variant-numeric: tabular-nums }
svg { display: block; margin: 0 0 1.2em }
table { border-collapse: collapse; width: 100% }
thead { display: table-header-group }
th, td { padding: .35em .8em .35em 0; vertical-align: top }
th { text-align: left; font-size: .8em; color: #555; border-bottom: 1px solid #555 }
th { padding-right: 1em }
th:nth-child(3) { width: 20% }
td { overflow-wrap: anywhere }
td:first-child { white-space: nowrap }
td:nth-child(n+4), th:nth-child(n+4) {
  text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums;
}
th:last-child, td:last-child { padding-right: 0 }
tr { break-inside: avoid; border-bottom: 1px solid #ddd }
tr:last-child { break-before: avoid }
small { display: block; color: #555; font-size: .8em }
.edge { font-weight: 600 }
@media screen and (max-width: 560px) {
  thead { display: none }
  tr { display: grid; grid-template-columns: 1fr auto; gap: 0 1em; padding: .5em 0 }
  td { padding: 0 }
  td:nth-child(-n+3) { grid-column: 1 }
  td:nth-child(4) { grid-area: 1 / 2 }
  td:nth-child(5) { grid-area: 2 / 2; color: #555 }
  .edge td:nth-child(5) { grid-area: 1 / 2; color: inherit }
  .edge td:empty { display: none }
}
@media print { body { font-size: 10pt; margin: 0; padding: 0; max-width: none } }
"""
