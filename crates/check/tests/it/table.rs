//! For every rule: what it must find, and what it must let be.

use crate::cases::{
    Case, compose, deployment, deployment_text, environment, file, nothing, run, terraform, terraform_text,
};
use crate::plan::{at, phase, plan, pool, step};
use std::time::Duration;
use tminus_check::{Mistake, Readiness, RuleId, Span};

const SOCKET: &str = "run.googleapis.com/cloudsql-instances: p:r:db";
const ALL: &str = "run.googleapis.com/vpc-access-egress: all-traffic";
const GUNICORN: &str = "command: [gunicorn, app:app, -b, '0.0.0.0:8080']";
const PORT: &str = "ports: [{containerPort: 8080}]";
const DATABASE: &str = r#"{"name":"db","database_version":"POSTGRES_15","settings":[{"tier":"db-custom-1-3840"}]}"#;

/// A rule, what it must find, what it must let be (with the rule among those that looked).
pub type Row = (RuleId, Vec<Case>, Vec<Case>);

fn env(name: &str, value: &str) -> String {
    format!("env: [{{name: {name}, value: {value}}}]")
}

/// Every rule, with cases of both kinds.
pub fn table() -> Vec<Row> {
    let mut table = reading();
    table.extend(networks());
    table.extend(times());
    table.extend(probes());
    table.extend(pools());
    table.extend(values());
    table.extend(stops());
    table.extend(orders());
    table
}

