"""What may stand in a prompt. Each module holds the sources of one tier as pure functions of a `View`."""

from __future__ import annotations

from sensorium.prompting.sources import conversation, identity, shared, volatile
from sensorium.prompting.tiers import arranged

SOURCES = arranged((*shared.SOURCES, *identity.SOURCES, *conversation.SOURCES, *volatile.SOURCES))
