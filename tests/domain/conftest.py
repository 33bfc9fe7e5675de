"""Sets how thoroughly the property tests look."""

from __future__ import annotations

from tests.support.profiles import load_profile

load_profile()
