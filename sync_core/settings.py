"""The settings: from the environment, `.env` or `tipo.toml`, in this order.

A secret may be in a file of its own: TIPO_SLACK__BOT_TOKEN_FILE names the file that holds
TIPO_SLACK__BOT_TOKEN, as Docker and Kubernetes hand secrets over.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from sync_core.domain.matching import MatchBy
from sync_core.domain.nights import DEFAULT_HOUR
from sync_core.domain.process_roles import ProcessRole, expected_roles
from sync_core.domain.values import Alias, Role
from sync_core.errors import BadSettings

DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")
ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,30}")
MAX_COUNT = 1_000_000_000  # of products or units


def read_address(url: str) -> str:
    """Return an http(s) address without its last slash."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise ValueError("must be an address such as https://tipo.example.com")
    return url.rstrip("/")


def _zone(name: str) -> str:
    """Return the name of a time zone that exists."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise ValueError("must be a time zone such as Europe/Berlin") from exc
    return name


def _listed(given: object) -> object:
    """Return a list that the environment holds as JSON."""
    try:
        return json.loads(given) if isinstance(given, str) else given
    except ValueError:
        raise ValueError('must be a JSON list such as ["one", "two"]') from None


Address = Annotated[str, AfterValidator(read_address)]
JsonList = (NoDecode, BeforeValidator(_listed))  # read here, so that an error names its variable


SECRETS = {
    "database_url",
    "metrics_token",
    "bot_token",
    "signing_secret",
    "app_token",
    "access_token",
    "client_secret",
    "webhook_secrets",
}
FILE = "_file"  # at the end of the name of a secret
MAX_SECRET_BYTES = 65_536


def _from_files(given: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """Return variables with the secrets that files hold in place of the files' names.

    Raises:
        BadSettings: If a file can't be read, or a secret is given both ways.
    """
    found = dict(given)
    for name, path in given.items():
        secret = name.lower().removesuffix(FILE)
        is_ours = secret != name.lower() and secret.startswith("tipo_")
        if not is_ours or secret.removeprefix("tipo_").rpartition("__")[2] not in SECRETS:
            continue
        del found[name]
        if path:
            if given.get(secret):
                raise BadSettings(f"{name.upper()}: {secret.upper()} is set as well; set one")
            found[secret] = _secret_in(Path(path), name.upper())
    return found


def _secret_in(path: Path, name: str) -> str:
    """Return what a file holds; an error doesn't repeat the path: it may be the secret itself."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
        secret = raw.decode().rstrip("\r\n")
    except (OSError, ValueError) as exc:
        why = f"the file that it names can't be read ({type(exc).__name__})"
        raise BadSettings(f"{name}: {why}; write the path of a text file") from None
    if not secret or len(raw) > MAX_SECRET_BYTES:
        raise BadSettings(f"{name}: the file that it names is empty, or holds more than a secret")
    return secret


class Environment(EnvSettingsSource):
    """The environment, and the files that it names."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return _from_files(super()._load_env_vars())


class DotEnv(DotEnvSettingsSource):
    """`.env`, and the files that it names."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return _from_files(super()._load_env_vars())


class Strict(BaseModel):
    """A group of settings; a misspelt one is an error, not a silence."""

    model_config = ConfigDict(extra="forbid")


AUTO_APPROVABLE = {"missed", "one_way", "suspended"}  # kinds of finding whose fix may be safe


class StoreSettings(Strict):
    """One Shopify store."""

    domain: str
    role: Role
    access_token: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    webhook_secrets: Annotated[list[SecretStr], *JsonList] = Field(default_factory=list)
    api_url: Address | None = None

    @model_validator(mode="after")
    def _can_sign_in(self) -> "StoreSettings":
        if not DOMAIN.fullmatch(self.domain):
            raise ValueError("DOMAIN must look like urbanwear-eu.myshopify.com")
        if self.access_token is None and (self.client_id is None or self.client_secret is None):
            raise ValueError("ACCESS_TOKEN is needed, or CLIENT_ID and CLIENT_SECRET")
        return self

    @property
    def base_url(self) -> str:
        """Where the store answers."""
        return self.api_url or f"https://{self.domain}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What its webhooks may be signed with; an empty secret is none."""
        given = self.webhook_secrets or ([self.client_secret] if self.client_secret else [])
        return tuple(each.get_secret_value() for each in given if each.get_secret_value())


class SlackSettings(Strict):
    """The Slack workspace."""

    bot_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    app_token: SecretStr | None = None
    channel: str | None = None
    approvers: Annotated[list[str], *JsonList] = Field(default_factory=list)
    api_url: str = "https://slack.com/api/"


class NightlySettings(Strict):
    """When the stores are compared."""

    at: time = DEFAULT_HOUR
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    auto_approve: Annotated[list[str], *JsonList] = Field(default_factory=list)  # safe fixes only
    auto_units: int = Field(10, ge=0, le=MAX_COUNT)  # that one such fix may move

    @model_validator(mode="after")
    def _knows_kinds(self) -> "NightlySettings":
        odd = set(self.auto_approve) - AUTO_APPROVABLE
        if odd:
            raise ValueError(
                f"AUTO_APPROVE knows {', '.join(sorted(AUTO_APPROVABLE))}; "
                f"not {', '.join(sorted(odd))}"
            )
        return self


class CatchUpSettings(Strict):
    """How often missed changes are looked for."""

    every: float = Field(600.0, ge=0, le=86_400)  # seconds; 0 is off


