"""The ready-made packs, by name."""

from __future__ import annotations

from typing import Final

from weaklabel import Pack, load_pack

PACKS: Final = (
    "labeling_functions.breast_cancer",
    "labeling_functions.contact_details",
    "labeling_functions.news_topic",
    "labeling_functions.sentiment",
    "labeling_functions.spouse",
    "labeling_functions.toxicity",
    "labeling_functions.wine",
    "labeling_functions.youtube_spam",
)


def all_packs() -> list[Pack]:
    """Every pack that comes with weaklabel, loaded."""
    return [load_pack(name) for name in PACKS]
