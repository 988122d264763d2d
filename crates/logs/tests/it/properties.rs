//! What holds for every input.

use crate::{Kept, read, read_with};
use proptest::prelude::*;
use tminus_core::record::{Record, SourceId, Stream};
use tminus_logs::{Options, Summary};

/// Gives `size` bytes at a time.
struct Drip<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl std::io::Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.bytes.len().min(self.size).min(buffer.len());
        buffer[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

/// Counts agree, positions count up, lines exist.
fn sound(bytes: &[u8], kept: &Kept, summary: &Summary) -> Result<(), TestCaseError> {
    prop_assert_eq!(summary.rows as usize, kept.records.len());
    prop_assert_eq!(summary.skipped as usize, kept.skipped.len());
    prop_assert_eq!(summary.formats.values().sum::<u64>(), summary.rows);
    let empty = kept.records.iter().filter(|record| record.detail.empty_payload).count();
    prop_assert_eq!(summary.without_payload as usize, empty);
    let lines = bytes.iter().filter(|b| **b == b'\n').count() as u32 + 1;
    for (position, record) in kept.records.iter().enumerate() {
        prop_assert_eq!(record.position as usize, position);
        prop_assert_eq!(record.source, SourceId(7));
        prop_assert!(
            bytes.starts_with(&[0x1f, 0x8b]) || (1..=lines).contains(&record.line),
            "line {} of {}",
            record.line,
            lines
        );
        let clean = !record.text.contains(['\0', '\u{1b}']);
        prop_assert!(clean, "{:?}", record.text);
    }
    Ok(())
}

/// Pieces of all formats, to be strung together, cut and damaged.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(r#"{"insertId":"1","timestamp":"2026-11-22T06:00:00Z","severity":"ERROR","labels":{"instanceId":"i"},"textPayload":"x\ny"}"#.to_owned()),
        Just(r#"{"insert_id":"1","timestamp":"2026-11-22T06:00:00+00:00","json_payload":"{'message': 'it\'s', 'n': None}"}"#.to_owned()),
        Just(r#"{"log":"half","stream":"stdout","time":"2026-11-22T06:00:00.1Z"}"#.to_owned()),
        Just(r#"{"__REALTIME_TIMESTAMP":"1795327200123456","MESSAGE":[104,105],"PRIORITY":"6"}"#.to_owned()),
        Just(r#"{"level":50,"time":1795327200123,"msg":"x","err":{"type":"E","message":"m","stack":"E: m\n at f"}}"#.to_owned()),
        Just("2026-11-22T06:00:00.1Z stdout P part".to_owned()),
        Just("2026-11-22T06:00:00.123456789Z [2026-11-22 06:00:00 +0000] [1] [INFO] up".to_owned()),
        Just("[pod/orders-7d9c5b7c6b-x2x4z/app] Nov 22 06:00:00 h p[1]: x".to_owned()),
        Just("app-1  | time=2026-11-22T06:00:00Z level=info msg=\"x\"".to_owned()),
        Just("<30>Sun 2026-11-22 06:00:00 UTC h orders[1]: \u{1b}[31mred\u{1b}[0m".to_owned()),
        Just("I, [2026-11-22T06:00:00.1 #1]  INFO -- : 12:00:00 | E1122 06:00:00".to_owned()),
        Just("[{\"timestamp\":\"2026-11-22T06:00:00Z\",\"insertId\":\"2\",\n \"textPayload\":\"in array\"},".to_owned()),
        Just("{\n  \"raw_logs\": [\n".to_owned()),
        Just("]}".to_owned()),
        "[ -~é\\t\\\\\"{}\\[\\]:,|]{0,30}",
    ]
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    let strung =
        proptest::collection::vec((fragment(), prop_oneof![Just("\n"), Just(","), Just("\r\n"), Just("")]), 0..12);
    let strung =
        strung.prop_map(|parts| parts.into_iter().map(|(part, end)| part + end).collect::<String>().into_bytes());
    let damaged = (
        strung,
        proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        any::<prop::sample::Index>(),
    );
    let damaged = damaged.prop_map(|(mut bytes, flips, cut)| {
        for (at, byte) in flips.iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if bytes.len() > 3 && cut.index(3) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    });
    prop_oneof![3 => damaged, 1 => proptest::collection::vec(any::<u8>(), 0..400)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic_and_counts_are_conserved(bytes in input()) {
        if let Ok((kept, summary)) = read_with(&bytes, &Options::default()) {
            sound(&bytes, &kept, &summary)?;
        }
    }

    #[test]
    fn the_size_of_reads_does_not_matter(bytes in input(), size in 1usize..200) {
        // A live input is judged by its first line, so that line has to say what it is.
        let bytes = [&b"first line\n"[..], &bytes].concat();
        let mut kept = Kept::default();
        let dripped = tminus_logs::read(SourceId(7), Drip { bytes: &bytes, size }, &Options::default(), &mut kept);
        if let (Ok(summary), Ok((whole, whole_summary))) = (dripped, read_with(&bytes, &Options::default())) {
            prop_assert_eq!(&kept.records, &whole.records);
            prop_assert_eq!(summary, whole_summary);
        }
    }
}

/// Lines that a program may print: no control characters, not blank.
fn program_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,60}[!-~]",
        Just("  File \"a.py\", line 1, in <module>".to_owned()),
        Just("2026-11-22 06:45:15,395 ERROR   orders.db it's \\ \"down\" é".to_owned()),
        Just(r#"{"level":"error","msg":"a \"b\"\nc","time":"2026-11-22T06:00:00Z"}"#.to_owned()),
    ]
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What the program said, without what the transport adds.
fn said(records: &[Record]) -> Vec<(String, Stream, Option<String>)> {
    records.iter().map(|r| (r.text.clone(), r.stream, r.severity.map(|s| s.as_str().to_owned()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_wrapping_gives_the_same_texts(lines in proptest::collection::vec((program_line(), any::<bool>()), 1..20)) {
        let stream = |err: bool| if err { "stderr" } else { "stdout" };
        let stamp = |n: usize| format!("2026-11-22T06:00:{:02}.{:09}Z", n, n + 1);
        let wrap = |one: &dyn Fn(usize, &str, bool) -> String| {
            lines.iter().enumerate().map(|(n, (line, err))| one(n, line, *err) + "\n").collect::<String>()
        };
        let cri = read(wrap(&|n, line, err| format!("{} {} F {line}", stamp(n), stream(err)))).0;
        let pieces = read(wrap(&|n, line, err| {
            let half = (0..=line.len() / 2).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            let (front, back) = line.split_at(half);
            format!("{} {} P {front}\n{} {} F {back}", stamp(n), stream(err), stamp(n), stream(err))
        })).0;
        let docker = read(wrap(&|n, line, err| {
            format!("{{\"log\":{},\"stream\":\"{}\",\"time\":\"{}\"}}", quoted(&format!("{line}\n")), stream(err), stamp(n))
        })).0;
        let cloud = read(wrap(&|n, line, err| {
            format!("{{\"insertId\":\"{n}\",\"timestamp\":\"{}\",\"logName\":\"projects/p/logs/run.googleapis.com%2F{}\",\"textPayload\":{}}}", stamp(n), stream(err), quoted(line))
        })).0;
        let kubectl = read(wrap(&|n, line, _| format!("{} {line}", stamp(n)))).0;
        let prefixed = read(wrap(&|_, line, _| format!("[pod/orders-7d9c5b7c6b-x2x4z/app] {line}"))).0;
        let want = said(&cri.records);
        prop_assert_eq!(want.len(), lines.len());
        prop_assert_eq!(&said(&pieces.records), &want);
        prop_assert_eq!(&said(&docker.records), &want);
        prop_assert_eq!(&said(&cloud.records), &want);
        let texts: Vec<&str> = want.iter().map(|(text, _, _)| text.as_str()).collect();
        prop_assert_eq!(kubectl.texts(), texts.clone());
        prop_assert_eq!(prefixed.texts(), texts);
    }

    #[test]
    fn splitting_between_rows_changes_nothing(count in 1usize..30, at in any::<prop::sample::Index>()) {
        let rows: Vec<String> = (0..count)
            .map(|n| format!("{{\"insertId\":\"{n}\",\"timestamp\":\"2026-11-22T06:00:00.{n:03}Z\",\"labels\":{{\"instanceId\":\"i{}\"}},\"textPayload\":\"row {n}\"}}\n", n % 3))
            .collect();
        let at = at.index(count);
        let content = |kept: Kept| kept.records.into_iter().map(|r| (r.at, r.text, r.origin, r.detail)).collect::<Vec<_>>();
        let whole = content(read(rows.concat()).0);
        let mut parts = content(read(rows[..at].concat()).0);
        parts.extend(content(read(rows[at..].concat()).0));
        prop_assert_eq!(parts, whole);
    }
}
