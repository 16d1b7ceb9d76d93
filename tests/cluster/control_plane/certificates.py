"""The cluster's certificate authority, and a certificate for each identity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster.node_agent import commands

DAYS = "2"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate file and its key file."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """One self-signed authority, whose files lie in `directory`."""

    directory: Path
    authority: Certificate

    @classmethod
    def create(cls, directory: Path) -> CertificateAuthority:
        """Make the authority's own key and certificate."""
        directory.mkdir(parents=True)
        own = Certificate(directory / "ca.crt", directory / "ca.key")
        subject = ("-subj", "/CN=longshore-cluster-tests")
        files = ("-keyout", str(own.key), "-out", str(own.certificate))
        commands.run("openssl", "req", "-x509", *NEW_KEY, "-days", DAYS, *subject, *files)
        return cls(directory, own)

    def issue(
        self, file_name: str, common_name: str, *, group: str = "", hosts: tuple[str, ...] = ()
    ) -> Certificate:
        """A certificate for a client (`group` is its Kubernetes group) or for `hosts`."""
        issued = Certificate(
            self.directory / f"{file_name}.crt", self.directory / f"{file_name}.key"
        )
        subject = (f"/O={group}" if group else "") + f"/CN={common_name}"
        extensions = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"]
        extensions.append("extendedKeyUsage=clientAuth,serverAuth")
        if hosts:
            names = [f"{'IP' if host[-1].isdigit() else 'DNS'}:{host}" for host in hosts]
            extensions.append("subjectAltName=" + ",".join(names))
        added = [word for extension in extensions for word in ("-addext", extension)]
        authority = ("-CA", str(self.authority.certificate), "-CAkey", str(self.authority.key))
        files = ("-keyout", str(issued.key), "-out", str(issued.certificate))
        commands.run(
            *("openssl", "req", "-x509", *NEW_KEY, "-days", DAYS, "-subj", subject),
            *authority,
            *added,
            *files,
        )
        return issued

    def kubeconfig(self, server: str, identity: Certificate) -> Path:
        """A kubeconfig file for that identity at the API server `server`."""
        user = {"client-certificate": str(identity.certificate), "client-key": str(identity.key)}
        cluster = {"server": server, "certificate-authority": str(self.authority.certificate)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "cluster", "cluster": cluster}],
            "users": [{"name": "user", "user": user}],
            "contexts": [{"name": "it", "context": {"cluster": "cluster", "user": "user"}}],
            "current-context": "it",
        }
        path = identity.certificate.with_suffix(".kubeconfig")
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        path.chmod(0o600)
        return path
