"""The command that lists what comes ready-made: ``packs``."""

from __future__ import annotations

import importlib

from weaklabel.cli.command import command
from weaklabel.cli.screen import Screen


@command
def packs(screen: Screen) -> None:
    """List the ready-made packs of labeling functions.

    Example: weaklabel packs
    """
    # By name: the library does not depend on the ready-made rules that come with it.
    found = importlib.import_module("labeling_functions.packs").all_packs()
    rows = []
    for pack in found:
        about = pack.doc.partition("\n\n")[0].replace("\n", " ").replace("``", "")
        classes = [] if pack.labels is None else list(pack.labels.names)
        rows.append({"pack": pack.name, "n_lfs": len(pack), "classes": classes, "about": about})
        screen.say(pack.name, style="bold")
        screen.say(f"  {about}")
        screen.say(f"  {len(pack)} labeling functions, classes {', '.join(classes)}")
    screen.say()
    screen.say(
        "Run one: weaklabel run labeling_functions.sentiment reviews.csv --out labels.parquet"
    )
    screen.result({"packs": rows})
