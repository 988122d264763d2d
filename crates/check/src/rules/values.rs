//! Values: white space, addresses, references, secrets.

use super::{Rule, RuleInfo, Ruling};
use crate::facts::{Facts, Variable};
use crate::finding::{Draft, RuleId, Severity};
use crate::model::{EnvValue, Located, Platform};
use crate::reading::{is_template, nearest};
use crate::url::{self, SCHEMES};
use tminus_core::redact::is_secret_name;

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: RuleId::ValueWhitespace,
            title: "no white space or invisible characters at the edges of values",
            prevents: "a password with the line end that `echo` left, which no screen shows (google-cloud-go#14349's family: `credentials` that are there and wrong)",
            severity: Severity::Error,
            needs: "variables, in manifests or in the environment",
        },
        run: whitespace,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::UrlMalformed,
            title: "addresses of dependencies can be parsed",
            prevents: "a start that dies in a driver with an error about something else (a password with `@` becomes part of the host)",
            severity: Severity::Error,
            needs: "a variable with an address, such as DATABASE_URL",
        },
        run: malformed,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::ReferenceMissing,
            title: "a referenced key exists",
            prevents: "CreateContainerConfigError: a container that is never started (incident 26: settings missing on one workload)",
            severity: Severity::Error,
            needs: "a reference to a config map or secret, and its manifest",
        },
        run: reference,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::SecretInManifest,
            title: "secrets are referenced, not written down",
            prevents: "leaks (wait4x#177, omnigent#5940), and rotations that a manifest undoes",
            severity: Severity::Note,
            needs: "variables of a container",
        },
        run: secret,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::SecretInArgv,
            title: "secrets are not arguments",
            prevents: "passwords in ps, /proc, audit rows and crash reports (nextcloud/context_chat_backend#343)",
            severity: Severity::Error,
            needs: "a command line, in a manifest or in a plan",
        },
        run: argv,
    },
];

fn whitespace(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    let mut variables = facts.all_variables();
    for bag in &facts.model.bags {
        for (key, value) in &bag.values {
            if variables.iter().all(|known| known.at != value.at) {
                variables.push(Variable { name: &key.value, text: &value.value, at: value.at, inline: false });
            }
        }
    }
    for variable in variables {
        ruling.checked();
        let Some((what, help)) = odd(variable.name, variable.text) else { continue };
        let severity = if matters(variable.name) { Severity::Error } else { Severity::Warning };
        let message = format!("{} {what}", variable.name);
        ruling.find(Draft::new(RuleId::ValueWhitespace, severity, variable.at, message).help(help));
    }
}

/// Variables that programs take by the letter.
fn matters(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    is_secret_name(name)
        || ["URL", "URI", "DSN", "HOST", "PORT", "USER", "NAME", "DATABASE", "ENVIRONMENT", "_ENV"]
            .iter()
            .any(|end| upper.ends_with(end))
}

/// What is odd about a value, and what to do.
fn odd(name: &str, text: &str) -> Option<(&'static str, &'static str)> {
    let invisible = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}');
    // A text of several lines (a key, a document) has its own line ends.
    let lines = text.trim_end_matches(['\n', '\r']).contains('\n');
    if text.is_empty() {
        return None;
    }
    if text.trim().is_empty() {
        return Some(("is white space alone", "give a value, or leave the variable out"));
    }
    if text.contains(invisible) {
        return Some(("holds a character that cannot be seen", "type the value anew"));
    }
    if text.contains('\u{a0}') && matters(name) || text.starts_with('\u{a0}') || text.ends_with('\u{a0}') {
        return Some(("holds a non-breaking space", "type the value anew"));
    }
    if lines {
        return (matters(name) && !is_secret_name(name)).then_some(("holds a line end", "write it on one line"));
    }
    if text.ends_with("\r\n") || text.ends_with('\r') {
        return Some(("ends with a carriage return", "save the file with plain line ends"));
    }
    if text.ends_with('\n') {
        return Some(("ends with a line end", "use `|-` or quotes in YAML, `printf %s` or `echo -n` for secrets"));
    }
    if text.ends_with(char::is_whitespace) || text.starts_with(char::is_whitespace) {
        return Some(("begins or ends with white space", "remove it"));
    }
    let quoted = ['"', '\'']
        .into_iter()
        .any(|q| text.len() > 1 && text.starts_with(q) && text.ends_with(q) && !text[1..text.len() - 1].contains(q));
    quoted.then_some(("keeps its quotes: they are part of the value", "remove one pair of quotes"))
}

