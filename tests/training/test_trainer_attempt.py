"""What an attempt leaves in the store: a bundle that scoring will trust, or a reason why it would not."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization import PublicFormat as Public

from andon.bundle import BundleError
from andon.errors import Mistake
from andon.settings import StoreSettings
from andon.store import BundleStore
from andon.testing.models import proven_bundle
from andon_training.trainer.attempt import shelved
from andon_training.trainer.settings import OnboardingSettings, TrainerSettings


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A pair, the public one in a folder of its own, and the private one once more with a password."""
    key = Ed25519PrivateKey.generate()
    locked = BestAvailableEncryption(b"s3cret")
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "locked.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    (tmp_path / "trusted").mkdir()
    public = key.public_key().public_bytes(Encoding.PEM, Public.SubjectPublicKeyInfo)
    (tmp_path / "trusted" / "line.pem").write_bytes(public)
    return tmp_path


def settings(keys: Path, key: Path | None) -> TrainerSettings:
    store = StoreSettings(bundles=str(keys / "bundles"), trusted_keys=keys / "trusted")
    return TrainerSettings(store=store, onboarding=OnboardingSettings(signing_key_location=key))


def test_where_scoring_asks_for_signatures_the_first_bundle_is_signed(keys: Path) -> None:
    asked, bundle = settings(keys, keys / "key.pem"), proven_bundle()
    assert shelved(bundle, asked).digest == bundle.digest
    assert BundleStore.of(asked.store).get(bundle.digest).digest == bundle.digest


def test_without_a_key_people_hear_why_the_bundle_would_not_be_served(keys: Path) -> None:
    with pytest.raises(BundleError, match="sign"):
        shelved(proven_bundle(), settings(keys, None))


def test_a_key_with_a_password_is_refused_since_nobody_is_there_to_type_it(keys: Path) -> None:
    with pytest.raises(Mistake, match="password"):
        shelved(proven_bundle(), settings(keys, keys / "locked.pem"))
