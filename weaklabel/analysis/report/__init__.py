"""A page to look at: votes, labels and labeling functions in one HTML file.

:func:`write_report` writes it; ``docs/report.md`` tells what each part says. The file needs no
network and no server, follows the reader's choice of light or dark, and works with a keyboard.
"""

from weaklabel.analysis.report.write import report_page, write_report

__all__ = ["report_page", "write_report"]