/// Variables whose value is the address of a dependency.
fn is_address(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "DATABASE",
        "DB",
        "POSTGRES",
        "POSTGRESQL",
        "PG",
        "REDIS",
        "AMQP",
        "RABBITMQ",
        "BROKER",
        "MONGO",
        "MONGODB",
        "NATS",
        "SQLALCHEMY",
        "MYSQL",
        "DATASOURCE",
        "CELERY",
        "VALKEY",
    ];
    let upper = name.to_ascii_uppercase();
    (upper.ends_with("_URL") || upper.ends_with("_URI")) && upper.split('_').any(|word| NAMES.contains(&word))
}

fn malformed(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for variable in facts.all_variables().into_iter().filter(|variable| is_address(variable.name)) {
        let text = variable.text.trim();
        if text.is_empty() || is_template(text) || text.contains('<') {
            continue;
        }
        ruling.checked();
        let new = |message: String| Draft::new(RuleId::UrlMalformed, Severity::Error, variable.at, message);
        let keywords = text.contains("host=") || text.contains("dbname=");
        match url::parse(text) {
            Err(_) if keywords && !text.contains("://") => {}
            // `vault:...`, `sqlite::memory:` and other schemes without slashes are not ours to judge.
            Err(_)
                if !text.contains("://")
                    && text.split_once(':').is_some_and(|(head, rest)| {
                        !head.contains('.') && !rest.starts_with(|c: char| c.is_ascii_digit())
                    }) => {}
            Err(why) => ruling.find(
                new(format!("{} is no address: {why}", variable.name))
                    .help("the form is scheme://user:password@host:port/name"),
            ),
            Ok(url) if !url.is_dependency() => {
                if let Some(near) = nearest(url.scheme, SCHEMES.iter().copied())
                    .filter(|_| url.scheme != "http" && url.scheme != "https")
                {
                    let message = format!("{}: `{}` is no scheme of a dependency", variable.name, url.scheme);
                    ruling.find(new(message).help(format!("did you mean `{near}`?")));
                }
            }
            Ok(_) => {}
        }
    }
}

fn reference(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for (workload, container) in facts.containers().filter(|(workload, _)| workload.platform == Platform::Kubernetes) {
        for variable in &container.env {
            let EnvValue::Reference { from, key, optional: false } = &variable.value else {
                continue;
            };
            let Some(bag) = facts.bag(&from.value) else {
                ruling.needs(format!("the manifest of `{}`, which {} refers to", from.value, workload.name));
                continue;
            };
            ruling.checked();
            if bag.values.iter().all(|(name, _)| name.value != key.value) {
                let message = format!("{}: `{}` has no key `{}`", workload.name, from.value, key.value);
                let near = nearest(&key.value, bag.values.iter().map(|(name, _)| name.value.as_str()));
                let help = near.map_or_else(
                    || "add the key, or set optional: true".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                ruling.find(Draft::new(RuleId::ReferenceMissing, Severity::Error, key.at, message).help(help));
            }
        }
    }
}

/// A text that may be a secret: no number, switch, path or template.
pub(crate) fn may_be_secret(text: &str) -> bool {
    let text = text.trim();
    !(text.is_empty()
        || is_template(text)
        || text.starts_with('/')
        || text.parse::<f64>().is_ok()
        || matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "none" | "null")
        || crate::words::duration(text).is_some())
}

/// True for a variable that holds a secret by its name or by its address.
pub(crate) fn holds_secret(name: &str, text: &str) -> bool {
    let by_name = is_secret_name(name) && !name.to_ascii_uppercase().ends_with("_FILE") && may_be_secret(text);
    by_name || url::parse(text).is_ok_and(|url| url.password.is_some_and(|password| !is_template(password)))
}

