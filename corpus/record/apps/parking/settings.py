from pydantic import Field, PostgresDsn
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PARKING_", env_file=".env")
    db_host: str
    db_port: int = 5432
    db_name: str = "parking"
    db_user: str = "parking"
    db_password: str
    db_sslmode: str = "prefer"
    pool_size: int = Field(4, ge=1)
    start_timeout: float = 12
    sensor_feed: str = "udp://127.0.0.1:7878"

    @property
    def conninfo(self):
        return f"host={self.db_host} port={self.db_port} dbname={self.db_name} user={self.db_user} password={self.db_password} sslmode={self.db_sslmode} application_name=parking"
