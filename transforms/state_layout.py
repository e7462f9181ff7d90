"""Layout versions of streaming state: every state value starts with a version byte, and the state's name has the version.

A change of a layout raises its version. The new name (`watch_v2`) makes the update check reject an update of a job whose
state has the old layout (pipelines/dataflow/compatibility.py); the byte makes a worker fail instead of misreading.
"""


class StateLayoutError(ValueError):
    """A state value has another layout than this version reads."""


def state_name(name: str, version: int) -> str:
    """Return the name of a state whose values have this layout version, as the graph holds it."""
    return f"{name}_v{version}"


def add_version(version: int, data: bytes) -> bytes:
    """Return a state value: the version byte, then the data."""
    return bytes((version,)) + data


def strip_version(version: int, packed: bytes, name: str) -> bytes:
    """Return the data of a state value; StateLayoutError if its version is another.

    Args:
        version: the layout version that this code reads.
        packed: the state value.
        name: the state, for the error.
    """
    if packed[:1] != bytes((version,)):
        found = packed[0] if packed else "none"
        raise StateLayoutError(f"state {name}: layout version {found}, this version reads {version}; drain the job")
    return packed[1:]
