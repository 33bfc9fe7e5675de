"""The parts that the routes work with, built once by `api.main` and found on the application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from domain.policy import Policy
from settings import Settings
from store.database import Database
from store.private import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    settings: Settings
    database: Database
    policy: Policy
    vault: Vault


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


TheParts = Annotated[Parts, Depends(parts_of)]
