"""What a site file may say: every field with its meaning, unit and range.

The models are the one place where a key of deployments/sites/*.yaml is named; deployments/site.schema.json is written
from them so that an editor completes the file. A site holds no secrets, only where they are (`SecretRef`). What no
single field can tell, contradictions between fields, is in spec_rules.py; reading a file and wording its problems is in
spec_file.py.

Source: ranges as measured on Magnum 23 (master_count 2 and docker_volume_size 0 are refused there).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, model_validator

from magnumhub.domain.spec_forms import NEWEST as NEWEST
from magnumhub.domain.spec_forms import (
    Allow,
    ChartVersion,
    Cron,
    Hostname,
    JumpHost,
    LabelValue,
    Limit,
    Matching,
    Namespace,
    OptionalAddress,
    Sha256,
    SiteName,
    Text,
    TimeZone,
    Url,
    expected,
)

OUR_LABEL = "magnumhub_site"
"""The label of a Magnum cluster that says whose it is; never given by a site file."""


class Spec(BaseModel):
    """Base of all parts of a site: unknown keys are refused, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


class SecretRef(Spec):
    """Where a secret is; never the secret itself. Exactly one of the three keys."""

    env: Text | None = Field(default=None, description="Name of an environment variable of the runner.")
    file: Text | None = Field(
        default=None, description="Path of a file on the runner; its text without the last newline. ~ is the home."
    )
    block: Text | None = Field(default=None, description="Name of a Prefect Secret block.")

    @model_validator(mode="after")
    def _one(self) -> SecretRef:
        if sum(value is not None for value in (self.env, self.file, self.block)) != 1:
            raise expected("exactly one of {env: NAME}, {file: PATH}, {block: NAME}")
        return self

    def __str__(self) -> str:
        kind, name = next((kind, name) for kind, name in self if name is not None)
        return f"{kind}:{name}"


class ClusterSpec(Spec):
    """The Magnum cluster."""

    template: Text = Field(
        default="latest",
        description="Name or uuid of a cluster template; `latest` is the newest on which a known pair of charts runs, "
        "resolved when the cluster is created and never again.",
    )
    keypair: Text = Field(description="Name of the Nova keypair whose key opens ssh to the masters.")
    master_count: StrictInt = Field(
        default=1, ge=1, le=7, description="Number of masters, odd (etcd needs a majority): 1 to 7."
    )
    node_count: StrictInt = Field(
        default=1,
        ge=1,
        le=1000,
        description="Number of nodes that run users and Dask: 1 to 1000. A cluster that is there follows it.",
    )
    node_flavor: Text | None = Field(default=None, description="Nova flavor of the nodes; null is the template's.")
    docker_volume_size_gib: StrictInt = Field(
        default=20,
        ge=10,
        le=16384,
        description="Volume for container images of each server, in GiB: 10 to 16384. Cluster API clouds take it "
        "as the boot volume's size (label boot_volume_size).",
    )
    labels: dict[str, LabelValue] = Field(
        default_factory=dict,
        description="Magnum labels, merged over the template's. True and false are sent in lower case.",
    )
    create_timeout_min: StrictInt = Field(
        default=90, ge=1, le=1440, description="Longest time for the creation, in minutes: 1 to 1440."
    )

    def magnum_labels(self) -> dict[str, str]:
        """The labels as Magnum takes them: text only."""
        return {
            key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in self.labels.items()
        }


class FloatingIpsSpec(Spec):
    """A floating IP for each part: `auto` (the one marked with this role, else a new one), `none`, or an address."""

    master: OptionalAddress = Field(
        default="auto",
        description="For ssh to the first master. none: no ssh address (Cluster API, kubeconfig, jump host).",
    )
    jupyterhub: OptionalAddress = Field(default="auto", description="For the users' JupyterHub; `none` is refused.")
    dask_gateway: OptionalAddress = Field(
        default="auto", description="For Dask Gateway from outside. none: inside the cluster only."
    )


