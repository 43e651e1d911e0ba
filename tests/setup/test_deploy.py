"""What is offered to run Tipo with: each setting exists, and no right is left that it can spare."""

import re
import shutil
import subprocess

import pytest

from sync_core.settings import SECRETS, Settings, load, needed
from tests.setup.test_locks import ROOT

COMPOSE = (ROOT / "compose.yaml").read_text("utf-8")
UNIT = (ROOT / "deploy" / "tipo.service").read_text("utf-8")
OF_COMPOSE = dict(re.findall(r"^ {6}(TIPO_\w+): (.+)$", COMPOSE, re.MULTILINE))
OF_UNIT = dict(re.findall(r"^Environment=(TIPO_\w+)=(.+)$", UNIT, re.MULTILINE))
STORES = {name: value for name, value in OF_COMPOSE.items() if "STORES" in name}


@pytest.mark.parametrize("given", [OF_COMPOSE, {**STORES, **OF_UNIT}], ids=["compose", "systemd"])
def test_tipo_starts_with_what_is_set(given, monkeypatch, tmp_path):
    """A misspelt name would be refused, or say nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("postgresql://tipo:secret@db/tipo\n")
    for name, value in given.items():
        assert name.removeprefix("TIPO_").partition("__")[0].removesuffix("_FILE").lower() in (
            Settings.model_fields
        )
        if name.endswith("_FILE"):
            assert name.removesuffix("_FILE").rpartition("__")[2].removeprefix("TIPO_").lower() in (
                SECRETS
            )
        monkeypatch.setenv(name, f"{tmp_path / 'secret'}" if name.endswith("_FILE") else value)
    settings = needed(load())
    assert set(settings.stores) == {"eu", "us"}
    assert settings.slack.bot_token is not None


def test_no_secret_is_in_them():
    for name, value in {**OF_COMPOSE, **OF_UNIT}.items():
        last = name.rpartition("__")[2].removeprefix("TIPO_").lower()
        assert last not in SECRETS or value.startswith("sqlite:")


def services():
    """Return the text of each service."""
    _, _, text = COMPOSE.partition("\nservices:\n")
    text = text.partition("\nnetworks:\n")[0]
    parts = re.split(r"^  (\w+):$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", ["tipo", "db"])
def test_a_container_has_no_more_rights_than_it_needs(name):
    service = services()[name]
    for line in (
        "read_only: true",
        "cap_drop:\n      - ALL",
        "security_opt:\n      - no-new-privileges:true",
        "tmpfs:\n      - /tmp",
        "pids_limit: 256",
        "mem_limit: 1g",
    ):
        assert f"    {line}\n" in service
    assert "cap_add" not in service
    assert "privileged: true" not in service


def test_the_database_is_reached_by_tipo_alone():
    """No port of it is published, and its network leads nowhere else."""
    assert "ports:" not in services()["db"]
    assert "  database:\n    internal: true\n" in COMPOSE
    assert re.findall(r"- (\S+:8080)$", services()["tipo"], re.MULTILINE) == ["127.0.0.1:8080:8080"]


def test_each_secret_that_a_container_reads_is_a_file():
    files = set(re.findall(r"^    file: secrets/(\w+)$", COMPOSE, re.MULTILINE))
    assert set(re.findall(r"/run/secrets/(\w+)$", COMPOSE, re.MULTILINE)) == files
    for service in services().values():
        mounted = set(
            re.findall(r"^      - ([a-z_]+)$", service.partition("secrets:\n")[2], re.MULTILINE)
        )
        assert set(re.findall(r"/run/secrets/(\w+)$", service, re.MULTILINE)) <= mounted


def test_the_unit_is_one_and_exposes_little(tmp_path):
    """Below 2 of 10, as systemd counts; it knows each name in it."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    unit = tmp_path / "tipo.service"
    unit.write_text(UNIT.replace("/opt/tipo/bin/tipo serve", "/bin/true"))
    known = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False, timeout=30
    )
    assert known.returncode == 0
    assert unit.name not in known.stderr
    subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", unit],
        check=True,
        capture_output=True,
        timeout=30,
    )
