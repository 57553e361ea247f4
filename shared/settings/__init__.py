"""Settings of every service: environment by pydantic-settings, brands and provider accounts in one TOML file."""

from shared.settings.accounts import AccountsFile, ProviderAccount, load_accounts_file, load_brands
from shared.settings.service import ServiceSettings, load_settings

__all__ = ["AccountsFile", "ProviderAccount", "ServiceSettings", "load_accounts_file", "load_brands", "load_settings"]
