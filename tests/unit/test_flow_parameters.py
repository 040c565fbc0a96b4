"""Numbers of flows that are given in Prefect's form: what makes no sense is refused, there and by the flow."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from prefect.exceptions import ParameterTypeError

from flows.check_fleet import check_fleet
from flows.mark_crashed import mark_crashed

RUN = {"flow_run_id": UUID(int=1)}


@pytest.mark.parametrize(
    ("flow", "others", "name", "bound", "refused", "least"),
    [
        (check_fleet, {}, "max_age_h", {"exclusiveMinimum": 0}, 0, 0.1),
        (check_fleet, {}, "deadline_min", {"exclusiveMinimum": 0}, 0, 0.1),
        (mark_crashed, RUN, "silent_s", {"minimum": 30}, 29, 30),
    ],
)
def test_a_number_has_its_bound_in_the_form_and_in_the_flow(
    flow: Any, others: dict[str, Any], name: str, bound: dict[str, int], refused: float, least: float
) -> None:
    shown = flow.parameters.properties[name]
    assert bound.items() <= shown.items()
    assert shown["type"] == "number"
    assert shown["description"]
    for number in (-1, refused):
        with pytest.raises(ParameterTypeError, match=name):
            flow.validate_parameters({**others, name: number})
    assert flow.validate_parameters({**others, name: least})[name] == least
