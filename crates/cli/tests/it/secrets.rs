//! Secrets in logs and facts never come out, in any format.

use crate::room::Room;

/// The ways in which an answer leaves.
const OUTPUTS: &[&[&str]] = &[
    &["why"],
    &["why", "--full"],
    &["why", "--format", "json"],
    &["why", "--format", "markdown"],
    &["why", "--format", "github"],
];

/// What a program may print when it cannot start, and the part that must not be repeated.
const SHAPES: &[(&str, &str)] = &[
    ("cannot use postgresql://app:hunter2-Blue@db:5432/app", "hunter2-Blue"),
    ("cannot use postgresql://app:p@ss/w0rd@db:5432/app", "p@ss/w0rd"),
    ("cannot use redis://:tr0ubadour@cache:6379/0", "tr0ubadour"),
    ("cannot use amqps://svc:b%40d%2Fone@mq:5671/", "b%40d%2Fone"),
    ("cannot use https://x-token:ghs16C7e42F292c6912E7@git.internal/a.git", "ghs16C7e42F292c6912E7"),
    ("cannot use postgresql://db:5432/app?user=app&password=hunter2Blue&sslmode=require", "hunter2Blue"),
    ("cannot connect: host=db user=app password=hunter2Blue dbname=app", "hunter2Blue"),
    ("cannot connect: host=db user=app password='hunter2 Blue' dbname=app", "hunter2 Blue"),
    ("cannot connect: Server=db;User Id=app;Password=hunter2Blue;Encrypt=true", "hunter2Blue"),
    ("cannot connect: Server=db;Uid=app;Pwd=hunter2Blue;", "hunter2Blue"),
    ("bad settings DB_PASSWORD=hunter2Blue PORT=80", "hunter2Blue"),
    ("bad settings PGPASSWORD=hunter2Blue", "hunter2Blue"),
    ("bad settings {'db_password': 'hunter2Blue', 'port': 80}", "hunter2Blue"),
    (r#"bad settings {"api_key": "k-1f3a-55", "port": 80}"#, "k-1f3a-55"),
    (r#"bad settings {"client_secret":"c5-Blue-77","port":80}"#, "c5-Blue-77"),
    (r#"bad settings {\"password\":\"hunter2Blue\"}"#, "hunter2Blue"),
    ("bad settings secret_key: Zm9vYmFyMTIzNDU2Nzg5MA", "Zm9vYmFyMTIzNDU2Nzg5MA"),
    ("bad settings JWT_SECRET=\"s1gn-me-now\"", "s1gn-me-now"),
    (
        "bad settings aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
    ),
    ("bad settings SENTRY_DSN=https://9f3c0a77e5d94b0b@o1.ingest.sentry.io/44", "9f3c0a77e5d94b0b"),
    (
        "bad settings DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4==;",
        "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4==",
    ),
    ("refused for AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("refused for ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    (
        "refused for github_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ0123456789",
        "github_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ0123456789",
    ),
    ("refused for glpat-x7Gd92KqLm3PzRtY4Vbn", "glpat-x7Gd92KqLm3PzRtY4Vbn"),
    (
        "refused for xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy",
        "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy",
    ),
    ("refused for sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("refused for sk-proj-4eC39HqLyjWDarjtT1zdp7dc4eC39HqL", "sk-proj-4eC39HqLyjWDarjtT1zdp7dc4eC39HqL"),
    ("refused for AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe", "AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe"),
    (
        "refused for eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "eyJzdWIiOiIxMjM0NTY3ODkwIn0",
    ),
    (
        "refused for SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc",
        "TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc",
    ),
    ("refused for npm_4eC39HqLyjWDarjtT1zdp7dc4eC39HqLyjWD", "npm_4eC39HqLyjWDarjtT1zdp7dc4eC39HqLyjWD"),
    ("refused for hvs.CAESIJlWh2MZ1bq8yRkq3WvTQj9Vh4hL0E", "hvs.CAESIJlWh2MZ1bq8yRkq3WvTQj9Vh4hL0E"),
    ("refused, sent Authorization: Bearer abcdef0123456789abcdef", "abcdef0123456789abcdef"),
    ("refused, sent Authorization: Basic YXBwOmh1bnRlcjJCbHVl", "YXBwOmh1bnRlcjJCbHVl"),
    ("refused, sent x-api-key: 5d41402abc4b2a76b9719d911017c592", "5d41402abc4b2a76b9719d911017c592"),
    ("refused, ran loader --password hunter2Blue --port 80", "hunter2Blue"),
    ("refused, ran loader --api-token=hunter2Blue", "hunter2Blue"),
    (
        "refused by https://hooks.slack.com/services/T0AB12CD3/B0AB12CD3/x7Gd92KqLm3PzRtY4VbnQ1",
        "x7Gd92KqLm3PzRtY4VbnQ1",
    ),
    ("bad key -----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkq\\n-----END PRIVATE KEY-----\\n", "MIIEvQIBADANBgkq"),
];

/// A start that ends with `message` as its failure.
fn room(message: &str) -> Room {
    let room = Room::new();
    let text = format!(
        "INFO:     Waiting for application startup.\n{message}\nERROR:    Traceback (most recent call last):\n  File \"/srv/app/main.py\", line 24, in lifespan\n    \
         connect()\nRuntimeError: {message}\n\nERROR:    Application startup failed. Exiting.\n"
    );
    room.put("web.log", text).put("exits.json", r#"{"attempts":[{"attempt":1,"exit_code":3}]}"#);
    room
}

fn outputs(room: &Room, more: &[&str]) -> Vec<(String, String)> {
    let run = |args: &&[&str]| {
        (args.join(" "), room.tminus(&[*args, more, &["--exits", "exits.json", "web.log"]].concat()).out)
    };
    OUTPUTS.iter().map(run).collect()
}

#[test]
fn no_shape_of_a_secret_comes_out_in_any_format() {
    let mut wrong = Vec::new();
    for (message, secret) in SHAPES {
        let room = room(message);
        let outputs = outputs(&room, &[]);
        let head: String = message.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        assert!(
            outputs.iter().any(|(_, out)| out.contains(&head)),
            "`{head}` is no evidence: nothing is proved\n{outputs:#?}"
        );
        let leaks: Vec<&str> =
            outputs.iter().filter(|(_, out)| out.contains(secret)).map(|(args, _)| args.as_str()).collect();
        if !leaks.is_empty() {
            wrong.push(format!("`{secret}` of `{message}` comes out of {leaks:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), SHAPES.len(), wrong.join("\n"));
}

#[test]
fn the_body_of_a_private_key_does_not_come_out() {
    let body =
        ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj", "MzEfYyjiWA4R4ZrEJ9aPpJ8VnVrTQ2Wv"];
    let room =
        room(&format!("bad key -----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", body.join("\n")));
    for (args, out) in outputs(&room, &[]) {
        for line in body {
            assert!(!out.contains(line), "{args}:\n{out}");
        }
    }
}

#[test]
fn a_value_that_the_facts_hold_under_a_secret_name_is_masked_wherever_it_stands() {
    for (value, as_logged) in [
        ("correct horse battery", "correct horse battery"),
        ("Tr0ub4dor", "Tr0ub4dor"),
        ("p@ss/w0rd", "p@ss/w0rd"),
        ("p@ss/w0rd", "p%40ss%2Fw0rd"),
        ("p@ss w0rd", "p%40ss+w0rd"),
        ("quo\\\"ted", "quo\"ted"),
    ] {
        let room = room(&format!("the peer said {as_logged} is wrong (at {as_logged}:5432)"));
        room.put("facts.json", format!("{{\"env\": {{\"DB_PASSWORD\": \"{value}\", \"PORT\": \"8080\"}}}}"));
        for (args, out) in outputs(&room, &["--facts", "facts.json"]) {
            let json = serde_json::to_string(as_logged).expect("a string");
            assert!(
                !out.contains(as_logged) && !out.contains(json.trim_matches('"')),
                "`{as_logged}` comes out of {args}:\n{out}"
            );
        }
    }
}

#[test]
fn a_secret_of_the_wrong_type_is_not_repeated_by_the_error() {
    let room = room("no");
    room.put("facts.json", r#"{"env": {"DB_PASSWORD": 778899}}"#);
    let answer = room.tminus(&["why", "--facts", "facts.json", "web.log"]);
    answer.is_an_error_about(&["facts.json", "env.DB_PASSWORD"]);
    assert!(!answer.err.contains("778899"), "{}", answer.err);
}

#[test]
fn secrets_of_structured_rows_are_masked_too() {
    let room = Room::new();
    let row = r#"{"severity":"ERROR","message":"Traceback (most recent call last):\n  File \"/srv/app/main.py\", line 4, in <module>\nRuntimeError: bad url postgres://app:hunter2Blue@db/app and {\"token\": \"hunter2Red\"}","time":"2026-11-22T06:04:29.447Z","db":{"password":"hunter2Green"},"url":"amqp://svc:hunter2Grey@mq:5671/"}"#;
    room.put("web.log", format!("{row}\n")).put("exits.json", r#"{"attempts":[{"attempt":1,"exit_code":1}]}"#);
    for (args, out) in outputs(&room, &[]) {
        for secret in ["hunter2Blue", "hunter2Red", "hunter2Green", "hunter2Grey"] {
            assert!(!out.contains(secret), "`{secret}` comes out of {args}:\n{out}");
        }
    }
}
