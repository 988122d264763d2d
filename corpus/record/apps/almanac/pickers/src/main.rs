//! pickers: hands out pick lists to the people in the warehouse aisles.
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use std::{env, error::Error, time::Duration};
use tokio::io::AsyncWriteExt;
use tracing::{error, info, instrument, warn};

type Fail = Box<dyn Error + Send + Sync>;

fn secs(name: &str, default: f64) -> Duration {
    Duration::from_secs_f64(env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default))
}

#[instrument(skip_all, fields(aisles))]
fn build_graph() -> Vec<Vec<u8>> {
    let n: usize = env::var("PICKERS_AISLES").ok().and_then(|v| v.parse().ok()).unwrap_or(12);
    let per: usize = 6 << 20;
    let mut g = Vec::with_capacity(n);
    for i in 0..n {
        g.push(vec![(i % 251) as u8 + 1; per]);
        if i % 16 == 15 { info!(done = i + 1, of = n, "walking distances computed"); }
        std::thread::sleep(Duration::from_millis(15));
    }
    g
}

#[instrument(skip_all)]
async fn orders(pool: &Pool) -> Result<i64, Fail> {
    let c = pool.get().await?;
    Ok(c.query_one("select count(*) from pick_order where picked_at is null", &[]).await?.get(0))
}

#[instrument(skip_all)]
async fn board() -> Result<(), Fail> {
    let Ok(url) = env::var("PICKERS_BOARD") else { warn!("PICKERS_BOARD not set, the wall display stays dark"); return Ok(()) };
    let c = redis::Client::open(url)?;
    let mut m = c.get_multiplexed_async_connection().await?;
    let _: String = redis::cmd("PING").query_async(&mut m).await?;
    info!("wall display connected");
    Ok(())
}

async fn run() -> Result<(), Fail> {
    info!("pickers {} for site {}", env!("CARGO_PKG_VERSION"), env::var("PICKERS_SITE").unwrap_or("unnamed".into()));
    if let Err(e) = std::fs::metadata("/etc/pickers/voice.lic") { warn!("voice picking is off: /etc/pickers/voice.lic: {e}"); }
    if let Err(e) = board().await { warn!("wall display not reachable, going on without it: {e}"); }
    let graph = build_graph();
    info!("aisle graph ready: {} aisles, {} MiB", graph.len(), graph.len() * 6);
    let cfg: tokio_postgres::Config = env::var("PICKERS_DB")?.parse()?;
    let mgr = Manager::from_config(cfg, tokio_postgres::NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    let pool = Pool::builder(mgr).max_size(4).runtime(Runtime::Tokio1)
        .wait_timeout(Some(secs("PICKERS_POOL_WAIT", 5.0))).create_timeout(Some(secs("PICKERS_CONNECT_LIMIT", 5.0))).build()?;
    info!(max = 4, "order store pool configured");
    let n = orders(&pool).await.map_err(|e| { error!("cannot read open pick orders: {}", e); e })?;
    info!("{n} open pick orders");
    let l = tokio::net::TcpListener::bind(env::var("PICKERS_LISTEN").unwrap_or("0.0.0.0:8600".into())).await?;
    info!("ready, listening on {}", l.local_addr()?);
    loop {
        let (mut s, _) = l.accept().await?;
        s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n").await?;
    }
}

#[tokio::main]
async fn main() -> Result<(), Fail> {
    tracing_subscriber::fmt().with_target(true).with_ansi(env::var_os("NO_COLOR").is_none()).init();
    run().await
}
