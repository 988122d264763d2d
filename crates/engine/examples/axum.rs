//! An axum service that starts in declared phases.
//!
//! `DATABASE_URL` and `REDIS_URL` are probed layer by layer, the connection and a table are made, and
//! only then the port is bound: a platform's TCP probe cannot pass before the service is ready. TERM
//! closes in reverse order.
//!
//! ```sh
//! DATABASE_URL=postgresql://app:secret@127.0.0.1/orders REDIS_URL=redis://127.0.0.1 PORT=8080 \
//!   cargo run -p tminus --example axum
//! ```

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tminus::{CancellationToken, Countdown, StepError};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::NoTls;

/// What steps make and the service uses.
#[derive(Default)]
struct Parts {
    database: Mutex<Option<Arc<tokio_postgres::Client>>>,
    listener: Mutex<Option<TcpListener>>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let parts = Arc::new(Parts::default());
    let stop = CancellationToken::new();
    // Signals belong to the program: the library installs no handler.
    let mut term = signal(SignalKind::terminate()).expect("a runtime with its IO driver");
    tokio::spawn({
        let stop = stop.clone();
        async move {
            term.recv().await;
            stop.cancel();
        }
    });

    let started = countdown(environment, &parts, stop.clone())
        .start(|event: &tminus_core::event::Event| {
            // One line per event on standard error; a service would hand them to its own logging.
            serde_json::to_string(event).map(|line| eprintln!("{line}")).map_err(|error| error.to_string())
        })
        .await;
    let started = match started {
        Ok(started) => started,
        Err(error) => {
            eprintln!("not started: {error}");
            return ExitCode::from(3);
        }
    };

    let listener = parts.listener.lock().expect("no step panics").take().expect("the last phase has bound it");
    let database = parts.database.lock().expect("no step panics").clone().expect("an earlier phase has made it");
    let app = axum::Router::new().route("/health", get(health)).with_state(database);
    let serving = axum::serve(listener, app).with_graceful_shutdown(async move { stop.cancelled().await });
    let served = serving.await;
    started.stop().await;
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn countdown(environment: BTreeMap<String, String>, parts: &Arc<Parts>, stop: CancellationToken) -> Countdown {
    let url = environment.get("DATABASE_URL").cloned().unwrap_or_default();
    let port = environment.get("PORT").cloned().unwrap_or_default();
    let (connecting, closing, binding) = (Arc::clone(parts), Arc::clone(parts), Arc::clone(parts));
    Countdown::new("orders")
        .environment(environment)
        .stop_token(stop)
        .budget(Duration::from_secs(60), Duration::from_secs(10))
        .phase("init", Duration::from_secs(5))
        .require("environment", ["DATABASE_URL", "REDIS_URL", "PORT"])
        .phase("database", Duration::from_secs(30))
        .probe("orders-db", "${DATABASE_URL}")
        .step("connection", move || connect(url.clone(), Arc::clone(&connecting)))
        .needs("orders-db")
        .undo(Duration::from_secs(2), move || {
            let parts = Arc::clone(&closing);
            async move {
                // Dropping the last handle ends the session.
                *parts.database.lock().expect("no step panics") = None;
                Ok(())
            }
        })
        .phase("cache", Duration::from_secs(20))
        .probe("orders-cache", "${REDIS_URL}")
        .optional()
        .deadline(Duration::from_secs(2))
        .phase("services", Duration::from_secs(10))
        .step("listen", move || {
            let (parts, port) = (Arc::clone(&binding), port.clone());
            async move {
                let port: u16 = port.parse().map_err(|_| StepError::hopeless("PORT is no port"))?;
                let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(StepError::not_yet)?;
                *parts.listener.lock().expect("no step panics") = Some(listener);
                Ok(())
            }
        })
}

async fn connect(url: String, parts: Arc<Parts>) -> Result<(), StepError> {
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.map_err(StepError::failed)?;
    tokio::spawn(connection);
    client
        .batch_execute("create table if not exists orders (id bigserial primary key, what text not null)")
        .await
        .map_err(StepError::failed)?;
    *parts.database.lock().expect("no step panics") = Some(Arc::new(client));
    Ok(())
}

async fn health(State(database): State<Arc<tokio_postgres::Client>>) -> Json<serde_json::Value> {
    let count = database.query_one("select count(*) from orders", &[]).await.ok().map(|row| row.get::<_, i64>(0));
    Json(serde_json::json!({"status": if count.is_some() { "ok" } else { "degraded" }, "orders": count}))
}
