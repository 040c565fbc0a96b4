"""What a chart itself says of the values it takes: its values.yaml names every key, whatever its version is called.

So a development version between two releases gets the keys that it has, and not those that its number suggests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from magnumhub.domain.versions import version_of


@dataclass(frozen=True)
class ChartKeys:
    """A chart that values are composed for.

    own: its values.yaml.
    """

    version: str
    own: Mapping[str, Any] = field(repr=False)

    def knows(self, path: str) -> bool:
        """Whether its values.yaml has this dotted path, also where nothing is set there."""
        found: Any = self.own
        for key in path.split("."):
            if not isinstance(found, Mapping) or key not in found:
                return False
            found = found[key]
        return True

    def is_from(self, version: str) -> bool:
        """Whether it is this release or newer, for what only the programs in its images know.

        Args:
            version: of a release; what led up to it (3.0.0-0.dev) comes before it.
        """
        led_up = "-" in self.version.partition("+")[0]
        ours, theirs = version_of(self.version), version_of(version)
        return ours > theirs or (ours == theirs and not led_up)
