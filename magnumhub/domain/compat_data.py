"""Which chart holds which hub or gateway, and which Kubernetes it runs on: data with its sources, no logic.

Minimum: `kubeVersion` of each chart. Upper bound: the first Kubernetes without an API that the chart uses with its
default values. Sources: the charts' own Chart.yaml and templates at their release tags (0.7.0 to 4.4.0 of
jupyterhub/zero-to-jupyterhub-k8s, 0.8.0 to 2026.3.0 of dask/dask-gateway), and for the removals
https://kubernetes.io/docs/reference/using-api/deprecation-guide/. Read 2026-11-25.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChartLine:
    """Chart versions that run on the same Kubernetes.

    kubernetes_below: the first minor version that they no longer run on; None: none is known.
    why_below: what is missing there.
    apps: chart version to the version of the hub or gateway in it.
    """

    kubernetes_min: str
    kubernetes_below: str | None
    why_below: str
    apps: dict[str, str]


_PDB = "policy/v1beta1 PodDisruptionBudgets, which the chart makes, are gone since Kubernetes 1.25"
_OLD_SCHEDULER = "the chart's user scheduler 1.19 watches policy/v1beta1, which is gone since Kubernetes 1.25"
_CAPACITIES = "the chart's user scheduler 1.23 watches storage.k8s.io/v1beta1, which is gone since Kubernetes 1.27"
_OLD_CRDS = "apiextensions.k8s.io/v1beta1, which the chart's definitions use, is gone since Kubernetes 1.22"

JUPYTERHUB = (
    ChartLine("1.8", "1.25", _PDB, {"0.7.0": "0.9.2"}),
    ChartLine(
        "1.11",
        "1.25",
        _PDB,
        {
            "0.8.0": "0.9.4",
            "0.8.1": "0.9.5",
            "0.8.2": "0.9.6",
            "0.9.0": "1.1.0",
            "0.9.1": "1.1.0",
            "0.10.0": "1.2.0",
            "0.10.1": "1.2.1",
            "0.10.2": "1.2.1",
        },
    ),
    ChartLine(
        "1.14",
        "1.25",
        _PDB,
        {
            "0.10.3": "1.2.1",
            "0.10.4": "1.2.1",
            "0.10.5": "1.2.2",
            "0.10.6": "1.2.2",
            "0.11.0": "1.3.0",
            "0.11.1": "1.3.0",
        },
    ),
    ChartLine(
        "1.17",
        "1.25",
        _OLD_SCHEDULER,
        {
            "1.0.0": "1.4.1",
            "1.0.1": "1.4.1",
            "1.1.0": "1.4.2",
            "1.1.1": "1.4.2",
            "1.1.2": "1.4.2",
            "1.1.3": "1.4.2",
            "1.1.4": "1.4.2",
            "1.2.0": "1.5.0",
        },
    ),
    ChartLine("1.20", "1.27", _CAPACITIES, {"2.0.0": "3.0.0"}),
    ChartLine(
        "1.23",
        None,
        "",
        {
            "3.0.0": "4.0.2",
            "3.0.1": "4.0.2",
            "3.0.2": "4.0.2",
            "3.0.3": "4.0.2",
            "3.1.0": "4.0.2",
            "3.2.0": "4.0.2",
            "3.2.1": "4.0.2",
            "3.3.0": "4.1.0",
            "3.3.1": "4.1.0",
            "3.3.2": "4.1.0",
            "3.3.3": "4.1.1",
            "3.3.4": "4.1.2",
            "3.3.5": "4.1.3",
            "3.3.6": "4.1.4",
            "3.3.7": "4.1.5",
            "3.3.8": "4.1.6",
        },
    ),
    ChartLine(
        "1.28",
        None,
        "",
        {
            "4.0.0": "5.2.1",
            "4.1.0": "5.2.1",
            "4.2.0": "5.3.0",
            "4.3.0": "5.4.0",
            "4.3.1": "5.4.1",
            "4.3.2": "5.4.3",
            "4.3.3": "5.4.4",
            "4.3.4": "5.4.5",
            "4.3.5": "5.4.6",
            "4.4.0": "5.5.0",
        },
    ),
)

DASK_GATEWAY = (
    ChartLine("1.8", "1.22", _OLD_CRDS, {version: version for version in ("0.8.0", "0.9.0")}),
    ChartLine(
        "1.20",
        None,
        "",
        {
            version: version
            for version in (
                "2022.4.0",
                "2022.6.0",
                "2022.6.1",
                "2022.10.0",
                "2022.11.0",
                "2023.1.0",
                "2023.1.1",
            )
        },
    ),
    ChartLine("1.24", None, "", {"2023.9.0": "2023.9.0"}),
    ChartLine("1.25", None, "", {"2024.1.0": "2024.1.0"}),
    ChartLine("1.30", None, "", {version: version for version in ("2025.4.0", "2026.3.0")}),
)

CHARTS = {"jupyterhub": JUPYTERHUB, "dask-gateway": DASK_GATEWAY}

FIRST_COMPOSED = {"jupyterhub": "2.0.0", "dask-gateway": "2022.4.0"}
"""The first charts that the composed values are for."""

WHY_NONE_OLDER = {
    # One that does not know hub.config either would install a hub that lets everybody in.
    "jupyterhub": "older ones know no roles",
    # Of 0.4.1 to 0.9.0: extensions/v1beta1, later apiextensions.k8s.io/v1beta1.
    "dask-gateway": "older ones use APIs that are gone since Kubernetes 1.22",
}

FIRST_STRICT_VALUES = "1.2.0"
"""From this jupyterhub chart on, singleuser.storage.type is one of dynamic, static, none. Source: its values.schema."""

FIRST_HUB_COMPARING_MAJORS = "5.2.1"
"""From this hub on, only another major version of the single-user server is remarked; before, another minor as well.

Source: jupyterhub/_version.py, _check_version; ran with hub 6.1.1: single-user 5.2.1 and 4.1.6 work, 1.1.0 answers but
its kernels are refused with 403.
"""
