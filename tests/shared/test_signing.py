"""Signatures: with keys to trust, only what one of them signed is served."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pytest

from andon.bundle import BundleError
from andon.errors import Mistake
from andon.settings import StoreSettings
from andon.signing import DOMAIN, sign, signature_lines, signers, trusted_keys, with_signature
from andon.store import BundleStore
from andon.testing.models import proven_bundle

pytest.importorskip("cryptography", reason="the extra andon[signing] is not installed")
if shutil.which("openssl") is None:
    pytest.skip("openssl is not installed", allow_module_level=True)

A, B = proven_bundle(threshold=100.0), proven_bundle(threshold=110.0)
Line = Any


def openssl(*words: str, cwd: Path) -> None:
    subprocess.run(["openssl", *words], cwd=cwd, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs, as the documentation makes them: ann's and bo's; bo's private key has a password."""
    folder = tmp_path_factory.mktemp("keys")
    openssl("genpkey", "-algorithm", "ed25519", "-out", "ann.key", cwd=folder)
    openssl("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:s3cret", "-out", "bo.key", cwd=folder)
    for name, password in (("ann", ""), ("bo", "s3cret")):
        (folder / name).mkdir()
        openssl(
            "pkey",
            "-in",
            f"{name}.key",
            "-passin",
            f"pass:{password}",
            "-pubout",
            "-out",
            f"{name}/{name}.pem",
            cwd=folder,
        )
    return folder


def no_password() -> str:
    raise AssertionError("no password is needed")


def trusting(url: str, key: Path, cache: Path | None = None) -> BundleStore:
    return BundleStore.of(StoreSettings(bundles=url, trusted_keys=key), cache)


def test_only_what_a_trusted_key_signed_is_given_out(tmp_path: Path, keys: Path) -> None:
    store = trusting(str(tmp_path), keys / "ann")
    store.put(A)
    for ask in (store.get, store.manifest):
        with pytest.raises(BundleError, match=r"is not signed; trusted: ann.pem .* andon bundles sign"):
            ask(A.digest)
    store.add_signature(A.digest, sign(A.digest, keys / "ann.key", no_password))
    assert store.get(A.digest) == A
    assert store.manifest(A.digest) == A.manifest


def test_a_signature_of_another_bundle_or_by_another_key_is_worth_nothing(tmp_path: Path, keys: Path) -> None:
    store = trusting(str(tmp_path), keys / "ann")
    store.put(A)
    store.add_signature(A.digest, sign(B.digest, keys / "ann.key", no_password))
    store.add_signature(A.digest, sign(A.digest, keys / "bo.key", lambda: "s3cret"))
    with pytest.raises(BundleError, match="signed by nobody trusted"):
        store.get(A.digest)


def test_a_signature_over_the_bare_digest_is_worth_nothing(tmp_path: Path, keys: Path) -> None:
    (tmp_path / "message").write_bytes(bytes.fromhex(A.digest))
    openssl(
        "pkeyutl", "-sign", "-rawin", "-inkey", str(keys / "ann.key"), "-in", "message", "-out", "bare", cwd=tmp_path
    )
    text = with_signature(b"", (tmp_path / "bare").read_bytes())
    assert signers(A.digest, text, trusted_keys(keys / "ann")) == ()


def test_openssl_can_check_what_was_signed(tmp_path: Path, keys: Path) -> None:
    (tmp_path / "message").write_bytes(DOMAIN + bytes.fromhex(A.digest))
    (tmp_path / "signature").write_bytes(sign(A.digest, keys / "ann.key", no_password))
    openssl(
        "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(keys / "ann" / "ann.pem"),
        "-in", "message", "-sigfile", "signature", cwd=tmp_path,
    )  # fmt: skip


def test_several_may_sign_and_one_that_is_trusted_is_enough(tmp_path: Path, keys: Path) -> None:
    both = b"".join(
        with_signature(b"", sign(A.digest, keys / f"{name}.key", lambda: "s3cret")) for name in ("ann", "bo")
    )
    assert with_signature(both, sign(A.digest, keys / "ann.key", no_password)) == both
    assert len(signature_lines(both)) == 2
    for name in ("ann", "bo"):
        assert [key.name for key in signers(A.digest, both, trusted_keys(keys / name))] == [f"{name}.pem"]


def test_a_signature_file_that_is_rubbish_is_no_signature(keys: Path) -> None:
    for text in (b"", b"\x00\xff\n", b"a" * 200_000, b"QUJD\n"):
        assert signers(A.digest, text, trusted_keys(keys / "ann")) == ()


def test_keys_stand_in_a_file_or_a_folder_one_or_many(tmp_path: Path, keys: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes((keys / "ann" / "ann.pem").read_bytes() + (keys / "bo" / "bo.pem").read_bytes())
    assert len(trusted_keys(both)) == 2
    assert len({key.fingerprint for key in trusted_keys(tmp_path)}) == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [("missing", "cannot be read"), ("ann.key", "private key"), ("empty", "no public key"), ("words", "no key in PEM")],
)
def test_keys_that_cannot_be_trusted_stop_the_start(tmp_path: Path, keys: Path, name: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "words").write_text("trust me")
    path = keys / name if name == "ann.key" else tmp_path / name
    with pytest.raises(Mistake, match=said):
        trusting(str(tmp_path), path)


def test_a_key_of_another_kind_is_told(tmp_path: Path) -> None:
    openssl("genpkey", "-algorithm", "x25519", "-out", "x.key", cwd=tmp_path)
    with pytest.raises(Mistake, match="another kind than Ed25519"):
        sign(A.digest, tmp_path / "x.key", no_password)


def test_a_wrong_password_is_told(keys: Path) -> None:
    with pytest.raises(Mistake, match="this password"):
        sign(A.digest, keys / "bo.key", lambda: "guess")


def test_what_was_signed_is_served_while_a_remote_store_has_lost_its_signatures(tmp_path: Path, keys: Path) -> None:
    url = f"memory://store-{uuid4()}"
    store = trusting(url, keys / "ann", tmp_path)
    store.put(A)
    store.add_signature(A.digest, sign(A.digest, keys / "ann.key", no_password))
    store.get(A.digest)
    fs, root = fsspec.core.url_to_fs(url)
    fs.rm(root, recursive=True)
    assert trusting(url, keys / "ann", tmp_path).get(A.digest) == A
    with pytest.raises(BundleError):
        trusting(url, keys / "bo", tmp_path).get(A.digest)


def test_an_unsigned_bundle_is_not_assigned_and_a_signed_one_is(
    small_line: Line, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_line.proves()
    small_line.put(A)
    monkeypatch.setenv("ANDON_STORE__TRUSTED_KEYS", str(keys / "ann"))
    told = small_line.run("assign", "weld-07", A.digest)
    assert isinstance(told.exception, BundleError)
    assert "is not signed" in str(told.exception)
    assert "nobody trusted" in small_line.run("bundles", "show", A.digest).stdout
    signed = small_line.run("bundles", "sign", A.digest[:6], "--key", str(keys / "ann.key"), "--json")
    assert json.loads(signed.stdout) == {"digest": A.digest, "signatures": 1}
    assert small_line.run("assign", "weld-07", A.digest).exit_code == 0
    assert "ann.pem" in small_line.run("bundles", "show", A.digest).stdout
