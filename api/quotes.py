"""Quote tokens: the terms of a quote, signed, so that a cancel moves exactly those amounts or is refused."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from domain.costs import Costs, Selection
from domain.keys import derive
from domain.quotes import QuoteTerms, fingerprint
from domain.refusals import Code, Refusal

_AUDIENCE = "order-claims/quote"
_ALGORITHM = "HS256"


class _Signed(BaseModel):
    """The token's claims. Numbers and amounts only: a token can be read by who has it."""

    model_config = ConfigDict(extra="forbid", strict=False)

    aud: str
    jti: str
    order: str
    lines: list[tuple[int, int]]
    reason: str
    at: AwareDatetime
    until: AwareDatetime
    refund: int
    extra: int
    print: str


class QuoteSigner:
    """Signs with a key of its own: no caller's token is a quote, and no quote a caller's token."""

    def __init__(self, service_secret: str, quote_minutes: int) -> None:
        self._key = derive(service_secret, "quote token")
        self._lifetime = timedelta(minutes=quote_minutes)

    def offer(
        self, order_no: str, selection: tuple[Selection, ...], reason_code: str, costs: Costs, now: datetime
    ) -> tuple[str, QuoteTerms]:
        """A new quote and its token. `now` is when `costs` were computed, aware UTC."""
        terms = QuoteTerms(
            nonce=secrets.token_hex(16),
            order_no=order_no,
            selection=tuple(sorted(selection, key=lambda wanted: wanted.line_no)),
            reason_code=reason_code,
            quoted_at=now,
            expires_at=now + self._lifetime,
            refund=costs.refund,
            extra=costs.extra,
            fingerprint=fingerprint(costs),
        )
        return self._sign(terms), terms

    def read(self, token: str) -> QuoteTerms:
        """The terms that a token of ours signs, expired or not. Raises BAD_VALUE for any other token."""
        try:
            claims: dict[str, Any] = jwt.decode(token, self._key, algorithms=[_ALGORITHM], audience=_AUDIENCE)
            signed = _Signed.model_validate(claims)
        except (jwt.PyJWTError, ValidationError, ValueError) as error:
            raise Refusal(Code.BAD_VALUE, "quote.forged", field="quoteToken") from error
        return QuoteTerms(
            nonce=signed.jti,
            order_no=signed.order,
            selection=tuple(Selection(line_no, quantity) for line_no, quantity in signed.lines),
            reason_code=signed.reason,
            quoted_at=signed.at.astimezone(UTC),
            expires_at=signed.until.astimezone(UTC),
            refund=signed.refund,
            extra=signed.extra,
            fingerprint=signed.print,
        )

    def _sign(self, terms: QuoteTerms) -> str:
        signed = _Signed(
            aud=_AUDIENCE,
            jti=terms.nonce,
            order=terms.order_no,
            lines=[(wanted.line_no, wanted.quantity) for wanted in terms.selection],
            reason=terms.reason_code,
            at=terms.quoted_at,
            until=terms.expires_at,
            refund=terms.refund,
            extra=terms.extra,
            print=terms.fingerprint,
        )
        return jwt.encode(signed.model_dump(mode="json"), self._key, algorithm=_ALGORITHM)
