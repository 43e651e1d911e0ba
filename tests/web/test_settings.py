"""Settings from the environment, `.env` and `tipo.toml`; errors that help and tell no secret."""

import json
import logging
import traceback
from datetime import time

import pytest

from sync_core.domain.matching import MatchBy
from sync_core.domain.values import Role
from sync_core.errors import BadSettings
from sync_core.settings import SECRETS, Settings, SlackSettings, StoreSettings, load, needed

TOKEN = "shpat_0123456789abcdef"  # noqa: S105 - nobody's
SECRET = "hush-0123456789"  # noqa: S105
PASSWORD = "pw-hush-5432"  # noqa: S105
EU, US = "TIPO_STORES__EU__", "TIPO_STORES__US__"
TWO = {
    f"{EU}DOMAIN": "urbanwear-eu.myshopify.com",
    f"{EU}ROLE": "source",
    f"{EU}ACCESS_TOKEN": TOKEN,
    f"{US}DOMAIN": "urbanwear-us.myshopify.com",
    f"{US}ROLE": "destination",
    f"{US}CLIENT_ID": "id",
    f"{US}CLIENT_SECRET": SECRET,
}


@pytest.fixture(autouse=True)
def _empty_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def given(monkeypatch):
    """Set the two stores, and then these; None takes a variable away. Return the settings."""

    def give(changes=(), **more):
        for name, value in {**TWO, **dict(changes), **more}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return load()

    return give


@pytest.fixture
def wrong(given):
    """Return what is said of wrong settings, after a look for secrets in it."""

    def say(changes=(), **more):
        with pytest.raises(BadSettings) as caught:
            given(changes, **more)
        everything = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        values = [TOKEN, SECRET, PASSWORD]
        assert not any(each in everything for each in values)
        return str(caught.value)

    return say


def test_without_any_there_are_defaults():
    settings = load()
    assert settings.database_url.get_secret_value() == "sqlite:///tipo.db"
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert (settings.match_by, settings.public_url) == (MatchBy.HANDLE, None)
    assert (settings.nightly.at, settings.nightly.timezone) == (time(2, 30), "UTC")
    assert (settings.catch_up.every, settings.stores) == (600, {})
    assert settings.slack.api_url == "https://slack.com/api/"
    assert settings.slack.approvers == []


def test_every_variable_is_read(given):
    settings = given(
        {
            f"{EU}WEBHOOK_SECRETS": '["one", "two"]',
            f"{EU}API_URL": "http://127.0.0.1:4000/eu/",
            "TIPO_DATABASE_URL": f"postgresql://tipo:{PASSWORD}@db/tipo",
            "TIPO_PUBLIC_URL": "https://tipo.example.com/",
            "TIPO_MATCH_BY": "sku",
            "TIPO_SLACK__BOT_TOKEN": "xoxb-1",
            "TIPO_SLACK__SIGNING_SECRET": "sign",
            "TIPO_SLACK__APP_TOKEN": "xapp-1",
            "TIPO_SLACK__CHANNEL": "C1",
            "TIPO_SLACK__APPROVERS": '["U1", "S2"]',
            "TIPO_SLACK__API_URL": "http://127.0.0.1:4001/api/",
            "TIPO_NIGHTLY__AT": "03:45",
            "TIPO_NIGHTLY__TIMEZONE": "Europe/Berlin",
            "TIPO_CATCH_UP__EVERY": "0",
            "TIPO_SAFETY_STOP__WITHIN_MINUTES": "5",
            "TIPO_SAFETY_STOP__POOLS": "3",
            "TIPO_SAFETY_STOP__FALL": "7",
            "TIPO_SAFETY_STOP__SHARE": "0.25",
            "TIPO_SAFETY_STOP__UNITS": "400",
            "TIPO_HOST": "0.0.0.0",  # noqa: S104
            "TIPO_PORT": "9000",
            "TIPO_LOG_FORMAT": "json",
        }
    )
    assert settings.safety_stop.model_dump() == {
        "within_minutes": 5.0,
        "pools": 3,
        "fall": 7,
        "share": 0.25,
        "units": 400,
    }
    eu, us = settings.stores["eu"], settings.stores["us"]
    assert (eu.domain, eu.role) == ("urbanwear-eu.myshopify.com", Role.SOURCE)
    assert eu.access_token.get_secret_value() == TOKEN
    assert eu.secrets == ("one", "two")
    assert eu.base_url == "http://127.0.0.1:4000/eu"
    assert (us.role, us.client_id, us.secrets) == (Role.DESTINATION, "id", (SECRET,))
    assert us.base_url == "https://urbanwear-us.myshopify.com"
    assert settings.source == "eu"
    assert settings.database_url.get_secret_value() == f"postgresql://tipo:{PASSWORD}@db/tipo"
    assert (settings.public_url, settings.match_by) == ("https://tipo.example.com", MatchBy.SKU)
    assert settings.slack.bot_token.get_secret_value() == "xoxb-1"
    assert settings.slack.signing_secret.get_secret_value() == "sign"
    assert settings.slack.app_token.get_secret_value() == "xapp-1"
    assert (settings.slack.channel, settings.slack.approvers) == ("C1", ["U1", "S2"])
    assert settings.slack.api_url == "http://127.0.0.1:4001/api/"
    assert (settings.nightly.at, settings.nightly.timezone) == (time(3, 45), "Europe/Berlin")
    assert settings.catch_up.every == 0
    assert (settings.host, settings.port) == ("0.0.0.0", 9000)  # noqa: S104
    assert settings.log_format == "json"


