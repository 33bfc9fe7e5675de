"""Texts for people, in Korean and English. They say what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request

from domain.refusals import Refusal

LANGUAGES = ("ko", "en")


def language_of(request: Request) -> str:
    return "ko"


def refusal(refusal: Refusal, language: str) -> str:
    return refusal.reason


def fault(kind: str, facts: Mapping[str, Any], language: str) -> str:
    return kind


def wrong_fields(faults: Sequence[tuple[str, str]], language: str) -> str:
    return ", ".join(f"{field}: {message}" for field, message in faults)
