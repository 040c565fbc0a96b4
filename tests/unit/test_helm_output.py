"""What helm and kubectl print, made comparable: ages and drawn ports go, quantities and other numbers stay."""

from __future__ import annotations

import pytest

from tests.contract.helm.programs import normalised


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        ("demo   1/1     1            1           2m5s", "demo  1/1  1  1  <age>"),
        ("demo                                     3s   ", "demo  <age>"),
        ("2s          Normal   ScalingReplicaSet", "<age>  Normal  ScalingReplicaSet"),
        ("job    Complete   1/1           3s         4s    job", "job  Complete  1/1  <age>  <age>  job"),
        ("pod    1/1     Running   1 (12s ago)   15s", "pod  1/1  Running  1 (<age> ago)  <age>"),
        ("  Normal  Pulled  2s (x2 over 3s)", "  Normal  Pulled  <age> (x2 over <age>)"),
        ("Duration:         2s", "Duration:  <age>"),
        ("      cpu:     100m", "      cpu:  100m"),
        ("        cpu: 500m", "        cpu: 500m"),
        ("  timeout 5m of 30s", "  timeout 5m of 30s"),
        ("  op=Exists for 300s", "  op=Exists for 300s"),
        ("outside   NodePort   81:31234/TCP   3s", "outside  NodePort  81:<node port>/TCP  <age>"),
        ("NodePort:                 http  30080/TCP", "NodePort:  http  <node port>/TCP"),
        ("    nodePort: 30080", "    nodePort: <node port>"),
        ("  runAsUser: 30001", "  runAsUser: 30001"),
    ],
)
def test_ages_and_node_ports_go_where_they_are(printed: str, line: str) -> None:
    assert normalised(printed) == [line]
