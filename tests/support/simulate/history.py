"""What happened in a simulation: the trace of all events, and counts that prove that each fault happened."""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256


@dataclass
class History:
    """The events of one seed, in order."""

    trace: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    """Conditions that did not hold, in words."""

    def note(self, event: str) -> None:
        """Add an event to the trace."""
        self.trace.append(event)

    def sometimes(self, name: str, times: int = 1) -> None:
        """Count something that must happen at some time in a run over many seeds."""
        self.happened[name] += times
        self.trace.append(f"* {name}")

    def fail(self, text: str) -> None:
        """A condition does not hold."""
        self.failures.append(text)
        self.trace.append(f"FAILED {text}")

    @property
    def text(self) -> str:
        """The trace as lines."""
        return "".join(f"{line}\n" for line in self.trace)

    @property
    def digest(self) -> str:
        """The trace in a few letters."""
        return sha256(self.text.encode()).hexdigest()[:16]
