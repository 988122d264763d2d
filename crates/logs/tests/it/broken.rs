//! Broken, cut, packed and hostile input: what is whole is read, the rest is reported.

use crate::{Kept, read, read_with};
use std::io::Write;
use tminus_core::record::SourceId;
use tminus_logs::{Options, ReadError};

fn entry(n: u32) -> String {
    format!("{{\"insertId\": \"{n}\", \"timestamp\": \"2026-11-22T06:00:00.{n:03}Z\", \"textPayload\": \"row {n}\"}}")
}

fn entries(count: u32) -> Vec<String> {
    (0..count).map(entry).collect()
}

#[test]
fn empty_input_is_no_error() {
    for text in ["", "\n\n", "[]", "[ ]\n", "\u{feff}"] {
        let (kept, summary) = read(text);
        assert_eq!((summary.rows, kept.skipped.len()), (0, 0), "{text:?}");
    }
}

#[test]
fn a_cut_array_keeps_what_is_whole() {
    let whole = format!("[{}]", entries(5).join(",\n"));
    let second = whole.find("row 4").expect("the last row");
    let (kept, _) = read(&whole[..second]);
    assert_eq!(kept.texts(), ["row 0", "row 1", "row 2", "row 3"]);
    assert_eq!(kept.skipped.len(), 1);
    assert_eq!(kept.skipped[0].line, 5);
}

#[test]
fn a_broken_element_costs_only_itself() {
    let mut rows = entries(5);
    rows[2] = rows[2].replace("\"textPayload\":", "\"textPayload\"");
    let (kept, _) = read(format!("[\n{}\n]\n", rows.join(",\n")));
    let broken = format!("{},", rows[2]);
    assert_eq!(kept.texts(), ["row 0", "row 1", &broken, "row 3", "row 4"]);
    assert_eq!(kept.skipped.iter().map(|s| s.line).collect::<Vec<_>>(), [4]);
    // On one line nothing but the broken element is left out.
    let (kept, _) = read(format!("[{}]", rows.join(",")));
    assert_eq!(kept.texts(), ["row 0", "row 1", "row 3", "row 4"]);
}

/// A program printed a list and another one wrote between its lines.
#[test]
fn an_interrupted_list_does_not_swallow_the_log() {
    let (kept, _) = read("[\n{\"id\": 1},\nINFO:     between\n{\"id\": 2}\n]\nINFO:     after\n");
    let texts = kept.texts();
    assert!(texts.contains(&"INFO:     between") && texts.contains(&"INFO:     after"), "{texts:?}");
}

/// A program may print lists; what follows them is still its log.
#[test]
fn lists_in_a_log_are_lines_of_it() {
    for line in [
        "[{'id': 1}, {'id': 2}]",
        "[{\"id\": 1}, {\"id\": 2}]",
        "[{\"id\": 1}] and more",
        "[{\"id\": \"cut",
        "[{\"id\": 1}, {\"id\": \"cut",
        "[ {",
        "[] nothing",
    ] {
        let (kept, _) = read(format!("before\n{line}\nINFO:     after\n"));
        let texts = kept.texts();
        assert_eq!((texts[0], *texts.last().expect("rows")), ("before", "INFO:     after"), "{line}");
        assert!(texts.len() >= 3, "{line}: {texts:?}");
    }
}

