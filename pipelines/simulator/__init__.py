"""Generate test messages as Pub/Sub would deliver them, and the expected results (the command `simulate`).

It shares no code with `schemas/` and implements the contract a second time, so its counts can verify the pipeline.
"""

from collections.abc import Iterator

from pipelines.simulator.config import SimulationConfig
from pipelines.simulator.event import SimulatedMessage
from pipelines.simulator.event_stream import Simulation
from pipelines.simulator.expected_results import ExpectedResults, SagaRow

__all__ = ["ExpectedResults", "SagaRow", "SimulatedMessage", "Simulation", "SimulationConfig", "messages"]


def messages(config: SimulationConfig) -> Iterator[SimulatedMessage]:
    """Yield the messages of all topics in publish order; use `Simulation` to get the expected results too."""
    return Simulation(config).messages()