def test_the_environment_comes_before_env_before_toml(given, tmp_path):
    (tmp_path / "tipo.toml").write_text('host = "toml"\nport = 1\nmatch_by = "barcode"\n')
    (tmp_path / ".env").write_text("TIPO_HOST=dotenv\nTIPO_PORT=2\n")
    settings = given(TIPO_HOST="environment")
    assert (settings.host, settings.port) == ("environment", 2)
    assert settings.match_by is MatchBy.BARCODE


def test_stores_may_stand_in_toml_and_their_secrets_in_the_environment(tmp_path, monkeypatch):
    (tmp_path / "tipo.toml").write_text(
        '[stores.eu]\ndomain = "urbanwear-eu.myshopify.com"\nrole = "source"\n'
    )
    monkeypatch.setenv(f"{EU}ACCESS_TOKEN", TOKEN)
    assert load().stores["eu"].access_token.get_secret_value() == TOKEN


@pytest.mark.parametrize(
    ("eu", "us", "count"), [("source", "source", 2), ("destination",) * 2 + (0,)]
)
def test_there_is_exactly_one_source(wrong, eu, us, count):
    said = wrong({f"{EU}ROLE": eu, f"{US}ROLE": us})
    assert "exactly one store must have ROLE source" in said
    assert f"{count} have it" in said


def test_one_store_is_not_enough(given):
    settings = given(dict.fromkeys([name for name in TWO if name.startswith(US)]))
    with pytest.raises(BadSettings, match="at least two stores"):
        needed(settings)


def test_two_are(given):
    settings = given()
    assert needed(settings) is settings


def test_each_store_has_a_domain_of_its_own(wrong):
    assert "same DOMAIN" in wrong({f"{US}DOMAIN": TWO[f"{EU}DOMAIN"]})


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "urbanwear-eu",
        "urbanwear-eu.com",
        ".myshopify.com",
        "-eu.myshopify.com",
        "evil.com#.myshopify.com",
        "evil.com/.myshopify.com",
        "evil.com?x.myshopify.com",
        "evil.com\\.myshopify.com",
        "evil.com.myshopify.com",
        "user:pw@eu.myshopify.com",
        "user@eu.myshopify.com",
        "eu.myshopify.com.evil.com",
        "eu.myshopify.com@evil.com",
        "eu.myshopify.com:8443",
        "https://eu.myshopify.com",
        "eu.myshopify.com/admin",
        "eu.myshopify.com\n",
        " eu.myshopify.com",
        "eu.myshopifyxcom",
        "127.0.0.1",
        "[::1]",
        "169.254.169.254",
        "localhost",
        "eü.myshopify.com",
        "\u0435u.myshopify.com",  # a Cyrillic e
        "eu.myshopify\u3002com",  # an ideographic full stop
        "eu\u0661.myshopify.com",  # an Arabic digit
        "EU.myshopify.com",
    ],
)
def test_a_domain_is_a_shop_of_shopify_and_nothing_else(wrong, domain):
    said = wrong({f"{EU}DOMAIN": domain})
    assert "TIPO_STORES__EU" in said
    assert "DOMAIN" in said
    assert not domain or domain not in said.replace("urbanwear-eu.myshopify.com", "")


