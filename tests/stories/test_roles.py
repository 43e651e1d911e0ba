"""Three processes on one PostgreSQL, each with a role of its own: together they are one Tipo."""

import signal

from tests.stories.conftest import HOST, TIPO, free_port

JACKET = "SFDJ-M"
ROLES = ("web", "worker", "scheduler")


class Shared:
    """A process for each role."""

    def __init__(self, harness):
        self.harness = harness
        self.ports = {role: free_port() for role in ROLES}
        self.processes = {}

    def start(self, role):
        self.harness.environment["TIPO_PORT"] = str(self.ports[role])
        command = (*TIPO, "serve", "--only", role)
        self.processes[role] = self.harness._start(command, out=f"{role}.log")

    def url(self, role, path):
        return f"http://{HOST}:{self.ports[role]}{path}"

    def roles_of(self, role):
        return self.harness.client.get(self.url(role, "/readyz")).json()["roles"]

    def said(self, role):
        return (self.harness.folder / f"{role}.log").read_text()


def test_each_does_its_part_and_a_missing_one_is_told(harness, empty_postgres_url):
    """What one takes another accounts for; anyone who asks learns that a third is not there."""
    shared = Shared(harness)
    harness.open_stores(products=1)
    harness.environment |= {
        "TIPO_DATABASE_URL": empty_postgres_url,
        "TIPO_PUBLIC_URL": shared.url("web", ""),
    }
    shared.start("web")
    harness.until(lambda: harness._answers(shared.url("web", "/healthz")), "the first is up")
    for role in ROLES[1:]:
        shared.start(role)
        harness.until(lambda: harness._answers(shared.url(role, "/healthz")), f"{role} is up")  # noqa: B023
    assert "not in this process: scheduler, worker" in shared.said("web")
    assert shared.roles_of("worker") == {"here": ["worker"], "missing": []}
    assert harness.client.post(shared.url("worker", "/webhooks/shopify")).status_code == 404
    connected = harness.tipo("mode", "two-way", "--yes")
    assert connected.returncode == 0, connected.stderr + shared.said("worker")

    harness.perform("us", "sell", item=JACKET, quantity=5)
    harness.until(lambda: harness.shows(JACKET) == {"eu": 45, "us": 45}, "45 and 45")
    figures = harness.client.get(shared.url("worker", "/metrics")).text
    assert 'tipo_update_seconds_count{store="eu"}' in figures

    shared.processes["scheduler"].send_signal(signal.SIGTERM)
    assert shared.processes["scheduler"].wait(10) == 0
    said = harness.tipo("status").stdout
    assert "No scheduler is running: no nightly check" in said
    assert said.count("is running:") == 1, "one that ends withdraws only its own sign of life"
    harness.perform("eu", "restock", item=JACKET, quantity=10)
    harness.until(lambda: harness.shows(JACKET) == {"eu": 55, "us": 55}, "the others go on")

    shared.start("scheduler")
    harness.until(
        lambda: harness._answers(shared.url("scheduler", "/healthz")), "the scheduler is back"
    )
    assert "scheduler" not in harness.tipo("status").stdout