#[test]
fn a_cut_row_is_kept_as_text() {
    let cut = &entry(1)[..60];
    let (kept, _) = read(format!("{}\n{cut}\n{}\n", entry(0), entry(2)));
    assert_eq!(kept.texts(), ["row 0", cut, "row 2"]);
    assert_eq!(kept.skipped.iter().map(|s| s.line).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_cut_wrapper_gives_the_rows_in_it() {
    let text = format!("{{\n \"raw_logs\": [\n  {}\n", entries(3).join(",\n  "));
    let (kept, _) = read(&text);
    assert_eq!(kept.texts(), ["row 0", "row 1", "row 2"]);
    assert_eq!(kept.skipped.len(), 1);
    let rows = entries(4);
    let text = format!(
        "{{\"logs_by_severity\":{{\"ERROR\":[{},{}],\"INFO\":[{},{}",
        rows[0],
        rows[1],
        rows[2],
        &rows[3][..50]
    );
    let (kept, _) = read(&text);
    assert_eq!(kept.texts(), ["row 0", "row 1", "row 2"]);
}

#[test]
fn careless_rows_are_put_right() {
    let (kept, _) = read("{\"level\":\"error\",\"msg\":\"a\tb\",\"n\":NaN,}\n");
    assert_eq!(kept.texts(), ["a b"]);
    let (kept, _) = read(b"{\"level\":\"error\",\"msg\":\"caf\xe9\"}\n");
    assert_eq!(kept.texts(), ["caf\u{FFFD}"]);
    let (kept, _) = read("{\"level\":\"error\",\"msg\":\"half \\ud800\"}\n");
    assert_eq!(kept.texts(), ["half \u{FFFD}"]);
}

#[test]
fn zeros_at_the_start_of_a_truncated_log_are_ignored() {
    let (kept, _) = read([&[0u8; 4096][..], b"INFO:     up\r\nnext\0\r\n"].concat());
    assert_eq!(kept.texts(), ["INFO:     up", "next"]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).expect("memory");
    packed.finish().expect("memory")
}

#[test]
fn packed_input_is_the_same_input() {
    let text = entries(50).join("\n");
    let (plain, plain_summary) = read(&text);
    let (packed, packed_summary) = read(gzip(text.as_bytes()));
    assert_eq!(packed.records, plain.records);
    assert_eq!(packed_summary, plain_summary);
    // Members behind one another, as log rotation appends them.
    let (half, rest) = text.split_at(text.len() / 2);
    assert_eq!(read([gzip(half.as_bytes()), gzip(rest.as_bytes())].concat()).0.records, plain.records);
}

#[test]
fn a_cut_archive_gives_what_it_held() {
    let text = entries(2000).join("\n");
    let packed = gzip(text.as_bytes());
    let (kept, _) = read(&packed[..packed.len() / 2]);
    assert!(kept.records.len() > 100, "{}", kept.records.len());
    assert!(kept.skipped.iter().any(|s| s.reason.contains("cut off or damaged")));
}

#[test]
fn what_is_no_log_is_refused_with_a_way_on() {
    for (bytes, word) in
        [(&b"\x28\xb5\x2f\xfd...."[..], "zstd"), (b"\x7fELF\x02\x01\x01", "a program"), (b"PK\x03\x04rest", "zip")]
    {
        let error = read_with(bytes, &Options::default()).map(|_| ()).expect_err(word);
        assert!(matches!(error, ReadError::NotText { .. }));
        let text = error.to_string();
        assert!(text.contains(word) && text.contains("unpack"), "{text}");
    }
}

#[test]
fn one_document_has_a_limit_and_an_array_has_none() {
    let options = Options { max_document: 20_000, ..Options::default() };
    let array = format!("[\n{}\n]", entries(2000).join(",\n"));
    assert_eq!(read_with(array.as_bytes(), &options).expect("streamed").1.rows, 2000);
    let wrapper = format!("{{\"raw_logs\":\n{array}}}");
    assert_eq!(read(&wrapper).1.rows, 2000);
    let mut kept = Kept::default();
    let first = format!("before\n{wrapper}");
    // The limit is checked each time that the input is read on.
    let error = tminus_logs::read(SourceId(0), Slow(first.as_bytes()), &options, &mut kept).expect_err("too large");
    assert!(matches!(error, ReadError::DocumentTooLarge { line: 2, limit: 20_000 }), "{error}");
    assert_eq!(kept.texts(), ["before"]);
}

/// Gives a thousand bytes at a time.
struct Slow<'a>(&'a [u8]);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(1000).min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn a_very_long_line_is_cut_and_reading_goes_on() {
    let text = format!("first\n{}\nlast\n", "x".repeat(3 << 20));
    let (kept, _) = read(&text);
    assert_eq!(kept.records.iter().map(|r| r.text.len()).collect::<Vec<_>>(), [5, 1 << 20, 4]);
    assert_eq!(kept.records[2].line, 3);
    assert_eq!(kept.skipped.len(), 1);
}

/// Text that begins like JSON over and over must not cost the square of its length.
#[test]
fn hostile_beginnings_cost_linear_work() {
    for line in ["{\"a\":[\n", "{\"a\":{\"b\":\n", "[{\n", "{\n", "[{\"a\":1},\n"] {
        let text = line.repeat(40_000);
        let (_, summary) = read(&text);
        assert_eq!(summary.bytes as usize, text.len(), "{line:?}");
    }
    let deep = |open: &str, close: &str| format!("{}1{}\n", open.repeat(100_000), close.repeat(100_000));
    for text in [deep("{\"a\":", "}"), deep("[", "]"), deep("[{\"a\":", "}]")] {
        let (kept, _) = read(&text);
        assert_eq!(kept.records.len(), 1);
    }
}