@pytest.mark.parametrize(
    "url", ["tipo.example.com", "ftp://tipo", "https://", "https://u:p@tipo", "https://tipo/#x"]
)
@pytest.mark.parametrize("name", ["TIPO_PUBLIC_URL", f"{EU}API_URL"])
def test_an_address_is_an_address(wrong, name, url):
    said = wrong({name: url})
    assert said.startswith(f"{name}: must be an address")
    assert url not in said.removeprefix(name).replace("https://tipo.example.com", "")


@pytest.mark.parametrize("missing", [f"{EU}ACCESS_TOKEN", f"{US}CLIENT_ID", f"{US}CLIENT_SECRET"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_store_needs_a_way_to_sign_in(wrong, missing, value):
    """An empty line in `.env` is a setting that nobody has made."""
    said = wrong({missing: value})
    assert missing[: len(EU) - 2] in said
    assert "ACCESS_TOKEN is needed, or CLIENT_ID and CLIENT_SECRET" in said


def test_an_empty_token_does_not_hide_the_other_way(given):
    assert given({f"{US}ACCESS_TOKEN": ""}).stores["us"].access_token is None


@pytest.mark.parametrize("given_secrets", ["[]", '[""]'])
def test_an_empty_webhook_secret_is_none(given, given_secrets):
    assert given({f"{EU}WEBHOOK_SECRETS": given_secrets}).stores["eu"].secrets == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIPO_NIGHTLY__TIMEZONE", "Mars/Olympus"),
        ("TIPO_NIGHTLY__TIMEZONE", "../../etc/passwd"),
        ("TIPO_NIGHTLY__AT", "25:99"),
        ("TIPO_CATCH_UP__EVERY", "-17"),
        ("TIPO_CATCH_UP__EVERY", "soonish"),
        ("TIPO_CATCH_UP__EVERY", "inf"),
        ("TIPO_SAFETY_STOP__UNITS", "9" * 20),
        ("TIPO_SAFETY_STOP__SHARE", "50"),
        ("TIPO_SAFETY_STOP__FALL", "0"),
        ("TIPO_PORT", "70123"),
        ("TIPO_PORT", "eighty"),
        ("TIPO_MATCH_BY", "colour"),
        ("TIPO_LOG_FORMAT", "xml"),
        (f"{EU}ROLE", "origin"),
        (f"{EU}TOKEN", SECRET),
        (f"{EU}WEBHOOK_SECRETS", SECRET),
        (f"{EU}WEBHOOK_SECRETS", json.dumps({"a": SECRET})),
        ("TIPO_SLACK__BOT_TOKN", SECRET),
        ("TIPO_SLACK__APPROVERS", "U1,U2"),
    ],
)
def test_what_is_wrong_is_named_and_not_shown(wrong, name, value):
    said = wrong({name: value})
    assert name in said
    assert value not in said


def test_limits_under_their_old_name_are_refused(wrong):
    """Ignored without a word, the safety stop would trip at other limits than somebody set."""
    said = wrong(TIPO_BRAKE__POOLS="5")
    assert "TIPO_BRAKE" in said
    assert "TIPO_SAFETY_STOP" in said


def test_everything_wrong_is_said_at_once(wrong):
    said = wrong(TIPO_PORT="eighty", TIPO_MATCH_BY="colour").splitlines()
    assert sorted(each.split(":")[0] for each in said) == ["TIPO_MATCH_BY", "TIPO_PORT"]


