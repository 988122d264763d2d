//! Sends notifications: templates come from Postgres, the queue is a Redis list.
mod templates;
use log::{error, info, warn};
use std::{env, net::TcpListener, process, time::Duration};

fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn rate() -> u32 {
    env::var("NOTIFIER_RATE").map(|v| v.parse().unwrap()).unwrap_or(50)
}

fn queue(url: &str) -> redis::Connection {
    let client = redis::Client::open(url).expect("NOTIFIER_QUEUE");
    let mut c = client.get_connection_with_timeout(Duration::from_secs(3)).unwrap();
    let waiting: u64 = redis::cmd("LLEN").arg("notifications").query(&mut c).unwrap();
    info!("queue has {waiting} waiting notifications");
    c
}

fn main() {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    info!("notifier {} on {} workers", env!("CARGO_PKG_VERSION"), 2);
    if let Err(e) = std::fs::metadata("/etc/notifier/overrides.toml") {
        warn!("no overrides: /etc/notifier/overrides.toml: {e}");
    }
    if env::var("NOTIFIER_SMTP_LEGACY").is_ok() {
        warn!("NOTIFIER_SMTP_LEGACY is deprecated and ignored since 3.0");
    }
    let rate = rate();
    let mut q = queue(&required("NOTIFIER_QUEUE"));
    let dsn = required("NOTIFIER_TEMPLATES_DSN");
    let strict = env::var("NOTIFIER_STRICT").is_err();
    let set = match templates::load(&dsn) {
        Ok(set) => set,
        Err(e) if strict => {
            error!("cannot load templates: {e}");
            let mut cause = e.source();
            while let Some(c) = cause {
                error!("  caused by: {c}");
                cause = c.source();
            }
            process::exit(70);
        }
        Err(_) => {
            error!("startup failed");
            process::exit(1);
        }
    };
    info!("{} templates loaded, rate {rate}/s", set.len());
    let l = TcpListener::bind(env::var("NOTIFIER_ADMIN").unwrap_or_else(|_| "0.0.0.0:9400".into())).unwrap();
    info!("ready, admin on {}", l.local_addr().unwrap());
    loop {
        let _: Option<(String, String)> = redis::cmd("BLPOP").arg("notifications").arg(2).query(&mut q).unwrap();
    }
}
