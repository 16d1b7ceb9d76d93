"""A folder of this machine for every claim of the default storage class."""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.node_agent.api import Api, ApiError, Json

logger = logging.getLogger(__name__)

STORAGE_CLASS = "folders"
FINISHED_PHASES = ("Released", "Failed")


@dataclass(frozen=True, slots=True)
class VolumeProvisioner:
    """Makes hostPath volumes under `directory`, already bound to their claims."""

    api: Api
    directory: Path

    def follow(self, stopped: threading.Event) -> None:
        """Provide for claims, and take back volumes whose claim is gone, until `stopped`."""
        for path, handle in (
            ("/api/v1/persistentvolumeclaims", self._claim),
            ("/api/v1/persistentvolumes", self._volume),
        ):
            arguments = (path, handle, stopped)
            threading.Thread(target=self.api.follow, args=arguments, daemon=True).start()

    def _claim(self, event: str, subject: Any) -> None:
        if event == "SYNC":
            for claim in subject:
                self._claim("ADDED", claim)
            return
        spec = subject["spec"]
        if event == "DELETED" or spec.get("volumeName"):
            return
        if spec.get("storageClassName") != STORAGE_CLASS:
            return
        try:
            self.api.post("/api/v1/persistentvolumes", self._volume_for(subject))
        except ApiError as error:
            if error.code != 409:
                logger.error("volume refused claim=%s error=%s", subject["metadata"]["name"], error)

    def _volume_for(self, claim: Json) -> Json:
        metadata, spec = claim["metadata"], claim["spec"]
        folder = self.directory / metadata["namespace"] / metadata["name"] / metadata["uid"][:8]
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        return {
            "metadata": {"name": f"folder-{metadata['uid']}"},
            "spec": {
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "accessModes": spec["accessModes"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": STORAGE_CLASS,
                "hostPath": {"path": str(folder)},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": metadata["namespace"],
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                },
            },
        }

    def _volume(self, event: str, subject: Any) -> None:
        if event == "SYNC":
            for volume in subject:
                self._volume("ADDED", volume)
            return
        is_ours = subject["spec"].get("storageClassName") == STORAGE_CLASS
        phase = (subject.get("status") or {}).get("phase")
        if event == "DELETED" or not is_ours or phase not in FINISHED_PHASES:
            return
        self.api.delete(f"/api/v1/persistentvolumes/{subject['metadata']['name']}")
        shutil.rmtree(subject["spec"]["hostPath"]["path"], ignore_errors=True)
