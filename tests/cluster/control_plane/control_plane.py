"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler, started in that order."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from tests.cluster.control_plane.certificates import Certificate, CertificateAuthority
from tests.cluster.control_plane.places import (
    API_PORT,
    API_SERVICE_ADDRESS,
    API_URL,
    CONTROL_PLANE_ADDRESS,
    ETCD_URL,
    SERVICE_CIDR,
    Folders,
)
from tests.cluster.control_plane.program import Program
from tests.cluster.control_plane.timings import Timings
from tests.cluster.node_agent.api import Api, ApiError, Json

SERVICE_DOMAIN = "kubernetes.default.svc.cluster.local"
AUDITED = ("doctor",)
"""Users whose requests the API server counts."""


@dataclass(slots=True)
class ControlPlane:
    """The running control plane; `programs` gives the path of each program."""

    programs: dict[str, str]
    folders: Folders
    authority: CertificateAuthority
    timings: Timings
    running: dict[str, Program] = field(default_factory=dict)
    _arguments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each program, as it was started last."""

    def start(self) -> Api:
        """Start all four; the answer is an administrator's view of the API server."""
        self._start_etcd()
        self._start_api_server()
        admin = Api(self.identity("admin", "admin", "system:masters"))
        self.running["kube-apiserver"].wait_until(lambda: _answers(admin), "/readyz")
        self.start_controller_manager()
        self._start_scheduler()
        return admin

    def stop(self) -> None:
        """Stop all four; kube-apiserver before etcd, without which it would not stop."""
        for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            if program := self.running.pop(name, None):
                program.stop()

    def identity(self, file_name: str, common_name: str, group: str = "") -> Path:
        """A kubeconfig of a client with that name and group."""
        certificate = self.authority.issue(file_name, common_name, group=group)
        return self.authority.kubeconfig(API_URL, certificate)

    def start_controller_manager(self) -> None:
        """Start the controllers, with `timings` as they are now."""
        kubeconfig = self.identity("controller-manager", "system:kube-controller-manager")
        signing_key = self.authority.directory / "service-accounts.key"
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--service-account-private-key-file={signing_key}",
            f"--root-ca-file={self.authority.authority.certificate}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--horizontal-pod-autoscaler-sync-period={self.timings.autoscaler_sync_seconds}s",
            "--node-monitor-period=1s",
            f"--node-monitor-grace-period={self.timings.node_grace_seconds}s",
        )

    def restart_controller_manager(self, timings: Timings) -> None:
        """Start the controllers anew with other timings; they forget what they recommended."""
        self.running.pop("kube-controller-manager").stop()
        self.timings = timings
        self.start_controller_manager()

    @contextlib.contextmanager
    def without_api_server(self, admin: Api) -> Iterator[None]:
        """Killed, and started again as it was when the context ends; `admin` is a view of it."""
        self.running["kube-apiserver"].kill()
        try:
            yield
        finally:
            self._run("kube-apiserver", *self._arguments["kube-apiserver"])
            self.running["kube-apiserver"].wait_until(lambda: _answers(admin), "/readyz")

    def _start_etcd(self) -> None:
        self._run(
            "etcd",
            f"--data-dir={self.folders.data / 'etcd'}",
            f"--listen-client-urls={ETCD_URL}",
            f"--advertise-client-urls={ETCD_URL}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--logger=zap",
        )
        self.running["etcd"].wait_until(_etcd_is_healthy, f"{ETCD_URL}/health")

    def _start_api_server(self) -> None:
        issue, authority = self.authority.issue, self.authority.authority.certificate
        names = (SERVICE_DOMAIN, "kubernetes.default.svc", "kubernetes.default", "kubernetes")
        hosts = (CONTROL_PLANE_ADDRESS, API_SERVICE_ADDRESS, "127.0.0.1", *names)
        serving = issue("apiserver", "kube-apiserver", hosts=hosts)
        kubelet = issue("apiserver-kubelet", "kube-apiserver", group="system:masters")
        proxy = issue("front-proxy", "front-proxy")
        accounts = issue("service-accounts", "service-accounts")
        self._run(
            "kube-apiserver",
            f"--etcd-servers={ETCD_URL}",
            f"--bind-address={CONTROL_PLANE_ADDRESS}",
            f"--advertise-address={CONTROL_PLANE_ADDRESS}",
            f"--secure-port={API_PORT}",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            *_tls(serving, authority),
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--service-account-issuer=https://{SERVICE_DOMAIN}",
            f"--service-account-key-file={accounts.certificate}",
            f"--service-account-signing-key-file={accounts.key}",
            f"--kubelet-client-certificate={kubelet.certificate}",
            f"--kubelet-client-key={kubelet.key}",
            f"--kubelet-certificate-authority={authority}",
            "--kubelet-preferred-address-types=InternalIP",
            *_front_proxy(proxy, authority),
            f"--default-not-ready-toleration-seconds={self.timings.eviction_seconds}",
            f"--default-unreachable-toleration-seconds={self.timings.eviction_seconds}",
            "--watch-cache=true",
            *self._auditing(),
        )

    def _auditing(self) -> list[str]:
        """What the users of `AUDITED` ask for is written down by the API server itself."""
        rules = [
            {"level": "Metadata", "users": [*AUDITED], "omitStages": ["RequestReceived"]},
            {"level": "None"},
        ]
        policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}
        file = self.folders.data / "audit-policy.json"
        file.write_text(json.dumps(policy), encoding="utf-8")
        return [f"--audit-policy-file={file}", f"--audit-log-path={self.folders.log('audit')}"]

    def audited(self, user: str) -> list[Json]:
        """Every request of a user of `AUDITED`, in the order in which they were answered."""
        log = self.folders.log("audit")
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        events: list[Json] = [json.loads(line) for line in lines]
        return [one for one in events if one["user"]["username"] == user]

    def _start_scheduler(self) -> None:
        kubeconfig = self.identity("scheduler", "system:kube-scheduler")
        self._run(
            "kube-scheduler",
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        )

    def _run(self, name: str, *arguments: str) -> None:
        self._arguments[name] = arguments
        command = [self.programs[name], *arguments]
        self.running[name] = Program.start(name, command, self.folders.log(name))


def _tls(serving: Certificate, authority: Path) -> list[str]:
    return [
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        f"--client-ca-file={authority}",
    ]


def _front_proxy(proxy: Certificate, authority: Path) -> list[str]:
    """How aggregated API servers are reached, and how kube-apiserver authenticates to them."""
    return [
        "--enable-aggregator-routing=true",
        f"--proxy-client-cert-file={proxy.certificate}",
        f"--proxy-client-key-file={proxy.key}",
        f"--requestheader-client-ca-file={authority}",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    ]


def _etcd_is_healthy() -> bool:
    try:
        answer = urllib3.request("GET", f"{ETCD_URL}/health", timeout=2, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == 200


def _answers(api: Api) -> bool:
    try:
        api.text("/readyz")
    except (ApiError, urllib3.exceptions.HTTPError):
        return False
    return True
