//! What the first bytes say: compression, encoding, whether this is text at all.

use crate::{ReadError, prefix};
use flate2::read::MultiGzDecoder;
use std::io::{Cursor, Read};

/// Bytes looked at.
const HEAD: usize = 64 * 1024;

/// An input as UTF-8 (or nearly), unpacked, with what its beginning says about its lines.
pub(crate) struct Opened<'a> {
    pub(crate) input: Box<dyn Read + 'a>,
    pub(crate) manner: Manner,
}

/// Which ambiguous prefixes the lines of a file have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// `name | text` without a number in the name.
    pub(crate) loose_compose: bool,
    /// `2026-11-22 06:00:00 text` of `gcloud run services logs read`.
    pub(crate) gcloud: bool,
}

/// Unpacks and decodes `input`.
pub(crate) fn open<'a>(input: impl Read + 'a) -> Result<Opened<'a>, ReadError> {
    let mut input: Box<dyn Read + 'a> = Box::new(input);
    // A file can be packed twice by accident.
    for _ in 0..3 {
        let head = head(&mut *input)?;
        if head.starts_with(&[0x1f, 0x8b]) {
            input = Box::new(MultiGzDecoder::new(Cursor::new(head).chain(input)));
            continue;
        }
        if let Some(what) = other_format(&head) {
            return Err(ReadError::NotText { what });
        }
        if let Some((big_endian, mark)) = utf16(&head) {
            let body = Cursor::new(head[mark..].to_vec()).chain(input);
            input = Box::new(Utf16 { input: body, big_endian, half: None, high: None, ready: Vec::new() });
            continue;
        }
        if is_binary(&head) {
            return Err(ReadError::NotText { what: "binary data" });
        }
        let manner = manner(&String::from_utf8_lossy(&head));
        return Ok(Opened { input: Box::new(Cursor::new(head).chain(input)), manner });
    }
    Err(ReadError::NotText { what: "an archive inside an archive" })
}

/// The first line at least, and what comes with it; a live input is not waited for.
fn head(input: &mut dyn Read) -> Result<Vec<u8>, ReadError> {
    let mut head = vec![0; HEAD];
    let mut filled = 0;
    while filled < HEAD {
        let read = match input.read(&mut head[filled..]) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) if filled == 0 => return Err(ReadError::Io(error)),
            // The window meets the error again after what could be read.
            Err(_) => 0,
        };
        filled += read;
        if read == 0 || filled >= 4 && head[filled - read..filled].contains(&b'\n') {
            break;
        }
    }
    head.truncate(filled);
    Ok(head)
}

/// Formats that are not text, by the bytes that they begin with.
fn other_format(head: &[u8]) -> Option<&'static str> {
    const KNOWN: &[(&[u8], &str)] = &[
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\xfd7zXZ", "xz"),
        (b"BZh", "bzip2"),
        (b"\x7fELF", "a program"),
        (b"%PDF", "a PDF"),
        (b"\x89PNG", "an image"),
        (b"SQLite format 3", "a SQLite database"),
        (b"PAR1", "Parquet"),
        (b"LPKSHHRH", "a binary journal"),
    ];
    KNOWN.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what)
}

/// Byte order and length of the mark when the text is UTF-16, as PowerShell writes it.
fn utf16(head: &[u8]) -> Option<(bool, usize)> {
    match head {
        [0xff, 0xfe, ..] => Some((false, 2)),
        [0xfe, 0xff, ..] => Some((true, 2)),
        _ if head.len() >= 16 => {
            let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|b| **b == 0).count() * 2;
            let (even, odd) = (zeros(0), zeros(1));
            let (most, least) = (head.len() * 9 / 10, head.len() / 10);
            if odd >= most && even <= least {
                Some((false, 0))
            } else if even >= most && odd <= least {
                Some((true, 0))
            } else {
                None
            }
        }
        _ => None,
    }
}

