"""What is wrong with a request's fields, from pydantic's findings to a code, the field's wire path and a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api import texts
from domain.refusals import Code

_WHOLE_BODY = frozenset({"model_type", "model_attributes_type", "json_invalid", "json_type", "dict_type", "list_type"})
_TOO_SHORT = frozenset({"string_too_short", "too_short"})


@dataclass(frozen=True, slots=True)
class Fault:
    code: Code
    field: str
    message: str


def explain(findings: Sequence[Mapping[str, Any]], language: str) -> tuple[Code, list[Fault]]:
    """Every fault with its field, and the code that names the answer: the lowest among them."""
    faults = [_fault(finding, language) for finding in findings]
    return min(fault.code for fault in faults), faults


def field_path(loc: Sequence[str | int]) -> str:
    """``("body", "claimGoodsList", 0, "claimQty")`` is ``claimGoodsList[0].claimQty``; the body itself is ``body``."""
    parts = loc[1:] if len(loc) > 1 else loc
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _fault(finding: Mapping[str, Any], language: str) -> Fault:
    kind, loc = finding["type"], finding["loc"]
    if kind == "json_invalid":
        return Fault(Code.INVALID, "body", texts.fault("json_invalid", {"at": loc[-1]}, language))
    if kind in _WHOLE_BODY and tuple(loc) == ("body",):
        return Fault(Code.INVALID, "body", texts.fault("body_shape", {}, language))
    if _is_missing(kind, finding.get("input")):
        return Fault(Code.REQUIRED, field_path(loc), texts.fault("missing", {}, language))
    if kind == "extra_forbidden":
        return Fault(Code.BAD_VALUE, field_path(loc), texts.fault(kind, {}, language))
    return Fault(Code.BAD_VALUE, field_path(loc), texts.fault(kind, finding.get("ctx") or {}, language))


def _is_missing(kind: str, given: object) -> bool:
    """A required field that is absent, null or empty is missing; whatever else is wrong with it, it is a bad value."""
    if kind == "missing" or given is None:
        return True
    if isinstance(given, str):
        return not given.strip()
    return kind in _TOO_SHORT and given == []