class IngressSpec(Spec):
    """Whether the cloud's firewall lets our addresses in."""

    approval: Literal["ask", "open"] = Field(
        default="open",
        description="ask: a person must open new addresses, the run waits for it. open: nobody needs to be asked.",
    )
    request_to: Text | None = Field(
        default=None, description="To whom the request goes (an e-mail address or a ticket page)."
    )


class NetworkSpec(Spec):
    """Addresses and what leads to them."""

    external_network: Text = Field(
        default="public", description="Name or id of the network that floating IPs come from."
    )
    floating_ips: FloatingIpsSpec = Field(default_factory=FloatingIpsSpec, description="Floating IPs by role.")
    ingress: IngressSpec = Field(default_factory=IngressSpec, description="The cloud's firewall.")
    load_balancers: Literal["auto", "external"] = Field(
        default="auto",
        description="auto: the cloud's load-balancer service. external: the cluster brings a controller of its own.",
    )


class AccessSpec(Spec):
    """How Kubernetes is reached."""

    via: Literal["auto", "master", "kubeconfig"] = Field(
        default="auto",
        description="master: through ssh to the first master. kubeconfig: the public API. auto: as the cloud is.",
    )
    ssh_user: Text = Field(default="core", description="User on the masters.")
    ssh_port: StrictInt = Field(default=22, ge=1, le=65535, description="TCP port of ssh on the masters: 1 to 65535.")
    ssh_key: Text | None = Field(
        default=None,
        description="Path of the private key on the runner (~ is the home), or block:NAME of an SSH key block; null: "
        "ssh's agent and default keys.",
    )
    jump_host: JumpHost | None = Field(
        default=None, description="[user@]host[:port] through which the masters are reached."
    )


class DynamicStorage(Spec):
    """A volume for each user and one for the hub, made on demand."""

    kind: Literal["dynamic"] = Field(default="dynamic", description="Volumes on demand.")
    storage_class: Text = Field(
        default="default", alias="class", description="StorageClass; `default` is the cluster's default one."
    )
    home_gib: StrictInt = Field(default=10, ge=1, le=10240, description="Size of each user's home, in GiB: 1 to 10240.")


class EphemeralStorage(Spec):
    """Nothing is kept: users' files and the hub's users vanish when a pod restarts."""

    kind: Literal["ephemeral"] = Field(description="No volumes.")


StorageSpec = Annotated[DynamicStorage | EphemeralStorage, Field(discriminator="kind")]


class HelmSpec(Spec):
    """Which Helm, from where, run where."""

    version: Annotated[
        StrictStr, Matching(r"(?:[4-9]|[1-9]\d+)\.\d+\.\d+", "a version of Helm from 4 on, such as 4.1.4")
    ] = Field(description="Version of Helm, 4 or newer (server-side apply), without v.")
    sha256: Sha256 | None = Field(
        default=None, description="SHA-256 of helm-vVERSION-linux-amd64.tar.gz, as get.helm.sh publishes it."
    )
    source: Literal["download", "upload"] = Field(
        default="download", description="How the master gets it: it downloads it, or the runner uploads its own."
    )
    run_on: Literal["auto", "master", "runner"] = Field(
        default="auto", description="Where helm runs; auto: on the master where there is ssh, else on the runner."
    )
    path: Text | None = Field(
        default=None, description="This executable on the runner; null: PATH's if of that version, else fetched."
    )


class ImageSpec(Spec):
    """The one image of notebooks, Dask schedulers and workers."""

    name: Annotated[
        StrictStr, Matching(r"[^\s:@]+(?::\d+/[^\s:@]+)?", "a repository without tag, such as pangeo/pangeo-notebook")
    ] = Field(description="Repository of the image, with its registry where it is not Docker Hub.")
    tag: Annotated[StrictStr, Matching(r"\w[\w.-]{0,127}", "a tag such as 2026.10.02")] = Field(
        description="Tag of the image; one that never moves, so that all three run the same versions."
    )

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.tag}"


class ChartSpec(Spec):
    """A Helm chart by repository and version."""

    repo: Url = Field(description="Address of the Helm repository.")
    version: ChartVersion = Field(
        default=NEWEST, description="Chart version; newest-compatible is resolved at the first install and kept."
    )


