//! Any value and any bytes: nothing panics, nothing grows without bound, nothing is shown.

use crate::support::target;
use proptest::prelude::*;
use std::time::Duration;
use tminus::{Limits, Probe, walk};
use tminus_core::target::{Environment, Target, discover};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Values that are nearly addresses.
fn value() -> impl Strategy<Value = String> {
    let scheme = prop::sample::select(vec![
        "",
        "postgres://",
        "postgresql+asyncpg://",
        "redis://",
        "rediss://",
        "unix://",
        "http://",
        "wss://",
        "tcp://",
        "dns:",
        "unix:",
        "file:",
        "http+unix://",
        "jdbc:postgresql://",
        "host=",
        "/cloudsql/",
    ]);
    let piece = prop_oneof![
        "[a-z0-9]{0,6}",
        prop::sample::select(vec![
            ":",
            "@",
            "/",
            "?",
            "#",
            "&",
            "=",
            "%",
            "%2F",
            "%00",
            "%zz",
            ",",
            "[",
            "]",
            "[::1]",
            " ",
            "'",
            "\\",
            "\n",
            "é",
            "host=/x",
            "port=1",
            "sslmode=require",
            "db=1",
            ":5432",
            "${X}",
        ])
        .prop_map(str::to_owned),
    ];
    (scheme, prop::collection::vec(piece, 0..12)).prop_map(|(scheme, pieces)| format!("{scheme}{}", pieces.concat()))
}

proptest! {
    #[test]
    fn any_value_is_a_target_or_a_mistake_with_a_place(value in prop_oneof![value(), any::<String>()]) {
        match Target::parse(&value, &Environment::new()) {
            Ok(target) => {
                let shown = target.display();
                let again = Target::parse(&shown, &Environment::new());
                prop_assert!(again.is_ok(), "{value:?} is shown as {shown:?}: {again:?}");
                // A user is only shown beside a password, and a password is never shown.
                if target.secrets().is_empty() {
                    prop_assert_eq!(again.unwrap().display(), shown);
                }
                let _ = target.layers(target.deepest());
            }
            Err(bad) => {
                if let Some((start, end)) = bad.span {
                    prop_assert!(value.get(start..end).is_some(), "{value:?}: {bad:?}");
                }
            }
        }
    }

    #[test]
    fn a_password_is_never_shown(password in "[a-zA-Z0-9!$*()_+~^;<>|{}.-]{12,20}", at in 0usize..6) {
        let coded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let value = match at {
            0 => format!("postgres://u:{coded}@db/app"),
            1 => format!("postgres://u:{coded}@db:x/app"),
            2 => format!("redis://:{coded}@cache/1"),
            3 => format!("http://u:{coded}@api/"),
            4 => format!("host=db password='{password}' user=u"),
            _ => format!("postgres://db/app?user=u&password={coded}"),
        };
        let parsed = Target::parse(&value, &Environment::new());
        let text = format!("{parsed:?} {}", parsed.as_ref().map(Target::display).unwrap_or_default());
        prop_assert!(!text.contains(&password) && !text.contains(&coded), "{text}");
    }

    #[test]
    fn any_environment_can_be_looked_through(
        pairs in prop::collection::btree_map(
            prop::sample::select(vec![
                "DATABASE_URL", "REDIS_URL", "DB_HOST", "DB_PORT", "DB_PASSWORD", "PGHOST", "PGPORT", "POSTGRES_HOST",
                "REDIS_HOST", "REDIS_PORT", "X_URL", "X_DB_HOST", "INSTANCE_CONNECTION_NAME",
            ]).prop_map(str::to_owned),
            prop_oneof![value(), any::<String>()], 0..6)
    ) {
        let found = discover(&pairs);
        prop_assert!(found.windows(2).all(|two| two[0].name <= two[1].name));
    }
}

/// Servers' bytes: parts of real answers, and noise.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::sample::select(vec![
            &b"R\0\0\0\x08\0\0\0\0"[..],
            b"R\0\0\0\x08\0\0\0\x03",
            b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0",
            b"S",
            b"N",
            b"E\0\0\0\x10C57P03\0Mx\0\0",
            b"Esomething old\0",
            b"E\x7f\xff\xff\xff",
            b"Z\0\0\0\x05I",
            b"S\0\0\0\x08a\0b\0",
            b"D\0\0\0\x0a\0\x01\0\0\xff\xff",
            b"T\0\0\0\x06\0\x01",
            b"v\0\0\0\x08\0\x03\0\0",
            b"+PONG\r\n",
            b"-LOADING x\r\n",
            b"$5\r\nhello\r\n",
            b"*3\r\n",
            b"$-1\r\n",
            b":1\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 101 x\r\n",
            b"Content-Length: 5\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"\r\n",
            b"5\r\nhello\r\n",
            b"\x81\x05hello",
            b"\x16\x03\x03\0\x02\x02\x28",
            b"\x15\x03\x03\0\x02\x02\x46",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

/// A server that says these things, one after each thing that it is told.
async fn server(answers: Vec<Vec<u8>>) -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut scratch = [0; 4096];
        while let Ok((mut stream, _)) = listener.accept().await {
            for answer in &answers {
                let heard = matches!(stream.read(&mut scratch).await, Ok(1..));
                if !heard || stream.write_all(answer).await.is_err() {
                    break;
                }
            }
        }
    });
    (address, task)
}

async fn survive(scheme: &str, options: &str, answers: Vec<Vec<u8>>) {
    let (address, task) = server(answers).await;
    let target = target(&format!("{scheme}{address}/{options}"));
    let short = Duration::from_millis(100);
    let limits = Limits { handshake: short, connect: Duration::from_secs(5), ..Limits::default() };
    let seen = walk(&Probe::new(&target, target.deepest(), &Environment::new()), &limits).await;
    task.abort();
    assert!(!format!("{seen:?}").contains("secret-word"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn any_server_is_survived(answers in prop::collection::vec(bytes(), 1..5)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::join!(
                survive("postgres://u:secret-word@", "app", answers.clone()),
                survive("postgres://u:secret-word@", "app?sslmode=require", answers.clone()),
                survive("redis://:secret-word@", "1", answers.clone()),
                survive("http://", "", answers.clone()),
                survive("ws://", "", answers.clone()),
            )
        });
    }
}
