"""The size of the state machines: small in the suite, larger where STATE_MACHINES says by how much."""

import os

from hypothesis import HealthCheck, settings


def machine_settings(examples: int, steps: int) -> settings:
    """So many examples of so many steps. STATE_MACHINES=50 makes 50 times as many, drawn anew in each run."""
    times = int(os.environ.get("STATE_MACHINES", "1"))
    return settings(
        max_examples=examples * times,
        stateful_step_count=steps,
        deadline=None,
        derandomize=times == 1,
        suppress_health_check=list(HealthCheck),
    )
