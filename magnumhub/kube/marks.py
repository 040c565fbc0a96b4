"""The owner mark on what we put into Kubernetes: whose it is, so that nothing of others is ever changed."""

from __future__ import annotations

from collections.abc import Mapping

MANAGED_BY = "app.kubernetes.io/managed-by"
SITE = "magnumhub.io/site"
OURS = "magnumhub"


def labels(site: str) -> dict[str, str]:
    """The labels of an object of ours."""
    return {MANAGED_BY: OURS, SITE: site}


def is_ours(found: Mapping[str, str] | None, site: str) -> bool:
    """Whether an object's labels carry our mark for this site."""
    return all((found or {}).get(key) == value for key, value in labels(site).items())
