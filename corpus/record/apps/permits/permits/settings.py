from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    database_url: str
    migration_lock_timeout_ms: int = 3000
    geocoder_url: str = "http://127.0.0.1:8650"
    backlog_days: int = 30


settings = Settings()