fn secret(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for (workload, container) in facts.containers() {
        for variable in facts.variables(container).iter().filter(|variable| variable.inline) {
            ruling.checked();
            if holds_secret(variable.name, variable.text) {
                let message = format!("{}: the secret {} is written down", workload.name, variable.name);
                let help = match workload.platform {
                    Platform::Kubernetes => "use valueFrom.secretKeyRef",
                    Platform::CloudRun => "use valueFrom.secretKeyRef (Secret Manager)",
                    Platform::Compose => "use ${NAME} from the host's environment, or secrets:",
                    Platform::Ecs => "use secrets with valueFrom",
                    Platform::Systemd => "use LoadCredential=",
                };
                ruling.find(Draft::new(RuleId::SecretInManifest, Severity::Note, variable.at, message).help(help));
            }
        }
    }
}

/// Indices of the words of a command line that are or hold a secret.
pub(crate) fn secret_words(argv: &[Located<String>]) -> Vec<usize> {
    let flag =
        |word: &str| word.starts_with('-') && is_secret_name(word.trim_start_matches('-')) && !word.ends_with("-file");
    let mut found = Vec::new();
    for (i, word) in argv.iter().enumerate() {
        let text = word.value.as_str();
        let after = i.checked_sub(1).is_some_and(|before| flag(&argv[before].value)) && !text.starts_with('-');
        let pair = text.split_once('=').is_some_and(|(name, value)| {
            (flag(name) || (is_secret_name(name) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')))
                && may_be_secret(value)
        });
        let url =
            text.contains("://") && url::parse(text).is_ok_and(|url| url.password.is_some_and(|p| !is_template(p)));
        let line = text.contains(' ') && {
            let words: Vec<Located<String>> =
                crate::words::split(text).into_iter().map(|w| Located::set(w, word.at)).collect();
            words.iter().all(|word| !word.value.contains(' ')) && !secret_words(&words).is_empty()
        };
        if (after && may_be_secret(text)) || pair || url || line {
            found.push(i);
        }
    }
    found
}

fn argv(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    let manifests = facts.containers().map(|(workload, container)| (workload.name.as_str(), container.argv.as_slice()));
    let steps = facts.plan.into_iter().flat_map(|plan| &plan.phases).flat_map(|phase| &phase.steps);
    let plan = steps.map(|step| (step.name.value.as_str(), step.exec.as_slice()));
    let child = facts.plan.into_iter().map(|plan| ("the child", plan.child.as_slice()));
    for (name, argv) in manifests.chain(plan).chain(child).filter(|(_, argv)| !argv.is_empty()) {
        ruling.checked();
        for i in secret_words(argv) {
            let message = format!("{name}: a secret stands in an argument, where every process can read it");
            ruling.find(
                Draft::new(RuleId::SecretInArgv, Severity::Error, argv[i].at, message)
                    .help("hand it over in a variable or a file"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_values_are_told_from_documents() {
        assert!(odd("DATABASE_URL", "postgres://db\n").is_some());
        assert!(odd("DB_PASSWORD", "x\r\n").is_some());
        assert!(odd("A", " x").is_some());
        assert!(odd("A", "\"x\"").is_some());
        assert!(odd("A", "x\u{200b}").is_some());
        assert!(odd("A", "\u{a0}x").is_some());
        assert!(odd("DB_HOST", "a\nb").is_some());
        assert!(odd("CONFIG_YAML", "a: 1\nb: 2\n").is_none());
        assert!(odd("TLS_PRIVATE_KEY", "-----BEGIN\nabc\n-----END\n").is_none());
        assert!(odd("A", "\"a\" \"b\"").is_none());
        assert!(odd("A", "").is_none());
        assert!(odd("A", "x y").is_none());
    }

    #[test]
    fn secrets_are_no_switches() {
        assert!(holds_secret("DB_PASSWORD", "hunter2"));
        assert!(holds_secret("DATABASE_URL", "postgres://u:hunter2@db/app"));
        assert!(!holds_secret("PASSWORD_MIN_LENGTH", "12"));
        assert!(!holds_secret("DB_PASSWORD_FILE", "run"));
        assert!(!holds_secret("DB_PASSWORD", "${DB_PASSWORD}"));
        assert!(!holds_secret("DATABASE_URL", "postgres://u@db/app"));
    }
}
