"""The generator behind `simulate`: plausible linked events as the bus would deliver them, and the truth about them.

It shares no code with `schemas/`: it knows the contract on its own, so that what it counts can judge the pipeline.
"""

from collections.abc import Iterator

from pipelines.simulator.config import SimulationConfig
from pipelines.simulator.event import SimulatedMessage
from pipelines.simulator.event_stream import Simulation
from pipelines.simulator.expected_results import SagaRow, Truth

__all__ = ["SagaRow", "SimulatedMessage", "Simulation", "SimulationConfig", "Truth", "messages"]


def messages(config: SimulationConfig) -> Iterator[SimulatedMessage]:
    """Yield the messages of all topics in publish order; use `Simulation` where the truth is wanted too."""
    return Simulation(config).messages()
