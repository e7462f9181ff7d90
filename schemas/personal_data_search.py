"""Find an entity's id in messages of any form: a rejected message can be anything, and is personal data too.

Which encodings are searched: schemas/hidden_text.py and docs/personal-data.md. An id is matched as a whole and with its
case: a longer id that begins or ends with it belongs to someone else.
"""

import re
from collections.abc import Mapping

from schemas.hidden_text import hidden_texts


class Mentions:
    """Finds one entity's id in payloads and attributes.

    Args:
        entity_id: the id, ASCII, as the events' `data` has it.
    """

    def __init__(self, entity_id: str) -> None:
        self._id = entity_id.encode()
        self._find = re.compile(
            rb"(?<![A-Za-z0-9])(?<![A-Za-z0-9][._:@-])" + re.escape(self._id) + rb"(?![._:@-]*[A-Za-z0-9])"
        ).search

    def in_message(self, data: bytes, attributes: Mapping[str, str]) -> bool:
        """Tell whether a message's payload or attributes name the entity, in any of the searched encodings."""
        return self.in_bytes(data) or any(
            self.in_bytes(text.encode("utf-8", "surrogatepass")) for pair in attributes.items() for text in pair
        )

    def in_bytes(self, data: bytes) -> bool:
        """Tell whether bytes name the entity, as they are or in any of the searched encodings."""
        return self._in_plain(data) or any(self._in_plain(text) for text in hidden_texts(data, len(self._id)))

    def _in_plain(self, data: bytes) -> bool:
        return self._id in data and self._find(data) is not None  # the first test is ten times as fast
