from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ALLOTMENT_")
    database_url: str
    cache_url: str | None = None
    cache_required: bool = False
    plots_per_page: int = Field(40, gt=0)
    colour: bool = False
