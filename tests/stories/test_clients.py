"""The clients of `clients/`: the documents' own calls of an SDK, against a running edge."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from tests.stories.edge import Edge

_CUT = b"\r\nContent-Length: 10\r\n\r\n{"
_NODE = """
const { Trunkline, TrunklineError } = require(process.argv[1]);
(async () => {
  const client = new Trunkline({ apiKey: process.argv[3], baseUrl: process.argv[2] });
  const numbers = await client.telephony.numbers.search({
    country: 'US',
    areaCode: '415',
    capabilities: ['voice', 'sms'],
    limit: 5,
  });
  const number = await client.telephony.numbers.provision({ phoneNumber: numbers[0].phoneNumber, provider: 'twilio' });
  const agent = await client.agents.create({ name: 'Aria', kind: 'echo' });
  const assigned = await client.telephony.numbers.assign(number.id, agent.id);
  const trunk = await client.trunks.create({
    name: 'My ElevenLabs Trunk',
    provider: 'elevenlabs',
    credentials: { username: 'username', password: 'password' },
  });
  const phone = await client.phoneNumbers.import({
    phoneNumber: '+12125551234',
    trunkId: trunk.id,
    engine: 'elevenlabs',
    agentId: 'agent_abc123',
  });
  const provisioned = await client.phoneNumbers.provision(phone.id);
  const calls = await client.calls.list({ phoneNumber: '+12125551234', startDate: '2024-01-15' });
  const wrong = await client.phoneNumbers.import({ phoneNumber: '212', trunkId: trunk.id }).catch((error) => error);
  if (!(wrong instanceof TrunklineError)) throw wrong;
  console.log(JSON.stringify({
    found: numbers.length, monthly: numbers[0].monthlyCostUsd, agent: assigned.assignedAgentName, phone,
    status: provisioned.status, calls, total: calls.envelope.pagination.total,
    wrong: [wrong.status, wrong.code, wrong.details.field, wrong.headers['x-ratelimit-reset'] > 0],
  }));
})();
"""


@pytest.fixture
def key(house: Edge) -> str:
    """A test key's: what it makes is nobody else's, and is not called."""
    made = house.post("/v1/api-keys", {"name": "Client", "role": "admin", "environment": "test"})
    house.seen.clear()
    return str(made["key"])


@pytest.fixture
def module(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("trunkline_client", root / "clients" / "trunkline_client.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_s1_28_s2_53_the_documents_calls_in_python(house: Edge, key: str, module: ModuleType) -> None:
    client = module.Trunkline(api_key=key, base_url=house.url)
    numbers = client.telephony.numbers.search(country="US", area_code="415", capabilities=["voice", "sms"], limit=5)
    assert [(each.provider, each.monthly_cost_usd) for each in numbers] == [("twilio", 1.15)] * 5
    number = client.telephony.numbers.provision(
        phone_number="+14155550100", provider="twilio", friendly_name="Acme Support Line"
    )
    assert number.id.startswith("num_")
    agent = client.agents.create(name="Aria", kind="echo")
    assigned = client.telephony.numbers.assign(number_id=number.id, agent_id=agent.id)
    assert assigned.assigned_agent_name == "Aria"
    assert client.telephony.numbers.stats(number.id, date_from="2025-06-01", date_to="2025-06-30").inbound_calls == 0
    assert client.telephony.numbers.release(number.id).deleted

    credentials = {"username": "username", "password": "password"}
    trunk = client.trunks.create(name="My ElevenLabs Trunk", provider="elevenlabs", credentials=credentials)
    phone = client.phone_numbers.import_number(
        phone_number="+12125551234", trunk_id=trunk.id, engine="elevenlabs", agent_id="agent_abc123"
    )
    assert (phone.status, phone.agent_id) == ("provisioning", "agent_abc123")
    assert client.phone_numbers.provision(phone.id).status == "active"
    calls = client.calls.list(phone_number="+12125551234", start_date="2024-01-15")
    assert (calls, calls.envelope.pagination.total) == ([], 0)
    with pytest.raises(module.TrunklineError) as refused:
        client.phone_numbers.import_number(phone_number="2125551234", trunk_id=trunk.id)
    error = refused.value
    assert (error.status, error.code, error.details["field"]) == (400, "invalid_phone_number", "phone_number")
    assert int(error.headers["x-ratelimit-reset"]) > 0
    with pytest.raises(TypeError):
        client.phone_numbers.provision()
    assert client.phone_numbers.delete(phone.id).success


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK" + _CUT, b"HTTP/1.1 502 Bad" + _CUT])
def test_a_server_that_breaks_off_is_none(module: ModuleType, said: bytes) -> None:
    def answer(server: socket.socket) -> None:
        peer, _ = server.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        answering = threads.submit(answer, server)
        client = module.Trunkline("key", f"http://127.0.0.1:{server.getsockname()[1]}", timeout=10)
        with pytest.raises(module.TrunklineError) as caught:
            client.agents.list()
        answering.result()
    assert (caught.value.status, caught.value.code) == (0, "")


def test_s1_28_s2_53_the_documents_calls_in_node(house: Edge, key: str, root: Path, tool: Callable[[str], str]) -> None:
    client = str(root / "clients" / "trunkline-client.js")
    done = subprocess.run(
        [tool("node"), "-e", _NODE, client, house.url, key], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["found"], found["monthly"], found["agent"]) == (5, 1.15, "Aria")
    assert (found["phone"]["number"], found["phone"]["agentId"]) == ("+12125551234", "agent_abc123")
    assert (found["status"], found["calls"], found["total"]) == ("active", [], 0)
    assert found["wrong"] == [400, "invalid_phone_number", "phone_number", True]
