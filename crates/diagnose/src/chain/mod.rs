//! Failure texts: which rows of a stream belong together, and what the joined text says.
//!
//! What it is for: [`blocks`] joins the rows of one stream of one attempt into blocks, so that a
//! traceback, its message and the tracebacks it followed from count once; [`parse`] turns a block
//! into a [`Chain`] of errors from the root to the outermost one. [`message_of`] strips the columns
//! of common loggers, [`wrapped`] splits `a: b: c` messages.
//! What it must never do: decide what the cause *is*. It reports structure, marks the errors that
//! only tell how a start was ended ([`Link::mechanism`]), and leaves the rest to the caller. It
//! never fails: text in no known shape is simply no failure text.
//! Where to start reading: [`Chain`], then `join.rs`, `grow.rs`, then one language, `python.rs` say.

mod columns;
mod dotnet;
mod frame;
mod go;
mod grow;
mod join;
mod jvm;
mod link;
mod node;
mod php;
mod python;
mod row;
mod ruby;
mod rust;
mod server;
mod stamp;
mod title;
mod wrapped;

#[cfg(test)]
mod tests;

pub use columns::message_of;
pub use frame::{Frame, Place};
pub use join::{Block, Kind, Line, blocks};
pub use link::{Chain, Link, Relation};
pub use wrapped::wrapped;

/// Whose way of printing failures a block follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// CPython, and loggers that print its tracebacks.
    Python,
    /// Java, Kotlin, Scala and other JVM languages, and Spring Boot's failure reports.
    Jvm,
    /// Node.js.
    Node,
    /// Go.
    Go,
    /// Rust panics, and the reports of anyhow and eyre.
    Rust,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
    /// .NET.
    DotNet,
    /// The Postgres server, its client library and psql.
    Postgres,
}

/// The errors in the rows of one block; `None` when they hold no failure text in a known shape.
///
/// Row numbers in the answer count from the first of `lines`.
pub fn parse(lines: &[&str]) -> Option<Chain> {
    let rows: Vec<row::Row> = lines.iter().map(|text| row::Row::of(text)).collect();
    let chain = match language_of(&rows)? {
        Language::Python => python::parse(&rows),
        Language::Jvm => jvm::parse(&rows),
        Language::Node => node::parse(&rows),
        Language::Go => go::parse(&rows),
        Language::Rust => rust::parse(&rows),
        Language::Ruby => ruby::parse(&rows),
        Language::Php => php::parse(&rows),
        Language::DotNet => dotnet::parse(&rows),
        Language::Postgres => server::parse(&rows),
    };
    chain.filter(|chain| !chain.links.is_empty())
}

/// The name of an error's type that a message begins with: `SyntaxError: ...`, `java.io.IOException: ...`.
pub fn error_name(message: &str) -> Option<&str> {
    let title = title::at_start(message)?;
    (title::ends_like_error(title.type_name) && !title.message.is_empty()).then_some(title.type_name)
}

/// The language of the first row that only one language prints. The words of a database stand in
/// the messages of all others.
fn language_of(rows: &[row::Row]) -> Option<Language> {
    let mut languages = rows.iter().filter_map(join::language_of);
    let first = languages.next()?;
    if first != Language::Postgres {
        return Some(first);
    }
    languages.find(|language| *language != Language::Postgres).or(Some(first))
}
