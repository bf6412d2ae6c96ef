"""`deploy/kubernetes/`: valid for the oldest and the newest version that is promised, and of the intended shape."""

from __future__ import annotations

import json
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from gateway.config import load

FOLDER = Path(__file__).parents[1] / "deploy" / "kubernetes"
FRONT, SIDECAR = FOLDER / "front", FOLDER / "sidecar"
VERSIONS = ("1.30", "1.37")
USER = 65532


def documents(file):
    return [
        json.loads(json.dumps(one)) for one in YAML(typ="safe", pure=True).load_all(read_as_kubernetes(file))
    ]


def read_as_kubernetes(file):
    """YAML 1.1, as kubectl reads it: 0400 is octal there."""
    return "%YAML 1.1\n---\n" + file.read_text()


def one(file):
    (document,) = documents(file)
    return document


def manifests(folder):
    """What a kustomization names, as it is written."""
    return [one(folder / name) for name in one(folder / "kustomization.yaml")["resources"]]


def application():
    """The example's Deployment with the sidecar in it, as kustomize merges them: see the test of kubectl."""
    (deployment,) = manifests(SIDECAR)
    merged = deepcopy(deployment)
    merged["spec"]["template"]["spec"] |= one(SIDECAR / "component" / "sidecar.yaml")["spec"]["template"][
        "spec"
    ]
    return merged


def front():
    return next(each for each in manifests(FRONT) if each["kind"] == "Deployment")


def pod(deployment):
    return deployment["spec"]["template"]["spec"]


def sidecar():
    (container,) = pod(application())["initContainers"]
    return container


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", [application(), *manifests(FRONT)], ids=lambda each: each["kind"])
def test_every_manifest_is_valid(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_key_and_an_older_version_would_be_found():
    misspelt = application()
    pod(misspelt)["initContainers"][0]["restartPolcy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(misspelt, VERSIONS[0], strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(front(), "1.27", strict=True)  # knows no preStop.sleep


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
@pytest.mark.parametrize(
    ("folder", "expected"), [(SIDECAR, application), (FRONT, front)], ids=["sidecar", "front"]
)
def test_kubectl_makes_of_it_what_is_tested_here(folder, expected):
    done = subprocess.run(
        ["kubectl", "kustomize", folder], capture_output=True, text=True, check=True, timeout=60
    )
    rendered = list(YAML(typ="safe", pure=True).load_all(done.stdout))
    (deployment,) = (each for each in rendered if each["kind"] == "Deployment")
    (settings,) = (each for each in rendered if each["kind"] == "ConfigMap")

    made = expected()
    name = settings["metadata"]["name"]
    assert name.startswith("oauth-gateway-")  # and a hash, so that a change rolls the pods
    for volume in pod(made)["volumes"]:
        if "configMap" in volume:
            volume["configMap"]["name"] = name
    for container in (*pod(made).get("initContainers", ()), *pod(made)["containers"]):
        if container["image"] == "oauth-gateway":
            container["image"] = "registry.example.com/oauth-gateway:0.1.0"
    assert json.loads(json.dumps(deployment)) == made
    assert settings["data"]["gateway.yaml"] == (folder / "gateway.yaml").read_text()


@pytest.mark.parametrize("folder", [SIDECAR, FRONT], ids=["sidecar", "front"])
def test_its_configuration_loads_and_is_drained_before_it_is_killed(folder, tmp_path):
    (tmp_path / "client_secret").write_text("s3cr3t")
    file = tmp_path / "gateway.yaml"
    file.write_text((folder / "gateway.yaml").read_text().replace("/run/secrets/gateway", str(tmp_path)))

    grace_s = load(file, {}).grace_s
    if folder == SIDECAR:
        assert grace_s <= 5
    else:
        slept_s = pod(front())["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod(front())["terminationGracePeriodSeconds"] >= slept_s + grace_s + 5


def test_a_lost_authorization_server_takes_no_application_out_of_its_service():
    probes = {
        name: sidecar()[name]["httpGet"]["path"]
        for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }

    assert probes == {"startupProbe": "/readyz", "readinessProbe": "/healthz", "livenessProbe": "/healthz"}


def test_the_sidecar_is_native_and_has_no_hook():
    """KEP-753: SIGTERM comes after the application's end, but preStop would run while it works."""
    assert sidecar()["restartPolicy"] == "Always"
    assert "lifecycle" not in sidecar()


@pytest.mark.parametrize("which", ["sidecar", "front"])
def test_it_runs_with_the_least_it_needs(which):
    container = sidecar() if which == "sidecar" else pod(front())["containers"][0]
    deployment = application() if which == "sidecar" else front()
    secured = pod(deployment).get("securityContext", {}) | container["securityContext"]

    assert secured == {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    } | ({"fsGroup": USER} if which == "front" else {})
    assert "cpu" not in container["resources"]["limits"]
    assert pod(deployment)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("deployment", [application(), front()], ids=["sidecar", "front"])
def test_files_are_mounted_as_directories_and_secrets_are_no_variables(deployment):
    containers = (*pod(deployment).get("initContainers", ()), *pod(deployment)["containers"])
    (gateway,) = (each for each in containers if each["name"] == "gateway")

    assert [mount for mount in gateway["volumeMounts"] if "subPath" in mount or not mount["readOnly"]] == []
    assert "env" not in gateway
    modes = [volume["secret"]["defaultMode"] for volume in pod(deployment)["volumes"] if "secret" in volume]
    assert modes == [0o444 if "initContainers" in pod(deployment) else 0o400]


def test_the_sidecars_secret_is_mounted_by_its_container_alone():
    others = [mount for each in pod(application())["containers"] for mount in each.get("volumeMounts", ())]

    assert [mount for mount in others if mount["name"].startswith("gateway-")] == []