class SafetyStopSettings(Strict):
    """When what moves in one store, without an order, is held until somebody decides."""

    within_minutes: float = Field(10.0, gt=0, le=60)
    pools: int = Field(20, ge=0, le=MAX_COUNT)  # more of them than this fall to zero …
    fall: int = Field(10, ge=1, le=MAX_COUNT)  # … each at once and by so many units or more
    share: float = Field(0.5, ge=0, le=1)  # or more than this share of all units moves …
    units: int = Field(1000, ge=0, le=MAX_COUNT)  # … and at least so many


class Settings(BaseSettings):
    """All settings. Names: `TIPO_` and `__` between levels."""

    model_config = SettingsConfigDict(
        env_prefix="TIPO_",
        env_nested_delimiter="__",
        env_ignore_empty=True,  # an empty line in `.env` sets nothing
        hide_input_in_errors=True,  # it may be a secret
        env_file=".env",
        toml_file="tipo.toml",
        extra="ignore",
    )

    database_url: SecretStr = SecretStr("sqlite:///tipo.db")
    stores: dict[str, StoreSettings] = Field(default_factory=dict)
    public_url: Address | None = None
    match_by: MatchBy = MatchBy.HANDLE
    slack: SlackSettings = Field(default_factory=SlackSettings)
    nightly: NightlySettings = Field(default_factory=NightlySettings)
    catch_up: CatchUpSettings = Field(default_factory=CatchUpSettings)
    safety_stop: SafetyStopSettings = Field(default_factory=SafetyStopSettings)
    brake: dict[str, Any] | None = Field(None, exclude=True)  # what `safety_stop` was called once
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    metrics_token: SecretStr | None = None  # asked for by /metrics and the details of /readyz
    log_format: Literal["auto", "text", "json"] = "auto"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment first, then `.env`, then `tipo.toml`."""
        del env_settings, file_secret_settings  # ours read the files that are named, too
        dotenv = DotEnv(settings_cls, env_file=getattr(dotenv_settings, "env_file", None))
        toml = TomlConfigSettingsSource(settings_cls)
        return init_settings, Environment(settings_cls), dotenv, toml

    @field_validator("brake")
    @classmethod
    def _is_not_used(cls, value: dict[str, Any] | None) -> None:
        if value:
            raise ValueError("is called TIPO_SAFETY_STOP now, with the same names behind it")

    @model_validator(mode="after")
    def _has_one_source(self) -> "Settings":
        for alias in self.stores:
            if not ALIAS.fullmatch(alias):
                raise ValueError(f"the store alias {alias!r} must be a short word such as eu")
        roles = [store.role for store in self.stores.values()]
        if self.stores and roles.count(Role.SOURCE) != 1:
            raise ValueError(
                "exactly one store must have ROLE source, the others destination; "
                f"{roles.count(Role.SOURCE)} have it"
            )
        domains = [store.domain for store in self.stores.values()]
        if len(set(domains)) < len(domains):
            raise ValueError("two stores have the same DOMAIN; each needs its own")
        return self

    @property
    def expected_roles(self) -> frozenset[ProcessRole]:
        """The roles that some process of `tipo serve` must have."""
        slack = self.slack
        return expected_roles(
            takes_webhooks=self.public_url is not None,
            has_slack=any((slack.bot_token, slack.signing_secret, slack.app_token)),
        )

    @property
    def source(self) -> Alias:
        """The alias of the source."""
        found = (name for name, store in self.stores.items() if store.role is Role.SOURCE)
        return Alias(next(found))


def load(**given: object) -> Settings:
    """Return the settings.

    Raises:
        BadSettings: If one is missing or wrong; the message names each and says what to write.
    """
    with _in_words():
        return Settings(**given)  # type: ignore[arg-type]


def written() -> dict[str, Mapping[str, Any]]:
    """Return what each source says, the strongest first, also where `load` would miss something.

    Raises:
        BadSettings: If one can't be read.
    """
    with _in_words():
        return {
            "the environment": Environment(Settings)(),
            ".env": DotEnv(Settings)(),
            "tipo.toml": TomlConfigSettingsSource(Settings)(),
        }


def only_store(alias: str, given: object, public_url: str | None) -> Settings:
    """Return settings that have one store alone: the others need not be there yet.

    Raises:
        BadSettings: If something of the store is missing or wrong.
    """
    with _in_words("stores", alias):
        store = StoreSettings.model_validate(given)
    return Settings.model_construct(stores={alias: store}, public_url=public_url)


@contextmanager
def _in_words(*within: str) -> Iterator[None]:
    """Turn what is wrong with settings into words; `within`: where in them we are."""
    try:
        yield
    except ValidationError as exc:
        raise BadSettings("\n".join(_words(each, within) for each in exc.errors())) from exc
    except (ValueError, OSError) as exc:  # a broken tipo.toml, or JSON that is none
        where = f" ({Path('tipo.toml').resolve()})" if "toml" in type(exc).__module__ else ""
        raise BadSettings(f"the settings cannot be read{where}: {exc}") from exc


def needed(settings: Settings) -> Settings:
    """Return the settings if they name stores to keep equal.

    Raises:
        BadSettings: If they do not.
    """
    if len(settings.stores) < 2:  # noqa: PLR2004
        raise BadSettings(
            "at least two stores are needed: `tipo init` asks for them; or set "
            "TIPO_STORES__EU__DOMAIN, TIPO_STORES__EU__ROLE and TIPO_STORES__EU__ACCESS_TOKEN, "
            "and the same for another"
        )
    return settings


def _words(error: object, within: tuple[str, ...]) -> str:
    """Return what is wrong with one setting, without its value: it may be a secret."""
    details = dict(error)  # type: ignore[call-overload]
    name = "__".join(str(part) for part in (*within, *details["loc"])).upper()
    message = str(details["msg"]).removeprefix("Value error, ")
    return f"TIPO_{name}: {message}" if name else message