fn reading() -> Vec<Row> {
    vec![
        (
            RuleId::FileUnreadable,
            vec![file("a: b: c"), file("a: [1"), file("{{ if .x }}\na: b: c")],
            vec![run(&[], &[])],
        ),
        (RuleId::FileUnknown, vec![file("hello: world"), file(""), file("just words")], vec![run(&[], &[])]),
        (RuleId::KeyDuplicate, vec![run(&[], &["image: twice"])], vec![run(&[], &[])]),
        (
            RuleId::KeyUnknown,
            vec![
                run(&[], &["startupProbe: {tcpSocket: {port: 8080}, failureTreshold: 3}"]),
                run(&["run.googleapis.com/vpc-access-egres: all-traffic"], &[]),
                deployment(&["replica: 3"], &[], &[]),
                compose(&["a: {image: x, enviroment: {A: 1}}"]),
                compose(&["a:", "  image: x", "  healthcheck: {test: 'true', start_periode: 3s}"]),
            ],
            vec![
                run(&["acme.example/own: x", "run.googleapis.com/something-new-entirely: x"], &[]),
                compose(&["a: {image: x, x-own: {any: thing}}"]),
            ],
        ),
        (
            RuleId::ValueInvalid,
            vec![
                run(&["autoscaling.knative.dev/maxScale: many"], &[]),
                run(&["run.googleapis.com/vpc-access-egress: all-trafic"], &[]),
                run(&[], &["startupProbe: {tcpSocket: {port: 8080}, periodSeconds: -1}"]),
                run(&[], &["ports: [{containerPort: 99999}]"]),
                deployment(&[], &["restartPolicy: always"], &[]),
                compose(&["a: {image: x, stop_grace_period: soon}"]),
                compose(&["a:", "  image: x", "  healthcheck: {test: [pg_isready, -h, a]}"]),
                terraform("aws_ecs_task_definition", r#"{"family":"a","container_definitions":"{["}"#),
            ],
            vec![
                run(&["autoscaling.knative.dev/maxScale: '10'"], &[]),
                compose(&["a: {image: x, stop_grace_period: '${GRACE}'}"]),
            ],
        ),
    ]
}

fn networks() -> Vec<Row> {
    let connector = |values| terraform("google_vpc_access_connector", values);
    let direct = "run.googleapis.com/network-interfaces: '[{\"network\":\"n\"}]'";
    let v2 = r#"{"name":"api","template":[{"containers":[{"image":"a","env":[{"name":"DB_HOST","value":"/cloudsql/p:r:db"}]}],"vpc_access":[{"egress":"ALL_TRAFFIC","connector":"c"}]}]}"#;
    let private = r#"{"name":"db","database_version":"POSTGRES_15","settings":[{"tier":"db-custom-1-3840","ip_configuration":[{"ipv4_enabled":false}]}]}"#;
    let long = "abcdefghij".repeat(8);
    vec![
        (
            RuleId::EgressCloudSqlSocket,
            vec![
                run(&[SOCKET, ALL], &[]),
                run(&[ALL], &[&env("DATABASE_URL", "'postgresql://u@/db?host=/cloudsql/p:r:db'")]),
                terraform("google_cloud_run_v2_service", v2),
            ],
            vec![
                run(&[SOCKET, "run.googleapis.com/vpc-access-egress: private-ranges-only"], &[]),
                run(&[ALL], &[]),
                run(&[SOCKET, ALL], &[]).and(terraform_text("google_sql_database_instance", private)),
            ],
        ),
        (
            RuleId::ConnectorLimits,
            vec![
                connector(r#"{"name":"c"}"#),
                connector(r#"{"name":"c","min_instances":2,"max_instances":20}"#),
                connector(r#"{"name":"c","min_instances":1,"max_instances":3}"#),
                connector(r#"{"name":"c","min_instances":3,"max_instances":3}"#),
            ],
            vec![
                connector(r#"{"name":"c","min_instances":2,"max_instances":10}"#),
                connector(r#"{"name":"c","max_throughput":300}"#),
            ],
        ),
        (
            RuleId::DirectVpcWarmUp,
            vec![
                run(&[direct], &[]),
                run(&[direct], &["startupProbe: {httpGet: {path: /}, periodSeconds: 5, failureThreshold: 6}"]),
            ],
            vec![
                run(&[direct], &["startupProbe: {httpGet: {path: /}, periodSeconds: 10, failureThreshold: 20}"]),
                run(&[], &[]),
            ],
        ),
        (
            RuleId::SocketPathTooLong,
            vec![
                run(&[&format!("run.googleapis.com/cloudsql-instances: p:r:{long}")], &[]),
                run(&[], &[&env("PGHOST", &format!("/run/{long}/sockets/pg"))]),
                environment(&[("DATABASE_URL", &format!("postgresql://u@/d?host=/cloudsql/p:r:{long}"))]),
            ],
            vec![run(&[SOCKET], &[]), run(&[], &[&env("PGHOST", "/cloudsql/p:r:db")])],
        ),
        (
            RuleId::LocalhostDependency,
            vec![
                run(&[], &[&env("DATABASE_URL", "postgres://u@localhost:5432/d")]),
                run(&[], &[&env("REDIS_HOST", "127.0.0.1")]),
                compose(&["a: {image: x, environment: ['REDIS_URL=redis://localhost:6379']}", "redis: {image: redis}"]),
            ],
            vec![
                run(&[], &[&env("DATABASE_URL", "postgres://u@db:5432/d")]),
                file(
                    deployment_text(&[], &[], &[&env("DB_HOST", "localhost")])
                        + "      - {name: proxy, image: 'proxy:1'}\n",
                ),
                compose(&["a: {image: x, network_mode: host, environment: {REDIS_HOST: localhost}}"]),
                run(&[], &[&env("PUBLIC_URL", "http://localhost:8080")]),
                run(&[], &[&env("HOST", "127.0.0.1")]),
            ],
        ),
    ]
}

fn times() -> Vec<Row> {
    let probe = |settings: &str| run(&[], &[&format!("startupProbe: {{httpGet: {{path: /}}, {settings}}}")]);
    let planned = |deadline, window: Option<u64>| {
        let mut plan = plan("service api, phase database, window 240s");
        phase(&mut plan, "database", deadline, Vec::new());
        plan.window = window.map(|window| at(&plan, "240s", Duration::from_secs(window)));
        plan
    };
    let nested = |connect, deadline| {
        let mut plan = plan("service api, phase database, step orders-db");
        let mut own = step(&plan, "orders-db");
        own.connect_timeout = Some(at(&plan, "orders-db", Duration::from_secs(connect)));
        own.deadline = Some(at(&plan, "orders-db", Duration::from_secs(deadline)));
        phase(&mut plan, "database", 60, vec![own]);
        plan
    };
    let timers = |a: &str, b: &str| {
        run(
            &[],
            &[&format!("env: [{{name: DB_CONNECT_TIMEOUT, value: '{a}'}}, {{name: DB_POOL_TIMEOUT, value: '{b}'}}]")],
        )
    };
    let systemd = |limit: &str| file(format!("[Service]\nExecStart=/bin/api\n{limit}\n"));
    let ecs = r#"{"family":"api","containerDefinitions":[{"name":"api","healthCheck":{"command":["CMD","x"],"interval":10,"retries":2}}]}"#;
    vec![
        (
            RuleId::BudgetExceedsWindow,
            vec![
                run(&[], &[]).with(planned(300, None)),
                probe("periodSeconds: 5, failureThreshold: 6").with(planned(60, None)),
                probe("periodSeconds: 5, failureThreshold: 6").with(planned(10, Some(240))),
                nothing().with(planned(230, Some(240 - 11))),
                deployment(&[], &[], &["livenessProbe: {httpGet: {path: /live, port: 80}}"]).with(planned(60, None)),
                systemd("").with(planned(100, None)),
                file(ecs).with(planned(60, None)),
            ],
            vec![
                run(&[], &[]).with(planned(200, Some(240))),
                probe("initialDelaySeconds: 60, periodSeconds: 10, failureThreshold: 24").with(planned(200, None)),
                systemd("TimeoutStartSec=5min").with(planned(100, None)),
            ],
        ),
        (
            RuleId::ProbeLimits,
            vec![
                probe("periodSeconds: 20, failureThreshold: 20"),
                probe("initialDelaySeconds: 300"),
                probe("timeoutSeconds: 15"),
                probe("periodSeconds: 0"),
                deployment(&[], &[], &["livenessProbe: {tcpSocket: {port: 80}, failureThreshold: 0}"]),
            ],
            vec![
                probe("initialDelaySeconds: 240, periodSeconds: 240, failureThreshold: 1, timeoutSeconds: 240"),
                deployment(
                    &[],
                    &[],
                    &["startupProbe: {tcpSocket: {port: 80}, periodSeconds: 60, failureThreshold: 60}"],
                ),
            ],
        ),
        (
            RuleId::TimerOrder,
            vec![
                timers("30", "10"),
                timers("30s", "5000ms"),
                run(&[], &["command: [gunicorn, app:app, --timeout, '30']", &env("STARTUP_TIMEOUT", "'95'")]),
                run(&[], &["command: [gunicorn, app:app]", &env("STARTUP_TIMEOUT", "'95'")]),
                run(
                    &[],
                    &[
                        "startupProbe: {httpGet: {path: /}, periodSeconds: 5, failureThreshold: 6}",
                        &env("DB_INIT_TIMEOUT", "'75'"),
                    ],
                ),
                environment(&[("REDIS_CONNECT_TIMEOUT", "30"), ("REDIS_POOL_TIMEOUT", "5")]),
                nothing().with(nested(30, 10)),
                nothing().with(nested(5, 90)),
            ],
            vec![
                timers("5", "10"),
                timers("5000", "10"),
                run(&[], &["command: [gunicorn, app:app, --timeout, '0']", &env("STARTUP_TIMEOUT", "'95'")]),
                run(&[], &["env: [{name: REDIS_CONNECT_TIMEOUT, value: '20'}, {name: DB_POOL_TIMEOUT, value: '10'}]"]),
                nothing().with(nested(5, 30)),
            ],
        ),
    ]
}

fn probes() -> Vec<Row> {
    let ready = |probe: &str| {
        deployment(&[], &[], &["command: [gunicorn, 'app:app']", "ports: [{containerPort: 80, name: web}]", probe])
    };
    let migrating = |more: &str| {
        deployment(
            &[],
            &[],
            &[
                "command: [sh, -c, 'alembic upgrade head && exec node server.js']",
                "livenessProbe: {httpGet: {path: /live, port: 80}}",
                more,
            ],
        )
    };
    let command = |words: &str| run(&[], &[&format!("command: [{words}]"), PORT]);
    let mut child = plan("service api, child gunicorn");
    child.child = vec![at(&child, "gunicorn", "gunicorn".to_owned())];
    let mut bound = child.clone();
    bound.readiness = Some(at(&bound, "service", Readiness::Tcp));
    let mut notified = child.clone();
    notified.readiness = Some(at(&notified, "service", Readiness::Notify));
    vec![
        (
            RuleId::ProbeBeforeLoad,
            vec![
                run(&[], &[GUNICORN]),
                run(&[], &[GUNICORN, "startupProbe: {tcpSocket: {port: 8080}}"]),
                run(&[], &["command: [sh, -c, 'exec gunicorn app:app']"]),
                run(&[], &["command: [uvicorn, 'app:app', --host, 0.0.0.0, --port, '8080', --workers, '4']"]),
                run(&[], &["command: [gunicorn, app:app, --preload, -k, uvicorn.workers.UvicornWorker]"]),
                ready("readinessProbe: {tcpSocket: {port: 80}}"),
                ready("startupProbe: {tcpSocket: {port: 80}}"),
                run(&[], &["args: []"]).with(child),
                nothing().with(bound),
            ],
            vec![
                run(&[], &[GUNICORN, "startupProbe: {httpGet: {path: /startup}}"]),
                run(&[], &["command: [uvicorn, 'app:app', --host, 0.0.0.0, --port, '8080']"]),
                run(&[], &["command: [gunicorn, app:app, --preload]"]),
                run(&[], &["command: [node, server.js]"]),
                nothing().with(notified),
                ready("readinessProbe: {httpGet: {path: /, port: 80}}"),
            ],
        ),
        (
            RuleId::ProbePortUnknown,
            vec![ready("readinessProbe: {httpGet: {path: /, port: http}}")],
            vec![ready("readinessProbe: {httpGet: {path: /, port: web}}")],
        ),
        (
            RuleId::LivenessOnDependencies,
            vec![
                deployment(&[], &[], &["livenessProbe: {httpGet: {path: /health/ready, port: 80}}"]),
                deployment(
                    &[],
                    &[],
                    &[
                        "livenessProbe: {httpGet: {path: /h, port: 80}}",
                        "readinessProbe: {httpGet: {path: /h, port: 80}}",
                    ],
                ),
            ],
            vec![deployment(
                &[],
                &[],
                &[
                    "livenessProbe: {httpGet: {path: /live, port: 80}}",
                    "readinessProbe: {httpGet: {path: /ready, port: 80}}",
                ],
            )],
        ),
        (
            RuleId::LivenessKillsMigration,
            vec![migrating("tty: false")],
            vec![migrating("startupProbe: {httpGet: {path: /live, port: 80}, failureThreshold: 60}")],
        ),
        (
            RuleId::BindUnreachable,
            vec![
                command("gunicorn, app:app, --bind, '127.0.0.1:8080'"),
                command("uvicorn, 'app:app'"),
                command("gunicorn, app:app, -b, ':8000'"),
                command("uvicorn, 'app:app', --host, 0.0.0.0"),
                compose(&["a: {image: x, ports: ['80:8000'], command: 'uvicorn a:b'}"]),
            ],
            vec![
                command("gunicorn, app:app"),
                command("gunicorn, app:app, -b, ':$(PORT)'"),
                command("uvicorn, 'app:app', --host, 0.0.0.0, --port, '8080'"),
                compose(&["a: {image: x, ports: ['80:8000'], command: 'uvicorn a:b --host 0.0.0.0'}"]),
            ],
        ),
    ]
}

fn pools() -> Vec<Row> {
    let wanting = |scale: &str, size: &str| {
        run(
            &[SOCKET, &format!("autoscaling.knative.dev/maxScale: '{scale}'")],
            &[&env("DB_POOL_SIZE", &format!("'{size}'"))],
        )
        .and(terraform_text("google_sql_database_instance", DATABASE))
    };
    let mut planned = plan("service api, phase database, step orders-db, pool");
    let mut own = step(&planned, "orders-db");
    own.pool = Some(pool(&planned, "pool", 18, 2));
    phase(&mut planned, "database", 60, vec![own]);
    let in_compose = |replicas: u64| {
        compose(&[
            "db: {image: 'postgres:16', command: postgres -c max_connections=40}",
            &format!(
                "a: {{image: x, deploy: {{replicas: {replicas}}}, environment: {{DATABASE_URL: 'postgres://u@db/d', DB_POOL_SIZE: 10}}}}"
            ),
        ])
    };
    let surge = |spec: &[&str]| {
        file(deployment_text(spec, &[], &["command: [node, a.js]", "env: [{name: DB_HOST, value: pg}, {name: DB_POOL_SIZE, value: '20'}]"]))
            .and("apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: pg}\nspec:\n  template:\n    spec:\n      containers: [{name: pg, image: 'postgres:16'}]\n")
    };
    vec![
        (
            RuleId::PoolExceedsSlots,
            vec![
                wanting("10", "10"),
                run(&[SOCKET, "autoscaling.knative.dev/maxScale: '5'"], &["command: [node, x]"])
                    .and(terraform_text("google_sql_database_instance", DATABASE))
                    .with(planned),
                in_compose(4),
                surge(&["replicas: 4", "strategy: {rollingUpdate: {maxSurge: 1}}"]),
                run(
                    &[SOCKET, "autoscaling.knative.dev/maxScale: '10'"],
                    &[&env("DATABASE_URL", "'postgres://u@/d?host=/cloudsql/p:r:db&connection_limit=10'")],
                )
                .and(terraform_text("google_sql_database_instance", DATABASE)),
            ],
            vec![wanting("4", "10"), in_compose(3), surge(&["replicas: 4", "strategy: {type: Recreate}"])],
        ),
        (
            RuleId::PoolExceedsSocket,
            vec![run(&[SOCKET], &["command: [gunicorn, a:a, -w, '4']", &env("DB_POOL_SIZE", "'30'")])],
            vec![run(&[SOCKET], &["command: [gunicorn, a:a, -w, '4']", &env("DB_POOL_SIZE", "'25'")])],
        ),
    ]
}

fn values() -> Vec<Row> {
    let secret = |key: &str, data: &str| {
        file(deployment_text(
            &[],
            &[],
            &[&format!("env: [{{name: DB_PASSWORD, valueFrom: {{secretKeyRef: {{name: s, key: {key}}}}}}}]")],
        ))
        .and(format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\ndata: {{password: {data}}}\n"))
    };
    let mut exec = plan("service api, phase init, step migrate, --password hunter2");
    let mut own = step(&exec, "migrate");
    own.exec = vec![
        at(&exec, "migrate", "migrate".to_owned()),
        at(&exec, "--password", "--password".to_owned()),
        at(&exec, "hunter2", "hunter2".to_owned()),
    ];
    phase(&mut exec, "init", 60, vec![own]);
    vec![
        (
            RuleId::ValueWhitespace,
            vec![
                environment(&[("DATABASE_URL", "postgres://db/x\n")]),
                environment(&[("DB_PASSWORD", "x\r\n")]),
                environment(&[("API_TOKEN", "x\u{200b}y")]),
                environment(&[("DB_HOST", "\u{a0}db")]),
                environment(&[("LEVEL", " info")]),
                environment(&[("LEVEL", "\t")]),
                run(&[], &["env:", "- name: DB_HOST", "  value: |", "    db"]),
                compose(&["a: {image: x, environment: ['DB_HOST=\"db\"']}"]),
                secret("password", "aHVudGVyMgo="),
            ],
            vec![
                environment(&[("A", "x y"), ("B", ""), ("CONFIG", "a: 1\nb: 2\n")]),
                secret("password", "aHVudGVyMg=="),
            ],
        ),
        (
            RuleId::UrlMalformed,
            vec![
                environment(&[("DATABASE_URL", "db:5432/app")]),
                environment(&[("DATABASE_URL", "postgres://u:p@ss@db/app")]),
                environment(&[("DATABASE_URL", "postgress://u@db/app")]),
                environment(&[("REDIS_URL", "redis://cache:port/0")]),
                run(&[], &[&env("CELERY_BROKER_URL", "'amqp://u:p/q@mq//'")]),
            ],
            vec![environment(&[
                ("DATABASE_URL", "postgresql+asyncpg://u@db:5432/app"),
                ("DB_URL", "host=db dbname=app"),
                ("SPRING_DATASOURCE_URL", "jdbc:postgresql://db:5432/app"),
                ("REDIS_URL", "rediss://cache:6380"),
                ("POSTGRES_URL", "$(OTHER)"),
                ("SQLALCHEMY_DATABASE_URI", "sqlite:///app.db"),
                ("MONGODB_URI", "mongodb+srv://cluster.example/app"),
            ])],
        ),
        (RuleId::ReferenceMissing, vec![secret("pasword", "aHVudGVyMg==")], vec![secret("password", "aHVudGVyMg==")]),
        (
            RuleId::SecretInManifest,
            vec![
                run(&[], &[&env("DB_PASSWORD", "hunter2")]),
                run(&[], &[&env("DATABASE_URL", "'postgres://u:hunter2@db/app'")]),
                compose(&["a: {image: x, environment: ['API_TOKEN=hunter2']}"]),
            ],
            vec![
                run(
                    &[],
                    &[
                        "env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: a, key: b}}}, {name: TOKEN_TTL, value: '3600'}]",
                    ],
                ),
                compose(&[
                    "a: {image: x, environment: {DB_PASSWORD: '${DB_PASSWORD}', DB_PASSWORD_FILE: /run/secrets/db}}",
                ]),
            ],
        ),
        (
            RuleId::SecretInArgv,
            vec![
                run(&[], &["args: [--db-password=hunter2]"]),
                run(&[], &["args: [--token, hunter2]"]),
                run(&[], &["args: ['postgres://u:hunter2@db/app']"]),
                run(&[], &["command: [sh, -c, 'DB_PASSWORD=hunter2 exec app']"]),
                nothing().with(exec),
            ],
            vec![run(&[], &["args: [--token, $(TOKEN), --password-file, /run/x, --port, '80', 'postgres://db/app']"])],
        ),
    ]
}

fn stops() -> Vec<Row> {
    let profiled = |name: &str| {
        let mut plan = plan("service api, environment X");
        plan.environment = Some(at(&plan, "X", name.to_owned()));
        plan.profiles = vec!["staging".to_owned(), "production".to_owned()];
        plan
    };
    let finalizing = |seconds| {
        let mut plan = plan("service api, finalizer flush");
        plan.finalizers = vec![(at(&plan, "flush", "flush".to_owned()), Some(Duration::from_secs(seconds)))];
        plan
    };
    let graceful = |grace: u64, seconds: u64| {
        deployment(
            &[],
            &[&format!("terminationGracePeriodSeconds: {grace}")],
            &[
                &format!("command: [gunicorn, 'a:a', --graceful-timeout, '{seconds}']"),
                "lifecycle: {preStop: {sleep: {seconds: 5}}}",
            ],
        )
    };
    let workers = |restart: &str| {
        compose(&[&format!("a: {{image: x, restart: {restart}, command: uvicorn a:b --host 0.0.0.0 --workers 2}}")])
    };
    let heap = |size: &str| {
        run(&[], &["resources: {limits: {memory: 512Mi}}", &env("JAVA_TOOL_OPTIONS", &format!("'-Xmx{size}'"))])
    };
    let mut worker = plan("service api, worker_memory");
    worker.worker_memory_mib = Some(at(&worker, "worker_memory", 200));
    let mut mistaken = plan("service api");
    mistaken.mistakes.push(Mistake {
        fatal: true,
        outside: None,
        span: Some(Span::new(8, 11)),
        what: "unknown key".into(),
        help: None,
        related: None,
    });
    vec![
        (RuleId::PlanInvalid, vec![nothing().with(mistaken)], vec![nothing().with(plan("service api"))]),
        (
            RuleId::EnvironmentUnknown,
            vec![
                nothing().with(profiled("stagging")),
                environment(&[("ENVIRONMENT", "prod")]).with(profiled("${ENVIRONMENT}")),
            ],
            vec![
                nothing().with(profiled("staging")),
                environment(&[("ENVIRONMENT", "production")]).with(profiled("${ENVIRONMENT}")),
            ],
        ),
        (
            RuleId::RestartIgnoresExitZero,
            vec![workers("on-failure"), workers("'no'")],
            vec![workers("always"), compose(&["a: {image: x, restart: on-failure, command: python migrate.py}"])],
        ),
        (
            RuleId::StopGraceShort,
            vec![
                graceful(30, 30),
                run(&[], &["command: [gunicorn, a:a, --graceful-timeout, '30']"]),
                run(&[], &[]).with(finalizing(20)),
            ],
            vec![graceful(60, 30), run(&[], &[]).with(finalizing(8))],
        ),
        (
            RuleId::MemoryExceedsLimit,
            vec![
                heap("512m"),
                run(&[], &["resources: {limits: {memory: 512Mi}}", "command: [gunicorn, a:a, -w, '4']"])
                    .with(worker.clone()),
            ],
            vec![
                heap("256m"),
                run(&[], &["resources: {limits: {memory: 2Gi}}", "command: [gunicorn, a:a, -w, '4']"]).with(worker),
            ],
        ),
    ]
}

fn orders() -> Vec<Row> {
    let sidecar = |annotation: &str| {
        file(format!(
            "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: api}}\nspec:\n  template:\n    metadata:\n      annotations: {{{annotation}}}\n    spec:\n      containers:\n      - {{name: app, image: 'api:1', ports: [{{containerPort: 8080}}]}}\n      - {{name: proxy, image: 'gcr.io/cloud-sql-connectors/cloud-sql-proxy:2'}}\n"
        ))
    };
    let waits = |depends: &str, health: &str| {
        compose(&[&format!("db: {{image: 'postgres:16'{health}}}"), &format!("a: {{image: x, depends_on: {depends}}}")])
    };
    let health = ", healthcheck: {test: ['CMD', pg_isready, -h, 127.0.0.1]}";
    let test = |image: &str, test: &str| compose(&[&format!("s: {{image: '{image}', healthcheck: {{test: {test}}}}}")]);
    vec![
        (
            RuleId::SidecarOrder,
            vec![
                sidecar(""),
                file(
                    deployment_text(&[], &[], &[])
                        + "      - {name: proxy, image: 'gcr.io/cloudsql-docker/gce-proxy:1.33'}\n",
                ),
            ],
            vec![sidecar(r#"run.googleapis.com/container-dependencies: '{"app":["proxy"]}'"#)],
        ),
        (
            RuleId::DependsOnStarted,
            vec![waits("[db]", health), waits("{db: {condition: service_started}}", health)],
            vec![waits("{db: {condition: service_healthy}}", health)],
        ),
        (
            RuleId::DependsOnNoHealthcheck,
            vec![waits("{db: {condition: service_healthy}}", "")],
            vec![waits("{db: {condition: service_healthy}}", health)],
        ),
        (
            RuleId::RedisCliPing,
            vec![
                test("redis:7", "redis-cli ping"),
                deployment(&[], &[], &["readinessProbe: {exec: {command: [redis-cli, ping]}}"]),
            ],
            vec![test("redis:7", "redis-cli ping | grep PONG")],
        ),
        (
            RuleId::PgIsreadySocket,
            vec![test("postgres:16", "[CMD, pg_isready, -U, app]")],
            vec![test("postgres:16", "[CMD, pg_isready, -h, 127.0.0.1]")],
        ),
    ]
}
