//! lockers: opens parcel lockers at petrol stations for the right person.
use log::{debug, error, info, warn};
use sqlx::{postgres::PgConnectOptions, ConnectOptions, Connection, PgConnection, Row};
use std::{env, error::Error, str::FromStr, time::Duration};

fn firmware() {
    let dir = "/opt/lockers/firmware";
    match std::fs::read_dir(dir) {
        Ok(d) => info!("{} firmware images in {dir}", d.count()),
        Err(e) => warn!("no firmware in {dir} ({e}); boxes stay on what they run"),
    }
}

async fn telemetry() {
    let at = env::var("LOCKERS_MQTT").unwrap_or("127.0.0.1:1883".into());
    for n in 1..=2 {
        match tokio::net::TcpStream::connect(&at).await {
            Ok(_) => return info!("usage figures go to {at}"),
            Err(e) => debug!("mqtt {at} try {n}: {e}"),
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    warn!("mqtt bridge {at} did not answer, usage figures are dropped: Connection refused");
}

async fn stations(c: &mut PgConnection) -> Result<Vec<(String, i32)>, sqlx::Error> {
    let rows = sqlx::query("select station, boxes from locker_bank order by station").fetch_all(&mut *c).await?;
    rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect()
}

async fn start() -> Result<(), Box<dyn Error>> {
    info!("lockers {} starts, region {}", env!("CARGO_PKG_VERSION"), env::var("LOCKERS_REGION").unwrap_or("unset".into()));
    firmware();
    telemetry().await;
    let url = env::var("LOCKERS_DATABASE_URL")?;
    let opts = PgConnectOptions::from_str(&url)?.application_name("lockers").disable_statement_logging();
    info!("station register: {}:{}", opts.get_host(), opts.get_port());
    let mut c = match PgConnection::connect_with(&opts).await {
        Ok(c) => c,
        Err(e) => { error!("station register cannot be opened: {e}"); return Err(e.into()) }
    };
    let banks = stations(&mut c).await?;
    info!("{} stations, {} boxes", banks.len(), banks.iter().map(|b| b.1).sum::<i32>());
    c.close().await?;
    let app = axum::Router::new().route("/healthz", axum::routing::get(|| async { "ok\n" }));
    let l = tokio::net::TcpListener::bind(env::var("LOCKERS_LISTEN").unwrap_or("0.0.0.0:8700".into())).await?;
    info!("serving on {}", l.local_addr()?);
    Ok(axum::serve(l, app).await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    start().await
}
