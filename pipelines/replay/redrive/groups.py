"""The states of dead letters, and the columns that they are counted by."""

STATES = ("open", "redriven", "resolved", "given up")
GROUPS = {
    "code": "error_code",
    "path": "path",
    "topic": "topic",
    "stage": "stage",
    "event_type": "event_type",
    "table": "table_name",
    "state": "state",
}
"""Names of --group_by and their columns."""
