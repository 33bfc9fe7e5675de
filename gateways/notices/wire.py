"""What the senders of messages have in common: one request, its JSON, a Korean number, and a wish to be left alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx

from gateways.http import NEVER_SENT
from gateways.notices.port import Retry, Unknown

_SEPARATORS = re.compile(r"[\s().-]")
_NUMBER = re.compile(r"0[0-9]{8,10}")
_COUNTRY = "+82"


async def once(
    client: httpx.AsyncClient,
    provider: str,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    body: object = None,
) -> httpx.Response | Retry | Unknown:
    """One request, never repeated. Retry: it certainly never left; Unknown: it may have, and nothing was answered."""
    try:
        return await client.request(method, path, headers=headers, params=params, json=body)
    except NEVER_SENT:
        return Retry(f"{provider}_unreachable")
    except httpx.RequestError:
        return Unknown(f"{provider}_no_answer")


def read_object(answer: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object; an empty one for anything else."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def part(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object within an answer; an empty one for anything else."""
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def parts(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list within an answer."""
    found = body.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def wished_wait(answer: httpx.Response) -> float | None:
    """Seconds that the answer asks to be left alone for (`Retry-After`), None when it does not say."""
    told = answer.headers.get("retry-after", "")
    return float(told) if told.isdecimal() else None


def korean_number(written: str) -> str | None:
    """The number as Korean networks dial it, digits only; None for what is none."""
    number = _SEPARATORS.sub("", written)
    if number.startswith(_COUNTRY):
        number = "0" + number.removeprefix(_COUNTRY).removeprefix("0")
    return number if _NUMBER.fullmatch(number) else None
