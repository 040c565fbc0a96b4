"""Which quotas are an alarm and which a remark, with literal values."""

from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.checks.quota import judge_quotas, told_quotas
from magnumhub.domain.facts import Quota, QuotaFacts
from magnumhub.domain.findings import Category
from magnumhub.domain.spec import EphemeralStorage, Site
from magnumhub.domain.spec_file import load_site

EXAMPLE = load_site("deployments/example-site.yaml")  # dynamic storage, homes of 10 GiB
EPHEMERAL = EXAMPLE.model_copy(update={"storage": EphemeralStorage(kind="ephemeral")})


def facts(**quotas: tuple[Any, Any]) -> QuotaFacts:
    return QuotaFacts(quotas={name: Quota(used=used, limit=limit) for name, (used, limit) in quotas.items()})


@pytest.mark.parametrize(
    ("site", "seen", "levels"),
    [
        (EXAMPLE, facts(volumes=(10, 40), gigabytes=(100, 2000)), []),
        (EXAMPLE, facts(volumes=(36, 40), gigabytes=(100, 2000)), ["Degraded"]),
        (EXAMPLE, facts(volumes=(35, 40), gigabytes=(1800, 2000)), ["Degraded"]),
        (EXAMPLE, facts(volumes=(40, 40), gigabytes=(100, 2000)), ["Degraded"]),
        (EXAMPLE, facts(volumes=(4, 40), gigabytes=(41, 50)), ["Degraded"]),
        (EXAMPLE, facts(volumes=(900, -1), gigabytes=(90000, -1)), []),
        (EXAMPLE, facts(volumes=(None, None)), []),
        (EPHEMERAL, facts(volumes=(40, 40), gigabytes=(2000, 2000)), ["Healthy"]),
        # what a running site takes no more of, is used up by the sites that run
        (EXAMPLE, facts(clusters=(1, 1), floating_ips=(3, 3), load_balancers=(2, 2)), ["Healthy"]),
        (EXAMPLE, facts(instances=(9, 10), cores=(17, 20)), ["Healthy"]),
        (EXAMPLE, facts(load_balancers=(0, 0)), []),
        (EXAMPLE, facts(), []),
    ],
)
def test_only_what_new_users_need_is_an_alarm(site: Site, seen: QuotaFacts, levels: list[str]) -> None:
    findings = judge_quotas(site, seen)
    assert [finding.level for finding in findings] == levels
    assert {(finding.check, finding.category) for finding in findings} <= {("quota", Category.QUOTA)}


def test_that_new_users_get_no_home_is_said() -> None:
    (finding,) = judge_quotas(EXAMPLE, facts(volumes=(20, 40), gigabytes=(1995, 2000)))
    assert finding.summary == (
        "new users get no home, their notebook servers stay pending: a home takes a volume of 10 GiB, and"
        " 20 of 40 volumes and 1995 of 2000 GiB of volumes are used"
    )
    (finding,) = judge_quotas(EXAMPLE, facts(volumes=(20, 40), gigabytes=(1965, 2000)))
    assert finding.summary.startswith("room for the homes of 3 more users: ")


def test_remarks_are_one_line() -> None:
    (finding,) = judge_quotas(EXAMPLE, facts(instances=(3, 3), floating_ips=(3, 3), cores=(4, 20)))
    assert finding.summary.endswith(": 3 of 3 floating IPs, 3 of 3 instances")


def test_the_most_used_one_and_what_is_unknown_in_one_line() -> None:
    seen = facts(instances=(3, 10), ram_mib=(5120, 10240), ports=(1, None))
    seen = seen.model_copy(update={"unseen": {"quotas of Cinder": "the catalog has no such service"}})
    assert told_quotas(seen) == (
        "the most used quota: 5120 of 10240 MiB of memory; unknown: ports;"
        " quotas of Cinder could not be looked at: the catalog has no such service"
    )
    assert told_quotas(facts(instances=(3, -1))) == "no quota with a limit was seen"
