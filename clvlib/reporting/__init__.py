"""From a scenario to a site: parameters, Papermill, pages. Chapters import one name from here, ``hand_over``.

Nothing else is imported at this point, so that a chapter pays for no part of the machinery that runs it.
"""

from clvlib.reporting.hand_over import hand_over

__all__ = ["hand_over"]
