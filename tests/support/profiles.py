"""How many examples the property tests try: ``HYPOTHESIS_PROFILE`` names ``default`` or ``nightly``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Generated orders are large values on purpose, and the machine that runs them is shared: no deadline.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.register_profile("default", _patient, max_examples=300, derandomize=True)
settings.register_profile("nightly", _patient, max_examples=10_000)


def load_profile() -> None:
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