class HttpsOff(Spec):
    """Plain http: for trials, or inside a network of your own."""

    kind: Literal["off"] = Field(description="Plain http.")


class HttpsLetsEncrypt(Spec):
    """A certificate that the hub's proxy gets and renews itself."""

    kind: Literal["letsencrypt"] = Field(
        description="A certificate from Let's Encrypt; hostname must lead to the address."
    )
    contact_email: Annotated[StrictStr, Matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")] = Field(
        description="Where Let's Encrypt writes to before a certificate expires."
    )


class HttpsSecret(Spec):
    """A certificate that you keep in a Secret."""

    kind: Literal["secret"] = Field(description="A certificate of yours in a Secret of the hub's namespace.")
    secret_name: Namespace = Field(description="Name of that Secret (type kubernetes.io/tls).")


class HttpsOffload(Spec):
    """https ends before the load balancer."""

    kind: Literal["offload"] = Field(description="Something before the load balancer ends https.")


HttpsSpec = Annotated[HttpsOff | HttpsLetsEncrypt | HttpsSecret | HttpsOffload, Field(discriminator="kind")]
_ALLOW = "Who may log in: all, or a list of user names. No default: a hub from 5.0 on lets nobody in without it."
_ADMINS = "User names that administer the hub."


class OidcAuth(Spec):
    """Login at an OpenID Connect provider."""

    kind: Literal["oidc"] = Field(description="Any OpenID Connect provider.")
    client_id: Text = Field(description="The hub's client id at the provider.")
    client_secret: SecretRef = Field(description="Where the client secret is.")
    authorize_url: Url = Field(description="The provider's authorization endpoint.")
    token_url: Url = Field(description="The provider's token endpoint.")
    userdata_url: Url = Field(description="The provider's userinfo endpoint.")
    username_claim: Text = Field(description="Claim that becomes the user's name, such as preferred_username.")
    scope: tuple[Text, ...] = Field(default=("openid",), description="Scopes asked for; openid at least.")
    allow: Allow = Field(description=_ALLOW)
    admins: tuple[Text, ...] = Field(default=(), description=_ADMINS)


class GithubAuth(Spec):
    """Login with GitHub."""

    kind: Literal["github"] = Field(description="GitHub accounts.")
    client_id: Text = Field(description="The OAuth app's client id.")
    client_secret: SecretRef = Field(description="Where the client secret is.")
    allowed_organizations: tuple[Text, ...] = Field(
        default=(), description="Members of these organizations may log in."
    )
    allow: Allow | None = Field(default=None, description=_ALLOW + " null: members of allowed_organizations only.")
    admins: tuple[Text, ...] = Field(default=(), description=_ADMINS)


class DummyAuth(Spec):
    """Login with one password for everybody."""

    kind: Literal["dummy"] = Field(description="One password for everybody: for trials only.")
    password: SecretRef = Field(description="Where the password is.")
    allow: Allow = Field(description=_ALLOW)
    admins: tuple[Text, ...] = Field(default=(), description=_ADMINS)


AuthSpec = Annotated[OidcAuth | GithubAuth | DummyAuth, Field(discriminator="kind")]


class JupyterHubSpec(Spec):
    """The hub."""

    chart: ChartSpec = Field(
        default_factory=lambda: ChartSpec(repo="https://hub.jupyter.org/helm-chart/", version=NEWEST),
        description="Its chart.",
    )
    namespace: Namespace = Field(default="jhub", description="Kubernetes namespace of the hub and its users.")
    hostname: Hostname | None = Field(default=None, description="The name users type; null: the address.")
    https: HttpsSpec = Field(default_factory=lambda: HttpsOff(kind="off"), description="How https is ended.")
    auth: AuthSpec = Field(description="How users log in.")
    values: dict[str, Any] = Field(
        default_factory=dict,
        description="Anything of the chart's, merged last. A secret in it is {env}, {file} or {block}.",
    )


