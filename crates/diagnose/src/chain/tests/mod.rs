//! Blocks and chains of really printed failures, cut ones, mixed ones and arbitrary ones.

mod compiled;
mod joining;
mod jvm;
mod node;
mod properties;
mod python;
mod scripts;
mod server;

use super::{Block, Chain, Kind, Language, Line, Link, Relation, blocks, parse};

/// The lines of a text, nothing known about records and times.
fn lines(text: &str) -> Vec<Line<'_>> {
    let line = |text| Line { text, ..Line::default() };
    text.lines().map(line).collect()
}

/// The failure texts among the blocks of a text.
fn failures(text: &str) -> Vec<Block> {
    let all = blocks(&lines(text));
    all.into_iter().filter(|block| block.kind != Kind::Single).collect()
}

/// The chain of one block of a text.
fn chain_of(text: &str, block: &Block) -> Chain {
    let rows: Vec<&str> = text.lines().collect();
    parse(&rows[block.range.clone()]).expect("a failure text parses")
}

/// The chain of a text that is one failure from its first line to its last.
fn whole(language: Language, text: &str) -> Chain {
    let found = failures(text);
    let rows = text.lines().count();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].range, 0..rows);
    assert_eq!(found[0].kind, Kind::Failure(language));
    chain_of(text, &found[0])
}

/// (type, first line of the message, relation) of each link.
fn links<'c>(chain: &'c Chain) -> Vec<(&'c str, &'c str, Option<Relation>)> {
    let row = |link: &'c Link| (link.type_name.as_str(), link.message.as_str(), link.relation);
    chain.links.iter().map(row).collect()
}

/// `function file:line` of a call.
fn call(frame: Option<&super::Frame>) -> String {
    frame.map_or(String::new(), |frame| {
        let number = frame.number.map_or(String::new(), |number| format!(":{number}"));
        format!("{} {}{number}", frame.function, frame.file)
    })
}
