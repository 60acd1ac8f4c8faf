"""Programs that know no address but https://api.intacct.com, in many languages, reach the emulator through its proxy.

Nothing in them is changed: each has the environment that `intacct-emulator exports` prints. The official SDK for
JavaScript takes no proxy from its environment before Node 24, so a preloaded library does that, outside of the SDK.
"""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from intacct_emulator.server.certificates import CertificateAuthority
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.proxy import RunningProxy, exports
from intacct_protocol.xml.codec import decode_response
from support.emulator.calls import encoded
from support.judges import javascript_sdk

PROGRAMS = Path(__file__).parent / "hard_coded"
GATEWAY = "https://api.intacct.com/ia/xml/xmlgw.phtml"
COMMANDS = {
    "curl": f"curl --silent --show-error --header Content-Type:application/xml --data-binary @- {GATEWAY}",
    "php": "php client.php",
    "ruby": "ruby client.rb",
    "dotnet": "dotnet run client.cs",
    "go": "go run client.go",
    "java": "java Client.java",
}
pytestmark = pytest.mark.foreign


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    emulator = Emulator.empty()
    yield emulator
    assert emulator.incidents == []
    emulator.close()


@pytest.fixture
def environment(emulator: Emulator, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a program has, and a proxy that runs meanwhile."""
    authority = CertificateAuthority(tmp_path / "certificates")
    with RunningProxy(emulator, authority) as proxy:
        yield {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"} | exports(
            proxy.url, authority
        )


@pytest.mark.parametrize("program", COMMANDS)
def test_a_program_with_a_fixed_address(
    program: str, environment: dict[str, str], emulator: Emulator, tmp_path: Path
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed, so it cannot judge")
    if program == "java":
        environment |= _java(environment, tmp_path)
    elif program == "ruby":  # Net::HTTP asks for the proxy of http, for https too
        environment["http_proxy"] = environment["https_proxy"]
    elif program == "dotnet":
        shutil.copy(PROGRAMS / "client.cs", tmp_path)
    create = "<create><CLASS><CLASSID>R</CLASSID><NAME>Retail</NAME></CLASS></create>"
    done = subprocess.run(
        shlex.split(COMMANDS[program]),
        cwd=tmp_path if program == "dotnet" else PROGRAMS,
        env=environment,
        input=encoded(create),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert [result.status for result in decode_response(done.stdout).operations[0].results] == ["success"]
    assert [row["NAME"] for _, row in emulator.company().table("CLASS").rows()] == ["Retail"]


def _java(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """Java reads neither the address of a proxy nor a PEM file from its environment."""
    there, store = urlsplit(environment["HTTPS_PROXY"]), folder / "trust.p12"
    certificate = environment["NODE_EXTRA_CA_CERTS"]
    keytool = ["keytool", "-importcert", "-noprompt", "-alias", "emulator", "-storetype", "PKCS12"]
    subprocess.run(
        [*keytool, "-file", certificate, "-keystore", str(store), "-storepass", "changeit"],
        check=True,
        capture_output=True,
    )
    options = {
        "https.proxyHost": there.hostname,
        "https.proxyPort": there.port,
        "javax.net.ssl.trustStore": store,
        "javax.net.ssl.trustStorePassword": "changeit",
    }
    return {"JAVA_TOOL_OPTIONS": " ".join(f"-D{name}={value}" for name, value in options.items())}


@pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js and npm are not installed")
def test_the_official_javascript_sdk(environment: dict[str, str], emulator: Emulator, tmp_path: Path) -> None:
    javascript_sdk(tmp_path)
    done = subprocess.run(
        ["node", "--require", "global-agent/bootstrap", "proxied.cjs"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"endpoint": GATEWAY, "rows": [{"NAME": "By proxy"}]}
    assert [row["CLASSID"] for _, row in emulator.company().table("CLASS").rows()] == ["JS-1"]