/// Control bytes that no text has, or mostly bytes that are no UTF-8. NUL does not count: a log
/// that was truncated while it was written begins with thousands of them.
fn is_binary(head: &[u8]) -> bool {
    let control = head.iter().filter(|b| matches!(b, 1..=6 | 14..=26 | 28..=31)).count();
    let broken: usize = head.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    let zeros = head.iter().filter(|b| **b == 0).count();
    !head.is_empty() && (control * 10 > head.len() || broken * 3 > head.len() || zeros == head.len())
}

fn manner(head: &str) -> Manner {
    let lines: Vec<&str> = head.lines().filter(|line| !line.trim().is_empty()).collect();
    let named = lines.iter().filter(|line| prefix::compose(line, true).is_some()).count();
    Manner {
        loose_compose: named >= 2 && named * 10 >= lines.len() * 9,
        gcloud: lines.iter().any(|line| prefix::is_gcloud(line)),
    }
}

/// UTF-16 as UTF-8; what is broken becomes the replacement character.
struct Utf16<R> {
    input: R,
    big_endian: bool,
    half: Option<u8>,
    high: Option<u16>,
    ready: Vec<u8>,
}

impl<R: Read> Utf16<R> {
    fn push(&mut self, unit: u16) {
        let units = self.high.take().into_iter().chain([unit]);
        if (0xd800..0xdc00).contains(&unit) {
            // The second half comes next; a first half before it stays alone.
            let alone = units.clone().count() == 2;
            if alone {
                self.ready.extend_from_slice("\u{FFFD}".as_bytes());
            }
            self.high = Some(unit);
            return;
        }
        for c in char::decode_utf16(units) {
            let mut utf8 = [0; 4];
            self.ready.extend_from_slice(c.unwrap_or('\u{FFFD}').encode_utf8(&mut utf8).as_bytes());
        }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let mut raw = [0; 8192];
        while self.ready.is_empty() {
            let read = self.input.read(&mut raw)?;
            if read == 0 {
                return Ok(0);
            }
            for byte in &raw[..read] {
                match self.half.take() {
                    Some(first) if self.big_endian => self.push(u16::from_be_bytes([first, *byte])),
                    Some(first) => self.push(u16::from_le_bytes([first, *byte])),
                    None => self.half = Some(*byte),
                }
            }
        }
        let count = out.len().min(self.ready.len());
        out[..count].copy_from_slice(&self.ready[..count]);
        self.ready.drain(..count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Result<String, ReadError> {
        let mut text = String::new();
        open(bytes)?.input.read_to_string(&mut text).map_err(ReadError::Io)?;
        Ok(text)
    }

    #[test]
    fn utf16_of_either_order_is_read() -> Result<(), ReadError> {
        let want = "[{\"message\": \"größer 😀\"}]\n";
        let le: Vec<u8> = want.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = want.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(text(&[&[0xff, 0xfe], &le[..]].concat())?, want);
        assert_eq!(text(&[&[0xfe, 0xff], &be[..]].concat())?, want);
        assert_eq!(text(&le)?, want);
        Ok(())
    }

    #[test]
    fn what_is_no_text_is_named() {
        for (bytes, what) in [
            (&[0x28, 0xb5, 0x2f, 0xfd, 0][..], "zstd"),
            (b"PK\x03\x04....", "zip"),
            (&[1, 2, 3, 255, 254, 200, 1, 1][..], "binary"),
        ] {
            let error = text(bytes).expect_err(what);
            assert!(error.to_string().contains(what), "{error}");
        }
    }

    #[test]
    fn the_manner_of_ambiguous_lines() {
        assert_eq!(manner("db  | x\nweb | y\nweb | z\n"), Manner { loose_compose: true, gcloud: false });
        assert_eq!(manner("id | name\n---\n1 | a\nx\ny\n"), Manner::default());
        assert!(manner("2026-11-22 06:00:00 GET 200 https://x/\n").gcloud);
    }
}