class WorkerSpec(Spec):
    """One Dask worker, and how many."""

    cores: float = Field(default=1, gt=0, le=256, strict=True, description="Cores of a worker: above 0, to 256.")
    memory_gib: float = Field(
        default=2, gt=0, le=4096, strict=True, description="Memory of a worker in GiB: above 0, to 4096."
    )
    per_cluster_max: StrictInt = Field(
        default=20, ge=1, le=10000, description="Most workers of one Dask cluster: 1 to 10000."
    )


class DaskGatewaySpec(Spec):
    """Dask Gateway."""

    chart: ChartSpec = Field(
        default_factory=lambda: ChartSpec(repo="https://helm.dask.org/", version=NEWEST), description="Its chart."
    )
    namespace: Namespace = Field(
        default="dask-gateway", description="Kubernetes namespace of the gateway and the Dask clusters."
    )
    auth: Literal["jupyterhub"] = Field(default="jupyterhub", description="Users are the hub's.")
    idle_timeout_s: StrictInt = Field(
        default=1800,
        ge=60,
        le=604800,
        description="A Dask cluster without work is stopped after this, in seconds: 60 to 604800.",
    )
    worker: WorkerSpec = Field(default_factory=WorkerSpec, description="Dask workers.")
    values: dict[str, Any] = Field(
        default_factory=dict,
        description="Anything of the chart's, merged last. A secret in it is {env}, {file} or {block}.",
    )


class HealthSpec(Spec):
    """The nightly check and its benchmark."""

    cron: Cron = Field(default="0 4 * * *", description="When: minute hour day month weekday.")
    timezone: TimeZone = Field(default="UTC", description="Time zone of cron, such as Europe/London.")
    workers: StrictInt = Field(
        default=5, ge=1, le=1000, description="Dask workers of the benchmark: 1 to per_cluster_max."
    )
    array_size: StrictInt = Field(
        default=10000, ge=10, le=1000000, description="Rows and columns of the array: 10 to 1000000."
    )
    chunk: StrictInt = Field(default=500, ge=1, le=100000, description="Rows and columns of a chunk: 1 to array_size.")


class LimitsSpec(Spec):
    """The longest time of each wait, in seconds, 1 to 86400."""

    api: Limit = Field(default=60, description="One answer of an OpenStack or Kubernetes service.")
    ssh: Limit = Field(default=300, description="ssh of a new master answers.")
    release: Limit = Field(default=900, description="A Helm install or upgrade.")
    load_balancer: Limit = Field(default=300, description="A Service has its address and answers on it.")
    notebook: Limit = Field(default=360, description="A notebook server is ready.")
    scheduler: Limit = Field(default=180, description="A Dask scheduler runs.")
    workers: Limit = Field(default=300, description="All Dask workers have come.")
    benchmark: Limit = Field(default=300, description="The benchmark's computation.")


class Site(Spec):
    """One deployment: a Magnum cluster with JupyterHub and Dask Gateway on one cloud."""

    name: SiteName = Field(description="Everything of this site in the cloud carries this name; the file's stem.")
    cloud: Text = Field(description="Entry of clouds.yaml, or block:NAME of an OpenStack credentials block.")
    project: Text = Field(description="Name or id of the only project to work in.")
    cluster: ClusterSpec = Field(description="The Magnum cluster.")
    network: NetworkSpec = Field(default_factory=NetworkSpec, description="Addresses.")
    access: AccessSpec = Field(default_factory=AccessSpec, description="How Kubernetes is reached.")
    storage: StorageSpec = Field(
        default_factory=lambda: DynamicStorage.model_validate({"kind": "dynamic"}),
        description="Volumes of users and the hub.",
    )
    helm: HelmSpec = Field(description="Helm.")
    image: ImageSpec = Field(description="One image for notebooks, Dask schedulers and workers.")
    jupyterhub: JupyterHubSpec = Field(description="The hub.")
    dask_gateway: DaskGatewaySpec = Field(default_factory=DaskGatewaySpec, description="Dask Gateway.")
    health: HealthSpec = Field(default_factory=HealthSpec, description="The nightly check.")
    limits_s: LimitsSpec = Field(default_factory=LimitsSpec, description="Longest waits, in seconds.")
