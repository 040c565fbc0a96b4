"""A chart with one of everything that ours have, written for a test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CHART: dict[str, str] = {
    "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.2.3\nappVersion: '9.9'\ndescription: for a contract\n",
    "values.yaml": "color: red\nreplicas: 1\nimage: web:1\nlabel: demo\nhook: hook:1\nhold: {}\n",
    "crds/widgets.yaml": """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.contract.example.org}
spec:
  group: contract.example.org
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {size: {type: integer}}}}
""",
    "templates/widget.yaml": """\
apiVersion: contract.example.org/v1
kind: Widget
metadata: {name: demo}
spec: {size: 3}
""",
    "templates/map.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: demo}
data: {color: {{ .Values.color | quote }}}
""",
    "templates/secret.yaml": """\
apiVersion: v1
kind: Secret
metadata: {name: demo}
stringData: {token: secret}
""",
    "templates/account.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: demo}\n",
    "templates/claim.yaml": """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: demo
  annotations: {helm.sh/resource-policy: keep}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: ""
  volumeName: {{ .Release.Namespace }}
  resources: {requests: {storage: 1Gi}}
""",
    "templates/service.yaml": """\
apiVersion: v1
kind: Service
metadata: {name: demo, labels: {app: demo}}
spec:
  selector: {app: demo}
  ports: [{name: http, port: 80, targetPort: 8080}]
""",
    "templates/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: demo, labels: {app: demo}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Values.label }}}}
  template:
    metadata: {labels: {app: {{ .Values.label }}}}
    spec:
      serviceAccountName: demo
      containers:
      - name: web
        image: {{ .Values.image | quote }}
        env: [{name: COLOR, value: {{ .Values.color | quote }}}]
""",
    "templates/hook.yaml": """\
apiVersion: batch/v1
kind: Job
metadata:
  name: demo-hook
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {{ toJson .Values.hold }}
      containers: [{name: hook, image: {{ .Values.hook | quote }}}]
""",
    "templates/NOTES.txt": "The color is {{ .Values.color }}.\n",
}


def write_chart(folder: Path, changes: Mapping[str, str | None] | None = None) -> Path:
    """Write the chart into a folder.

    Args:
        changes: files by name, laid over the chart's own; None takes one away.
    """
    for name, text in {**CHART, **(changes or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
    return folder
