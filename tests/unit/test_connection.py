"""What is said of a credential that was tried out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from magnumhub.domain.checks.expiry import Expiry
from magnumhub.domain.connection import Connection, judge_connection
from magnumhub.domain.facts import CloudFacts, Credential, ProjectFacts, Quota
from magnumhub.domain.report.connection import refused_page

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ALL = ("container-infra", "compute", "network", "load-balancer")
MAY = Credential(kind="application_credential", unrestricted=True, roles=("member",))
FACTS = CloudFacts(
    project=ProjectFacts(id="p-1", name="iris"),
    credential=MAY,
    services=ALL,
    quotas={"floating_ips": Quota(used=1, limit=5), "ram_mib": Quota(used=0, limit=-1)},
    keypairs=("ops",),
    unseen={"quotas of Cinder": "the catalog has no such service"},
)


def tried(ends_at: datetime | None = None, **facts: Any) -> Connection:
    ends = Expiry(what="application_credential", name="nightly", ends_at=ends_at)
    url, known = "https://k:5000/v3", FACTS.model_copy(update=facts)
    seen = Connection(name="block:iris", auth_url=url, user="ops", domain="Default", ends=ends, facts=known)
    return judge_connection(seen, now=NOW)


def test_one_that_may_do_all_is_healthy() -> None:
    seen = tried()
    assert (seen.level, seen.findings) == ("Healthy", ())


@pytest.mark.parametrize(
    ("seen", "level", "said"),
    [
        (tried(credential=MAY.model_copy(update={"unrestricted": False})), "Unhealthy", "is restricted"),
        (tried(credential=MAY.model_copy(update={"roles": ("reader",)})), "Unhealthy", "only the roles reader in iris"),
        (tried(credential=MAY.model_copy(update={"roles": ("chief",)})), "Healthy", "only the roles chief in iris"),
        (tried(services=ALL[1:]), "Unhealthy", "the catalog has no container-infra service"),
        (tried(ends_at=NOW + timedelta(days=3)), "Degraded", "the application credential nightly ends in 3 days"),
    ],
)
def test_what_it_may_not_do_is_said(seen: Connection, level: str, said: str) -> None:
    assert seen.level == level
    assert said in seen.findings[0].summary
    assert said in seen.markdown


def test_the_page_says_as_whom_until_when_and_how_much_is_free() -> None:
    page = tried(ends_at=datetime(2027, 11, 26, 9, tzinfo=UTC)).markdown
    assert "https://k:5000/v3" in page
    for line in (
        "# Healthy: block:iris",
        "Sites can be made with it.",
        "| user | ops (domain Default) |",
        "| project | iris (p-1) |",
        "| credential | an application credential, unrestricted; roles: member |",
        "| ends | 2027-11-26 09:00 UTC |",
        "| load balancers | yes |",
        "| keypairs | ops |",
        "| cluster templates | unknown |",
        "| floating ips | 1 | 5 | 4 |",
        "| ram mib | 0 | none | – |",
        "| quotas of Cinder | the catalog has no such service |",
    ):
        assert line in page.splitlines()


def test_one_that_lets_nobody_in_has_a_page_too() -> None:
    assert refused_page("block:iris", "HTTP 401", "correct it").splitlines()[0] == "# Unhealthy: block:iris"
