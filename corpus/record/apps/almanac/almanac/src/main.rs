//! almanac: sunrise, tide and sowing calendars for the garden apps.
use axum::{extract::State, routing::get, Json, Router};
use serde::Deserialize;
use sqlx::{postgres::PgPoolOptions, PgPool};
use std::{net::SocketAddr, path::Path, process::ExitCode, time::Duration};
use tracing::{debug, error, info, warn};

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    listen: SocketAddr,
    hemisphere: String,
    #[serde(default = "five")]
    connect_attempts: u32,
    #[serde(default = "three")]
    acquire_seconds: u64,
    tiles: Option<SocketAddr>,
}
fn five() -> u32 { 5 }
fn three() -> u64 { 3 }

#[derive(thiserror::Error, Debug)]
enum Stop {
    #[error("settings {0}: {1}")]
    Settings(String, String),
    #[error("ALMANAC_DATABASE is not usable: {0}")]
    Url(sqlx::Error),
    #[error("calendar store did not answer after {0} attempts")]
    Store(u32, #[source] sqlx::Error),
    #[error("schema update failed")]
    Schema(#[source] sqlx::migrate::MigrateError),
    #[error("season table could not be read")]
    Seasons(#[source] sqlx::Error),
    #[error("listener on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
}

async fn store(s: &Settings) -> Result<PgPool, Stop> {
    let url = std::env::var("ALMANAC_DATABASE").unwrap_or_default();
    let opts: sqlx::postgres::PgConnectOptions = url.parse().map_err(Stop::Url)?;
    let mut n = 0;
    loop {
        n += 1;
        match PgPoolOptions::new().max_connections(6).acquire_timeout(Duration::from_secs(s.acquire_seconds)).connect_with(opts.clone()).await {
            Ok(p) => { info!(attempt = n, "calendar store connected"); return Ok(p); }
            Err(e) if n < s.connect_attempts => {
                warn!(attempt = n, of = s.connect_attempts, error = %e, "calendar store not there yet");
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
            Err(e) => return Err(Stop::Store(n, e)),
        }
    }
}

async fn start() -> Result<(), Stop> {
    let file = std::env::var("ALMANAC_SETTINGS").unwrap_or("/etc/almanac/almanac.toml".into());
    let text = std::fs::read_to_string(&file).map_err(|e| Stop::Settings(file.clone(), e.to_string()))?;
    let s: Settings = toml::from_str(&text).map_err(|e| Stop::Settings(file.clone(), e.to_string()))?;
    info!(file, hemisphere = s.hemisphere, "settings read");
    if !Path::new("/usr/share/almanac/de440.bsp").exists() {
        warn!(path = "/usr/share/almanac/de440.bsp", "ephemeris file not found, falling back to the low precision series");
    }
    if std::env::var("ALMANAC_TZ_LEGACY").is_ok() { warn!("ALMANAC_TZ_LEGACY is deprecated, use time-zones in the settings file") }
    if let Some(t) = s.tiles {
        match tokio::net::TcpStream::connect(t).await {
            Ok(_) => debug!(%t, "tile cache answered"),
            Err(e) => warn!(peer = %t, error = %e, "tile cache unavailable, maps are rendered on demand"),
        }
    }
    let pool = store(&s).await?;
    let m = sqlx::migrate::Migrator::new(Path::new("migrations")).await.map_err(Stop::Schema)?;
    info!(known = m.iter().count(), "checking schema");
    m.run(&pool).await.map_err(Stop::Schema)?;
    let seasons: Vec<(String, i32)> = sqlx::query_as("select name, start_day from season order by start_day").fetch_all(&pool).await.map_err(Stop::Seasons)?;
    info!(seasons = seasons.len(), "seasons loaded");
    let app = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/seasons", get(|State(s): State<Vec<(String, i32)>>| async move { Json(s) }))
        .with_state(seasons);
    let l = tokio::net::TcpListener::bind(s.listen).await.map_err(|e| Stop::Listen(s.listen, e))?;
    info!(addr = %s.listen, "almanac is serving");
    axum::serve(l, app).await.map_err(|e| Stop::Listen(s.listen, e))
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_span_list(false).with_env_filter(filter).init();
    info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "almanac starting");
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let mut chain = vec![];
            let mut at: Option<&dyn std::error::Error> = std::error::Error::source(&e);
            while let Some(x) = at { chain.push(x.to_string()); at = x.source(); }
            error!(error = %e, caused_by = ?chain, "almanac stops");
            ExitCode::from(78)
        }
    }
}
