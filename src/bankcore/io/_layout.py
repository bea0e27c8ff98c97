"""
The layout of a bank's file: where its columns are, and how it writes amounts and dates.

Decided here: what the cells of a row say. It is what the settings say, or an error: no delimiter,
mark, sign, or order of day and month is guessed. Nothing here books anything.
"""

import csv
import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from itertools import islice
from operator import itemgetter
from typing import Final, NamedTuple

from bankcore.accounts._fields import require_amount
from bankcore.commands import Deposit, Withdraw
from bankcore.commands._base import to_flag
from bankcore.io._dates import date_reader
from bankcore.ledger._errors import InvalidHistoryError
from bankcore.money import Currency, Money
from bankcore.money._errors import CurrencyMismatchError, InvalidAmountError, InvalidFormatError
from bankcore.values import AccountId
from bankcore.values._errors import InvalidIdError, InvalidRequestError, naming, shown
from bankcore.values._ids import to_account_id
from bankcore.values._instants import instant_from_text

#: The fields that a column of a file may be.
FIELDS: Final = (
    "transaction_id",
    "account_id",
    "date",
    "balance",
    "description",
    "currency",
    "amount",
    "debit",
    "credit",
    "direction",
)
#: The ways to write an amount below zero, besides a hyphen in front.
MINUS_FORMS: Final = ("unicode", "trailing", "brackets", "debits")

_BEFORE_AMOUNTS: Final = FIELDS[: FIELDS.index("amount")]
_OPTIONAL: Final = {"balance", "description", "currency"}

Texts = str | Iterable[str]
_Pick = Callable[[list[str]], tuple[str, ...]]


class Columns(NamedTuple):
    """
    The columns of a file.

    Attributes:
        pick: From the cells of a row, the texts of its id, account, date, balance, description,
            currency, and of what says its amount.
        ignored: Those that are not used.
    """

    width: int
    pick: _Pick
    ignored: tuple[str, ...]


