"""The name of a site as a flow's parameter: a plain string that Prefect's run form offers as a list."""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from magnumhub.domain.spec_file import site_names


class SiteName(str):
    """A site in deployments/sites, or the path of a site file from the command line and from Python.

    Its JSON Schema carries the names found when the deployment was made, so the form offers them as a list and a run
    started there is held to them; a call from Python is not.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(min_length=1))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        names = site_names()
        return {**handler(schema), **({"enum": names} if names else {})}
