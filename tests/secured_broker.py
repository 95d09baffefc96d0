"""A broker whose listener for clients speaks SASL_SSL, for tests of logging in."""

import subprocess
from pathlib import Path

from andon_demo.servers.ports import HOST

PASSWORD, WRONG = "right-and-secret", "wrong-but-secret"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


def secured(folder: Path, plain: int, secure: int, controller: int) -> dict[str, str]:
    """The properties of a broker with these ports; its certificates, and ca.pem for clients, are made in `folder`."""
    make_certificates(folder)
    return {
        "listeners": f"BROKER://{HOST}:{plain},CLIENTS://{HOST}:{secure},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"BROKER://{HOST}:{plain},CLIENTS://{HOST}:{secure}",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT",
        "listener.name.clients.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.clients.plain.sasl.jaas.config": f'{PLAIN} required user_andon="{PASSWORD}";',
        "listener.name.clients.ssl.keystore.type": "PEM",
        "listener.name.clients.ssl.keystore.location": str(folder / "broker.pem"),
    }


def make_certificates(folder: Path) -> None:
    """A CA of our own, and a broker's key and certificate that it signed for 127.0.0.1."""
    (folder / "san").write_text(f"subjectAltName=IP:{HOST}\n")
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-ca",
        "req -newkey rsa:2048 -nodes -keyout broker.key -out broker.csr -subj /CN=broker",
        "x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -out broker.crt -days 2 -extfile san",
    )
    (folder / "broker.pem").write_text((folder / "broker.key").read_text() + (folder / "broker.crt").read_text())


def openssl(folder: Path, *commands: str) -> None:
    """Runs each in `folder`."""
    for words in commands:
        subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
