"""A Kubernetes API of the sandbox with the sandbox's own nodes, whose pods are processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import addresses, images
from tests.sandbox.conftest import ROOT
from tests.sandbox.kube_rig import Rig


@dataclass(frozen=True)
class NodeProcess:
    """The nodes' process, what it was told to be, and where it keeps its volumes."""

    process: subprocess.Popen[bytes]
    nodes: Path
    folder: Path


@contextmanager
def rig_with_real_nodes(
    folder: Path, *, image_folder: Path = images.FOLDER, environment: Mapping[str, str] | None = None, **settings: Any
) -> Iterator[tuple[Rig, NodeProcess]]:
    """A cluster with two nodes; nothing went wrong in them that only their log tells."""
    plan, lock = addresses.claim()
    rig = Rig(folder, service_cidr=plan.services(0), default_storage_class=True, **settings)
    user = rig.cluster.kubeconfig(rig.server, "system:node:node-0", ["system:nodes", "system:masters"])
    (folder / "node.kubeconfig").write_text(user)
    nodes = {f"node-{number}": f"127.{plan.octet}.8.1{number + 1}" for number in (0, 1)}
    (folder / "nodes.json").write_text(json.dumps(nodes))
    program = [sys.executable, "-m", "sandbox.node", f"--kubeconfig={folder}/node.kubeconfig"]
    program += [f"--nodes={folder}/nodes.json", f"--source={nodes['node-0']}"]
    program += ["--cpu=8", "--memory-gib=8", f"--pod-cidr={plan.pods(0)}", f"--service-cidr={plan.services(0)}"]
    program += [f"--dir={folder}/node", f"--images={image_folder}"]
    with (folder / "node.log").open("w") as log:
        process = subprocess.Popen(program, cwd=ROOT, env={**os.environ, **(environment or {})}, stderr=log)
    try:
        yield rig, NodeProcess(process, folder / "nodes.json", folder / "node")
        assert "Traceback" not in (folder / "node.log").read_text()
    finally:
        process.terminate()
        process.wait(10)
        rig.close()
        lock.close()
