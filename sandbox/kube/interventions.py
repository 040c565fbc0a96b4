"""What somebody does to a cluster that runs, and undoes again: settings that differ from the cloud's usual ones.

api_certificate_days: how long the API's serving certificate is still valid; negative: it ended so many days ago.
stopped_deployments: regular expression of the names of Deployments that are scaled to nothing.
pod_images: start of a pod's name -> the image that all containers of such pods get, as by an admission webhook.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sandbox.kube.admission import Admission
from sandbox.kube.objects import Objects

Obj = dict[str, Any]
_DEPLOYMENTS = ("apps", "deployments")
_USUAL_DAYS = 365


class Interventions:
    """Makes one cluster as the settings say; with none of them it is as before.

    Args:
        renew: has the API show a certificate that is valid for so long from now on.
    """

    def __init__(self, objects: Objects, admission: Admission, renew: Callable[[timedelta], None]) -> None:
        self._objects, self._admission, self._renew = objects, admission, renew
        self._certificate_days = _USUAL_DAYS
        self._stopped: dict[tuple[str, str], int] = {}

    def apply(self, settings: Mapping[str, Any]) -> None:
        """Safe to repeat: only what differs is done."""
        days = settings.get("api_certificate_days", _USUAL_DAYS)
        if days != self._certificate_days:
            self._renew(timedelta(days=days))
            self._certificate_days = days
        self._admission.pod_images = settings.get("pod_images", {})
        self._stop_deployments(settings.get("stopped_deployments", ""))

    def _stop_deployments(self, pattern: str) -> None:
        there = {self._key(found): found["spec"]["replicas"] for found in self._objects.store.list(*_DEPLOYMENTS)}
        stopped = {key for key in there if re.fullmatch(pattern, key[1])}
        for key in stopped - self._stopped.keys():
            self._stopped[key] = there[key]
            self._scale(*key, 0)
        for key in self._stopped.keys() - stopped:
            replicas = self._stopped.pop(key)
            if key in there:
                self._scale(*key, replicas)

    def _scale(self, namespace: str, name: str, replicas: int) -> None:
        def change(deployment: Obj) -> Obj:
            return {**deployment, "spec": {**deployment["spec"], "replicas": replicas}}

        self._objects.patch(self._objects.kinds.of(*_DEPLOYMENTS), namespace, name, change)

    @staticmethod
    def _key(deployment: Obj) -> tuple[str, str]:
        return deployment["metadata"]["namespace"], deployment["metadata"]["name"]
