"""
What every test shares: Hypothesis profiles.

`dev` is quick and different each time. `ci` is the same each time, so that a failure is
the change's and not chance's. `thorough` is for a long look by hand:
``HYPOTHESIS_PROFILE=thorough pytest tests/stateful``.
"""

import os

from hypothesis import HealthCheck, settings

# Machines here are small and noisy: a deadline would test the machine.
_shared = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("dev", _shared, max_examples=60)
settings.register_profile("ci", _shared, max_examples=100, derandomize=True)
settings.register_profile("thorough", _shared, max_examples=5_000)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
)