class Layout:
    """The settings of an import that say how its file is written: see `import_history`."""

    def __init__(
        self,
        currency: Currency,
        *,
        account_id: AccountId | str | None,
        columns: Mapping[str, str],
        direction: Texts,
        id_from: Texts,
        header: bool,
        skip: int,
        skip_end: int,
        delimiter: str,
        line_breaks: bool,
        decimal_mark: str,
        group_mark: str | None,
        minus: Texts,
        date_format: str | None,
        time_zone: str | None,
    ) -> None:
        self._currency = currency
        self._account_id = None if account_id is None else to_account_id(account_id).value
        self._columns = _to_columns(columns)
        self._direction = _to_texts(direction, "direction")
        self._id_from = sorted(_to_texts(id_from, "id_from"))
        self.has_header = naming("header", to_flag, header)
        self._skip = _to_count(skip, "skip")
        self._skip_end = _to_count(skip_end, "skip_end")
        self._delimiter = _to_delimiter(delimiter)
        self._has_line_breaks = naming("line_breaks", to_flag, line_breaks)
        self._minus = _to_texts(minus, "minus")
        self._parse = partial(
            Money.parse, currency=currency, decimal_mark=decimal_mark, group_mark=group_mark
        )
        self._parse("0")  # which raises if a mark is wrong
        self._is_plain = (decimal_mark, group_mark, self._minus) == (".", None, ())
        split = tuple(each for each in ("debit", "credit") if each in self._columns)
        self._amount_fields = split or ("amount", "direction")[: 1 + bool(self._direction)]
        self._require_unambiguous()
        if date_format is not None:
            self.instant = date_reader(date_format, time_zone)
        elif time_zone is None:
            self.instant = partial(instant_from_text, field="date")
        else:
            raise _invalid(time_zone, "must be given with a format of dates alone", "time_zone")

    def _require_unambiguous(self) -> None:
        """Raise if two settings contradict each other, or one needs another."""
        columns, words = self._columns, self._direction
        is_split = self._amount_fields[0] != "amount"
        said = {
            "account_id": self._account_id is not None,
            "transaction_id": bool(self._id_from),
            "amount": is_split,
        }
        for field, is_said in said.items():
            if is_said and field in columns:
                reason = "must not name a column of what other settings say"
                raise _invalid(field, reason, "columns")
        if words or "direction" in columns:
            is_pair = len(words) == len(set(words)) == 2
            if is_split or not is_pair or "direction" not in columns:
                reason = (
                    "must be two words, of a debit and of a credit, and needs a column of them"
                    " beside one of amounts"
                )
                raise _invalid(", ".join(words), reason, "direction")
        for form in self._minus:
            if form not in MINUS_FORMS:
                raise _invalid(form, f"must be among {', '.join(MINUS_FORMS)}", "minus")
            if form == "debits" and not {"debit", "credit"} <= columns.keys():
                reason = "must be for a file with a column of debits and one of credits"
                raise _invalid(form, reason, "minus")

    # -- Rows --

    def rows(self, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield the line and the cells of each row, the header included."""
        wanted = _all_but_last(islice(lines, self._skip, None), self._skip_end)
        rows = csv.reader(wanted, delimiter=self._delimiter, strict=True)
        line = 0
        try:
            for cells in rows:
                first, line = line + 1, rows.line_num
                if line != first and not self._has_line_breaks:
                    # Without an end a quote would take in all rows up to the next one.
                    raise self._open_quote(first)
                if any(cells) or first == 1:  # other lines with nothing in them are no rows
                    yield self._skip + first, cells if line == first else _on_one_line(cells)
        except csv.Error as error:
            if rows.line_num > line + 1 or "unexpected end" in str(error):
                raise self._open_quote(line + 1) from error
            raise InvalidHistoryError(f"line {self._skip + line + 1}: {error}") from error
        if line == 0:
            yield self._skip + 1, []

    def _open_quote(self, line: int) -> InvalidHistoryError:
        where = f"line {self._skip + line}: a quote opens there and does not close"
        if self._has_line_breaks:
            return InvalidHistoryError(where)
        return InvalidHistoryError(f"{where} on that line", settings=("line_breaks",))

    def columns(self, line: int, first: Sequence[str]) -> Columns:
        """Return the columns of the file whose *first* row is in this *line*."""
        names = [name.strip() for name in first]
        if not self.has_header:
            names = [str(number) for number in range(1, len(first) + 1)]
        fields = (*_BEFORE_AMOUNTS, *self._amount_fields)
        given = {"transaction_id": self._id_from, "account_id": self._account_id}
        columns = {
            field: self._columns.get(field, field)
            for field in fields
            if not given.get(field)
            and (field not in _OPTIONAL or field in self._columns or field in names)
        }
        used = tuple(dict.fromkeys((*columns.values(), *self._id_from)))
        missing = [each for each in used if each not in names]
        if missing:
            there = f" among {shown(', '.join(names))}" if first else ""
            reason = f"line {line} has no column {', '.join(missing)}{there}"
            settings = _for_columns(missing) if first else ()
            if first and self.has_header and missing == list(used):
                # The header may be further down, or written in another way.
                settings = ("skip", "delimiter", *settings)
            raise InvalidHistoryError(reason, settings=settings)
        twice = [each for each in used if names.count(each) > 1]
        if twice:
            raise InvalidHistoryError(f"line {line} has two columns {', '.join(twice)}")
        # What is not in the file stands behind the cells of each row.
        behind = ["", self._account_id or ""]
        places = {"account_id": -1} | {field: names.index(columns[field]) for field in columns}
        get = itemgetter(*(places.get(field, -2) for field in fields))

        def pick(cells: list[str]) -> tuple[str, ...]:
            found: tuple[str, ...] = get(cells + behind)
            return found

        ignored = tuple(each for each in names if each and each not in used)
        if self._id_from:
            places_of_id = [names.index(each) for each in self._id_from]
            return Columns(len(names), self._making_ids(pick, places_of_id), ignored)
        return Columns(len(names), pick, ignored)

    def _making_ids(self, pick: _Pick, places: Sequence[int]) -> _Pick:
        """Return *pick*, with an id made of the cells at these *places*."""
        counts: Counter[str] = Counter()
        is_dated = self._columns.get("date", "date") in self._id_from

        def pick_with_id(cells: list[str]) -> tuple[str, ...]:
            # As in the id, white space makes no difference, or the same id had another text.
            _, account, date, balance, description, *others = pick(cells)
            texts = [" ".join(cells[place].split()) for place in places]
            made = f"row-{sha256(json.dumps([account, *texts]).encode()).hexdigest()[:40]}"
            counts[made] += 1
            if counts[made] > 1:
                if not is_dated:
                    # Another file may begin to count with another row.
                    reason = "must have the column of the date too, where rows are alike"
                    raise InvalidIdError(shown(", ".join(texts)), reason).about("id_from")
                made = f"{made}-{counts[made]}"
            return (made, account, date, balance, " ".join(description.split()), *others)

        return pick_with_id

    # -- Cells --

    def movement(self, currency: str, *texts: str) -> tuple[type[Deposit | Withdraw], Money]:
        """Return what a row with these cells, behind its description, asks for."""
        if currency.strip() not in {"", self._currency.code}:
            error = CurrencyMismatchError(self._currency.code, shown(currency))
            raise error.about(self._named("currency"))
        amount = self._amount(dict(zip(self._amount_fields, texts, strict=True)))
        named = (self._named(each) for each in self._amount_fields if each != "direction")
        positive = require_amount(abs(amount), " or ".join(named))
        return (Withdraw if amount.amount_minor < 0 else Deposit), positive

    def _amount(self, texts: Mapping[str, str]) -> Money:
        if "amount" not in texts:
            return self._debit_or_credit(texts)
        amount = self.money("amount", texts["amount"])
        if "direction" not in texts:
            return amount
        word = texts["direction"].strip()
        if word not in self._direction:
            reason = f"must be {' or '.join(map(repr, self._direction))}"
            raise _invalid(word, reason, self._named("direction"))
        if amount.amount_minor < 0:
            reason = f"must not be below zero, beside {self._named('direction')}"
            raise InvalidAmountError(str(amount), reason).about(self._named("amount"))
        return -amount if word == self._direction[0] else amount

    def _debit_or_credit(self, texts: Mapping[str, str]) -> Money:
        zero = Money.zero(self._currency)
        amounts = {
            field: self.money(field, text) if text.strip() else zero
            for field, text in texts.items()
        }
        if "debits" in self._minus:
            amounts["debit"] = -amounts["debit"]
        if len(amounts) == 2:  # a column alone may have both signs
            for field, amount in amounts.items():
                if amount.amount_minor < 0:
                    reason = "must not be below zero, unless 'debits' are a form of minus"
                    if field == "debit" and "debits" in self._minus:
                        reason = "must be below zero, as 'debits' are a form of minus"
                    raise InvalidAmountError(shown(texts[field]), reason).about(self._named(field))
            if all(amounts.values()):
                reason = f"must be empty beside {self._named('debit')}"
                raise InvalidAmountError(shown(texts["credit"]), reason).about(
                    self._named("credit")
                )
        return amounts.get("credit", zero) - amounts.get("debit", zero)

    def money(self, field: str, text: str) -> Money:
        """Return the amount in *text*, a cell of *field*."""
        if self._is_plain:
            try:
                return Money(text, self._currency)  # in a third of the time
            except InvalidRequestError:
                pass  # a plus, a currency, or an error that is told below
        plain = text.strip()
        if "unicode" in self._minus:
            plain = plain.replace("\u2212", "-")
        if "trailing" in self._minus and plain[-1:] in {"+", "-"}:
            plain = plain[-1] + plain[:-1].rstrip()
        elif "brackets" in self._minus and plain[:1] + plain[-1:] == "()":
            plain = f"-{plain[1:-1].strip()}"
        try:
            return self._parse(plain)
        except InvalidRequestError as error:
            raise error.about(self._named(field)) from None

    def _named(self, field: str) -> str:
        """Return how an error names *field*: with its column, if that has another name."""
        column = self._columns.get(field, field)
        return field if column == field else f"{field} ({column})"


def _for_columns(missing: Sequence[str]) -> tuple[str, ...]:
    """Return the settings that say what columns with the names of fields would say."""
    instead = {"transaction_id": "id_from", "account_id": "account_id"}
    found = tuple(instead[each] for each in missing if each in instead)
    return (*found, "columns") if set(missing) & set(FIELDS) else ()


def _on_one_line(cells: list[str]) -> list[str]:
    return [" ".join(cell.split()) if {"\n", "\r"} & set(cell) else cell for cell in cells]


def _all_but_last(lines: Iterator[str], count: int) -> Iterator[str]:
    held: deque[str] = deque()
    for line in lines:
        held.append(line)
        if len(held) > count:
            yield held.popleft()


def _invalid(value: object, reason: str, field: str) -> InvalidFormatError:
    return InvalidFormatError(shown(value), reason).about(field)


def _to_texts(value: object, field: str) -> tuple[str, ...]:
    """Return *value*, a text or several, as a tuple."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        value = (value,)
    texts: list[str] = []
    for text in value:
        if not isinstance(text, str) or not text:
            raise _invalid(text, "must be text, or a list of texts", field)
        texts.append(text)
    return tuple(texts)


def _to_columns(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise _invalid(value, "must be a mapping of fields to columns", "columns")
    for field, column in value.items():
        if field not in FIELDS:
            raise _invalid(field, f"must be for fields among {', '.join(FIELDS)}", "columns")
        _to_texts(column, "columns")
    return dict(value)


def _to_count(value: object, field: str) -> int:
    if type(value) is int and value >= 0:
        return value
    raise _invalid(value, "must be a number of lines, from 0", field)


def _to_delimiter(value: object) -> str:
    text = value if isinstance(value, str) and len(value) == 1 else ""
    if text == "\t" or (text.isprintable() and text not in '" '):
        return text
    raise _invalid(value, "must be one character, and no quote or space", "delimiter")
