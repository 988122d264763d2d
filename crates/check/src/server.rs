//! Which server a command line starts, and what it says about workers, timers and addresses.
//!
//! What it is for: whether a bound port means anything, how many pools an instance has, and how long
//! the program itself waits, are facts of the server and stand in its arguments.
//! What it must never do: assume a server that the words do not name. Where to start: [`detect`].

use crate::facts::Variable;
use crate::model::{Located, Origin};
use crate::words;
use std::time::Duration;

/// A server that can be told from its command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Gunicorn,
    Uvicorn,
    Uwsgi,
    Unicorn,
    Puma,
    PhpFpm,
}

impl ServerKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ServerKind::Gunicorn => "gunicorn",
            ServerKind::Uvicorn => "uvicorn",
            ServerKind::Uwsgi => "uwsgi",
            ServerKind::Unicorn => "unicorn",
            ServerKind::Puma => "puma",
            ServerKind::PhpFpm => "php-fpm",
        }
    }
}

/// What a command line says about its server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) kind: ServerKind,
    pub(crate) at: Origin,
    pub(crate) workers: Option<Located<u64>>,
    /// gunicorn's `--timeout`; 0 is none.
    pub(crate) timeout: Option<Located<Duration>>,
    pub(crate) graceful: Option<Located<Duration>>,
    pub(crate) bind: Option<Located<String>>,
    pub(crate) port: Option<Located<String>>,
    /// The application is loaded before the port is bound, as far as the words say.
    pub(crate) preload: bool,
    /// gunicorn with workers that run a lifespan of their own.
    pub(crate) asgi: bool,
}

impl Server {
    /// Is the port open before the program can answer?
    pub(crate) fn binds_before_load(&self) -> bool {
        let several = self.workers.as_ref().is_some_and(|workers| workers.value > 1);
        match self.kind {
            // With --preload the application is imported before the port is bound, but a lifespan
            // still runs in the workers, after it.
            ServerKind::Gunicorn => !self.preload || self.asgi,
            ServerKind::Uvicorn => several,
            ServerKind::Puma => several && !self.preload,
            ServerKind::Uwsgi | ServerKind::Unicorn => !self.preload,
            ServerKind::PhpFpm => true,
        }
    }
}

/// The server among the words, with what variables add.
pub(crate) fn detect(argv: &[Located<String>], variables: &[Variable<'_>]) -> Option<Server> {
    let (index, kind) = argv.iter().enumerate().find_map(|(i, word)| {
        let shell = i > 0 && word.value.contains(' ');
        if shell { in_line(&word.value).map(|kind| (i, kind)) } else { named(&word.value).map(|kind| (i, kind)) }
    })?;
    let line = argv[index].value.contains(' ');
    let at = argv[index].at;
    let mut words: Vec<Located<String>> = if line {
        let all = words::split(&argv[index].value);
        let from = all.iter().position(|word| named(word).is_some()).unwrap_or(0);
        all.into_iter().skip(from).map(|word| Located::set(word, at)).collect()
    } else {
        argv[index..].to_vec()
    };
    let variable = |name: &str| variables.iter().find(|variable| variable.name == name);
    if let (ServerKind::Gunicorn, Some(more)) = (kind, variable("GUNICORN_CMD_ARGS")) {
        words.extend(words::split(more.text).into_iter().map(|word| Located::set(word, more.at)));
    }
    let concurrency = variable("WEB_CONCURRENCY").and_then(|v| Some(Located::set(v.text.trim().parse().ok()?, v.at)));
    let asgi = option(&words, &["-k", "--worker-class"])
        .is_some_and(|class| class.value.contains("uvicorn") || class.value.contains("Uvicorn"));
    let worker_names: &[&str] = match kind {
        ServerKind::Uwsgi => &["-p", "--processes", "--workers"],
        ServerKind::Uvicorn => &["--workers"],
        _ => &["-w", "--workers"],
    };
    Some(Server {
        kind,
        at,
        workers: option(&words, worker_names).and_then(number).or(concurrency),
        timeout: option(&words, &["-t", "--timeout"]).filter(|_| kind == ServerKind::Gunicorn).and_then(seconds),
        graceful: option(&words, &["--graceful-timeout", "--timeout-graceful-shutdown"]).and_then(seconds),
        bind: option(&words, &["-b", "--bind", "--host", "--http", "--http-socket"]),
        port: option(&words, &["--port"]),
        preload: words
            .iter()
            .any(|word| matches!(word.value.as_str(), "--preload" | "--preload-app" | "--preload_app"))
            || (kind == ServerKind::Puma && words.iter().any(|word| word.value == "-C" || word.value == "--config")),
        asgi,
    })
}

fn named(word: &str) -> Option<ServerKind> {
    let name = word.rsplit('/').next().unwrap_or(word);
    Some(match name {
        "gunicorn" => ServerKind::Gunicorn,
        "uvicorn" => ServerKind::Uvicorn,
        "uwsgi" => ServerKind::Uwsgi,
        "unicorn" | "unicorn_rails" => ServerKind::Unicorn,
        "puma" => ServerKind::Puma,
        _ if name.starts_with("php-fpm") => ServerKind::PhpFpm,
        _ => return None,
    })
}

fn in_line(line: &str) -> Option<ServerKind> {
    words::split(line).iter().find_map(|word| named(word))
}

/// The last value of an option, as `-w 4`, `-w4`, `--workers=4`.
pub(crate) fn option(words: &[Located<String>], names: &[&str]) -> Option<Located<String>> {
    let mut found = None;
    for (i, word) in words.iter().enumerate() {
        for name in names {
            if word.value == *name {
                found = words.get(i + 1).cloned().or(found);
            } else if let Some(rest) = word.value.strip_prefix(name) {
                let long = name.starts_with("--");
                let value = if long { rest.strip_prefix('=') } else { Some(rest) };
                let value = value
                    .filter(|value| !value.is_empty() && (long || value.starts_with(|c: char| c.is_ascii_digit())));
                found = value.map(|value| Located::set(value.to_owned(), word.at)).or(found);
            }
        }
    }
    found
}

fn number(word: Located<String>) -> Option<Located<u64>> {
    Some(Located::set(word.value.parse().ok()?, word.at))
}

fn seconds(word: Located<String>) -> Option<Located<Duration>> {
    number(word).map(|number| number.map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Input;
    use crate::source::Span;

    fn argv(words: &[&str]) -> Vec<Located<String>> {
        let at = Origin { input: Input::File(0), span: Span::default() };
        words.iter().map(|word| Located::set((*word).to_owned(), at)).collect()
    }

    #[test]
    fn servers_are_found_behind_shells_and_interpreters() {
        let words = argv(&[
            "sh",
            "-c",
            "alembic upgrade head && exec gunicorn app:app -w4 --timeout=120 -k uvicorn.workers.UvicornWorker",
        ]);
        let server = detect(&words, &[]).expect("found");
        assert_eq!(server.kind, ServerKind::Gunicorn);
        assert_eq!(server.workers.map(|w| w.value), Some(4));
        assert_eq!(server.timeout.as_ref().map(|t| t.value.as_secs()), Some(120));
        assert!(server.asgi);
        let words = argv(&["python", "-m", "uvicorn", "app:app", "--host", "0.0.0.0"]);
        let server = detect(&words, &[]).expect("found");
        assert!(!server.binds_before_load(), "one uvicorn binds after its lifespan");
        assert_eq!(server.bind.map(|b| b.value).as_deref(), Some("0.0.0.0"));
        assert!(detect(&argv(&["node", "server.js"]), &[]).is_none());
    }
}