@pytest.mark.parametrize("alias", ["1EU", "E U", "EU.FR", "É"])
def test_an_alias_is_a_short_word(wrong, alias):
    mine = {name.replace("__EU__", f"__{alias}__"): value for name, value in TWO.items()}
    assert "must be a short word" in wrong({**dict.fromkeys(TWO), **mine})


def test_a_broken_toml_names_its_file(wrong, tmp_path):
    (tmp_path / "tipo.toml").write_text(f'database_url = "{PASSWORD}')
    assert str(tmp_path / "tipo.toml") in wrong()


def test_secrets_are_masked_wherever_settings_are_shown(given, caplog):
    settings = given(
        {
            f"{EU}WEBHOOK_SECRETS": json.dumps([SECRET]),
            "TIPO_DATABASE_URL": f"postgresql://tipo:{PASSWORD}@db/tipo",
            "TIPO_SLACK__BOT_TOKEN": SECRET,
            "TIPO_SLACK__SIGNING_SECRET": SECRET,
            "TIPO_SLACK__APP_TOKEN": SECRET,
        }
    )
    logging.getLogger("tests").warning("%s", settings)
    shown = [repr(settings), str(settings), settings.model_dump_json(), caplog.text]
    shown += [repr(settings.stores["us"]), repr(settings.model_dump()), f"{settings.slack}"]
    assert not any(each in text for each in (TOKEN, SECRET, PASSWORD) for text in shown)


# -- secrets in files
def secrets_of(model):
    """Yield the names of the secrets of a group of settings, and of the groups in it."""
    for name, field in model.model_fields.items():
        if "SecretStr" in str(field.annotation):
            yield name
        for group in (StoreSettings, SlackSettings):
            if group.__name__ in str(field.annotation):
                yield from secrets_of(group)


def test_every_secret_may_be_in_a_file():
    assert set(secrets_of(Settings)) == SECRETS


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_a_secret_is_read_from_the_file_that_is_named(given, tmp_path, where):
    """As Docker and Kubernetes hand them over; what they end with is no part of the secret."""
    (tmp_path / "token").write_text(f"{SECRET}\n")
    (tmp_path / "list").write_text(json.dumps([SECRET, "old"]))
    named = {
        f"{EU}ACCESS_TOKEN_FILE": f"{tmp_path / 'token'}",
        f"{EU}WEBHOOK_SECRETS_FILE": f"{tmp_path / 'list'}",
        "TIPO_DATABASE_URL_FILE": f"{tmp_path / 'token'}",
    }
    if where == ".env":
        lines = "".join(f"{name}={value}\n" for name, value in named.items())
        (tmp_path / ".env").write_text(lines)
        named = {}
    settings = given({**named, f"{EU}ACCESS_TOKEN": ""})
    assert settings.stores["eu"].access_token.get_secret_value() == SECRET
    assert settings.stores["eu"].secrets == (SECRET, "old")
    assert settings.database_url.get_secret_value() == SECRET
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "can't be read (FileNotFoundError)"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"x" * 70_000, "more than a secret"),
        (b"\xff", "can't be read (UnicodeDecodeError)"),
    ],
)
def test_a_file_without_a_secret_is_named_by_its_setting(wrong, tmp_path, content, part):
    """Not by its path: somebody may have written the secret there."""
    path = tmp_path / "hidden-token"
    if content is not None:
        path.write_bytes(content)
    said = wrong({f"{EU}ACCESS_TOKEN": None, f"{EU}ACCESS_TOKEN_FILE": f"{path}"})
    assert f"{EU}ACCESS_TOKEN_FILE" in said
    assert part in said
    assert "hidden-token" not in said


def test_a_secret_is_given_in_one_way(wrong, tmp_path):
    """A person who rotates one in the file must not wonder why the old one is used."""
    (tmp_path / "token").write_text("new")
    assert "set one" in wrong({f"{EU}ACCESS_TOKEN_FILE": f"{tmp_path / 'token'}"})


def test_what_is_no_secret_is_in_no_file(wrong):
    assert "DOMAIN_FILE" in wrong({f"{EU}DOMAIN_FILE": "/etc/hostname"})
