"""Settings are read once, whole, and shown without their secrets."""

from dataclasses import fields
from pathlib import Path

import pytest

from tidemill.cli.recovery import hand_over
from tidemill.model.errors import ConfigurationError
from tidemill.settings import IGNORED, Settings
from tidemill.wiring.worker import worker_options

ROOT = Path(__file__).resolve().parents[2]
SET = {
    "TIDEMILL_DATA_DIR": "/somewhere/else",
    "DATABASE_URL": "postgresql://a:hunter2hunter2@b/c",
    "TIDEMILL_PORT": "0",
    "TIDEMILL_UNISOLATED": "yes",
    "TIDEMILL_HEARTBEAT_S": "0.5",
    "TIDEMILL_ROOT_KEY_FILE": "/keys/root.key",
    "UV_INDEX_URL": "https://user:hunter2hunter2@mirror.example.org/simple",
    "HTTPS_PROXY": "http://proxy.example.org:3128",
}


def test_child_process_gets_the_same_settings() -> None:
    settings = Settings.from_environment(SET, port=1234)
    assert settings.port == 1234
    assert Settings.from_environment(settings.to_environment()) == settings


def test_option_that_is_not_given_is_no_override() -> None:
    assert Settings.from_environment({"TIDEMILL_PORT": "9"}, port=None, host=None).port == 9


def test_paths_are_absolute() -> None:
    settings = Settings.from_environment({"TIDEMILL_DATA_DIR": "here", "TIDEMILL_ROOT_KEY_FILE": "k"})
    assert settings.data_dir == Path("here").absolute()
    assert settings.root_key_path == Path("k").absolute()
    assert Settings.from_environment({}).data_dir.is_absolute()


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("TIDEMILL_PROT", "1"),
        ("TIDEMILL_PORT", "x"),
        ("TIDEMILL_PORT", "-1"),
        ("TIDEMILL_PORT", "65536"),
        ("TIDEMILL_WORKER_SLOTS", "0"),
        ("TIDEMILL_UNISOLATED", "maybe"),
        ("TIDEMILL_LOG_LEVEL", "loud"),
        ("TIDEMILL_JOB_NETWORK", "closed"),
        ("TIDEMILL_LEASE_S", "10"),
        ("TIDEMILL_SELF_KILL_S", "1"),
        ("TIDEMILL_BASE_URL", "http://a.example.org/prefix"),
        ("TIDEMILL_BASE_URL", "a.example.org"),
        ("TIDEMILL_INTERNAL_URL", "https://a.example.org"),
        ("TIDEMILL_TRUSTED_PROXIES", "*"),
        ("TIDEMILL_TRUSTED_PROXIES", "10.0.0.1, proxy.example.org"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(variable: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        Settings.from_environment({variable: text})


def test_root_key_is_given_in_one_way_only() -> None:
    with pytest.raises(ConfigurationError, match="not both"):
        Settings.from_environment({"TIDEMILL_ROOT_KEY": "x", "TIDEMILL_ROOT_KEY_FILE": "y"})


def test_variables_of_the_tests_are_no_settings_and_no_mistakes() -> None:
    assert Settings.from_environment(dict.fromkeys(IGNORED, "1")) == Settings.from_environment({})


def test_secrets_are_never_shown() -> None:
    shown = Settings.from_environment(SET).shown(SET)
    assert "hunter2" not in repr(shown)
    assert {each.variable for each in shown if each.secret} == {
        "DATABASE_URL",
        "TIDEMILL_ROOT_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_CLIENT_SECRET",
        "IDENTITY_HEADER",
    }


def test_every_setting_says_what_it_is_for_and_is_on_the_reference_page() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    shown = Settings().shown({})
    assert len(shown) == len(fields(Settings))
    for each in shown:
        assert each.doc.endswith(".")
        assert f"`{each.variable}`" in page


@pytest.mark.parametrize("value", ["example.org:443", "10.0.0.5/8", "10.0.0.0/8, [fd00::1]:x"])
def test_a_network_that_is_none_stops_the_worker_at_its_start(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"TIDEMILL_JOB_EGRESS_ALLOW: '.*' is not a network"):
        worker_options(Settings(job_egress_allow=value))
    assert worker_options(Settings(job_egress_allow="10.0.0.0/8, ")).network.allow == ("10.0.0.0/8",)


def test_a_recovery_kit_is_kept_out_of_logs(tmp_path: Path) -> None:
    """Tests have no terminal."""
    for name in ("recovery-kit.txt", "recovery-kit-1.txt"):
        told = hand_over(f"kit {name}", tmp_path)
        assert f"kit {name}" not in told
        assert str(tmp_path / name) in told
        assert (tmp_path / name).read_text() == f"kit {name}\n"
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
