"""
The oversight of a bank: its journal, its denials and its tokens, for those who run it.

Decided here: which question each of these asks the policy where the bank acts for a principal.
None of them is about one account, so that a principal may do one for all or not at all; nothing
of what they return is cut. A store that does not keep such a thing is a `StoreMisuseError`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bankcore.access import Action, Denial, DenialLog, IssuedToken, Principal, Token, Tokens
from bankcore.access._tokens import require_token_after
from bankcore.bank._reads import BankReads
from bankcore.ledger import Cursor, Page
from bankcore.ledger._errors import StoreMisuseError
from bankcore.values._errors import shown


class BankOversight(BankReads):
    """The half of `Bank` that is about no account of its own."""

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        """
        Return a page of the journal: every transaction and recorded refusal, in order.

            >>> from bankcore import Bank, Money
            >>> from bankcore.stores import MemoryStore
            >>> bank = Bank(MemoryStore())
            >>> receipt = bank.open_account("alice", initial_balance=Money("5", "EUR"))
            >>> page = bank.journal()
            >>> len(page.records), bank.journal(after=page.next).records
            (1, ())

        The next page begins after ``page.next``. An empty page means that there is nothing more
        yet: ask again with the same cursor. No record comes twice, and none is left out, however
        late it was committed.

        Raises:
            InvalidLimitError: If *limit* is not 1 to 10,000.
            InvalidCursorError: If *after* is not a cursor of this store.
        """
        self._require_may(Action.READ_JOURNAL)
        return self._store.journal(after=after, limit=limit)

    def denials(self, *, limit: int = 1000) -> Sequence[Denial]:
        """
        Return the latest denials, the last first.

        Raises:
            StoreMisuseError: If the store keeps none.
            InvalidLimitError: If *limit* is not 1 to 10,000.
        """
        self._require_may(Action.READ_DENIALS)
        if not isinstance(self._store, DenialLog):
            raise StoreMisuseError(f"{shown(self._store)} keeps no denials")
        return self._store.denials(limit=limit)

    def tokens(self, *, after: str = "") -> Iterator[Token]:
        """
        Return an iterator over the tokens whose ids come after *after*, read page by page.

        Raises:
            StoreMisuseError: If the store keeps none.
            InvalidIdError: If *after* is not text in printable ASCII.
        """
        self._require_may(Action.LIST_TOKENS)
        return self._tokens().tokens(after=require_token_after(after))

    def issue_token(
        self,
        principal: Principal,
        *,
        expires_at: datetime | None = None,
        description: str | None = None,
    ) -> IssuedToken:
        """
        Return a new token for *principal*, as `Tokens.issue` does.

        Whoever may do that can become anybody: no role may, and a service only with a scope of
        its own.

        Raises:
            StoreMisuseError: If the store keeps no tokens.
        """
        self._require_may(Action.ISSUE_TOKEN)
        return self._tokens().issue(principal, expires_at=expires_at, description=description)

    def revoke_token(self, token_id: str) -> Token:
        """
        Revoke the token from now on, and return it; revoking it again changes nothing.

        Raises:
            StoreMisuseError: If the store keeps no tokens.
            TokenNotFoundError: If there is no token with this id.
        """
        self._require_may(Action.REVOKE_TOKEN)
        tokens = self._tokens()
        tokens.revoke(token_id)
        return tokens.token(token_id)

    def _tokens(self) -> Tokens:
        return Tokens(self._store, clock=self._clock)
