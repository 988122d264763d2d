//! RESP2: commands out, replies in, within bounds.

/// A reply, as far as probes need to tell them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A simple or a bulk string.
    Text(String),
    /// An error, without its `-`.
    Error(String),
    /// A number.
    Number(i64),
    /// Nothing.
    Null,
    /// An array, of which only the length matters here.
    Array(usize),
}

impl Reply {
    /// What it is, for texts: never what it holds.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Reply::Text(_) => "another text",
            Reply::Error(_) => "an error",
            Reply::Number(_) => "a number",
            Reply::Null => "nothing",
            Reply::Array(_) => "an array",
        }
    }
}

/// Longest line, and longest bulk string.
const LINE_MAX: usize = 1024;
const BULK_MAX: usize = 60 << 10;
/// Most elements of an array, and how deep arrays may nest.
const ARRAY_MAX: usize = 256;
const DEPTH_MAX: usize = 4;

/// A command with its words.
pub(super) fn command(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend(format!("${}\r\n", word.len()).bytes());
        out.extend(word.bytes());
        out.extend(b"\r\n");
    }
    out
}

/// The first reply in `bytes` and its length; `None`: not all of it is there yet.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>, &'static str> {
    element(bytes, 0)
}

fn element(bytes: &[u8], depth: usize) -> Result<Option<(Reply, usize)>, &'static str> {
    let Some(&kind) = bytes.first() else { return Ok(None) };
    if !matches!(kind, b'+' | b'-' | b':' | b'$' | b'*') {
        return Err("an answer that is none of Redis'");
    }
    let window = &bytes[1..bytes.len().min(LINE_MAX)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() >= LINE_MAX { Err("a line that does not end") } else { Ok(None) };
    };
    let line = String::from_utf8_lossy(&window[..end]).into_owned();
    let used = end + 3;
    let number = || line.parse::<i64>().map_err(|_| "a number that is none");
    match kind {
        b'+' => Ok(Some((Reply::Text(line), used))),
        b'-' => Ok(Some((Reply::Error(line), used))),
        b':' => Ok(Some((Reply::Number(number()?), used))),
        b'$' => bulk(bytes, used, number()?),
        _ => array(bytes, used, number()?, depth),
    }
}

fn bulk(bytes: &[u8], used: usize, len: i64) -> Result<Option<(Reply, usize)>, &'static str> {
    match usize::try_from(len) {
        Err(_) if len == -1 => Ok(Some((Reply::Null, used))),
        Ok(len) if len <= BULK_MAX => match bytes.get(used..used + len + 2) {
            Some(text) if text.ends_with(b"\r\n") => {
                Ok(Some((Reply::Text(String::from_utf8_lossy(&text[..len]).into_owned()), used + len + 2)))
            }
            Some(_) => Err("a text that does not end where it says"),
            None => Ok(None),
        },
        _ => Err("a text that is longer than any that is expected"),
    }
}

fn array(bytes: &[u8], mut used: usize, len: i64, depth: usize) -> Result<Option<(Reply, usize)>, &'static str> {
    let count = match usize::try_from(len) {
        Err(_) if len == -1 => return Ok(Some((Reply::Null, used))),
        Ok(count) if count <= ARRAY_MAX && depth < DEPTH_MAX => count,
        _ => return Err("an array that is larger than any that is expected"),
    };
    for _ in 0..count {
        match element(&bytes[used..], depth + 1)? {
            Some((_, len)) => used += len,
            None => return Ok(None),
        }
    }
    Ok(Some((Reply::Array(count), used)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn replies_are_read_whole_or_not_at_all() {
        for (text, reply) in [
            ("+PONG\r\n", Reply::Text("PONG".into())),
            ("-ERR no\r\n", Reply::Error("ERR no".into())),
            (":-3\r\n", Reply::Number(-3)),
            ("$-1\r\n", Reply::Null),
            ("$5\r\na\r\nbc\r\n", Reply::Text("a\r\nbc".into())),
            ("*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", Reply::Array(2)),
        ] {
            for cut in 0..text.len() {
                assert_eq!(parse(&text.as_bytes()[..cut]), Ok(None), "{text:?} cut at {cut}");
            }
            let with_more = format!("{text}+next");
            assert_eq!(parse(with_more.as_bytes()), Ok(Some((reply, text.len()))));
        }
        for odd in ["HTTP/1.1 400 Bad Request\r\n", "$99999999\r\n", "*99999\r\n", ":x\r\n", "$1\r\nabc\r\n"] {
            assert!(parse(odd.as_bytes()).is_err(), "{odd:?}");
        }
        assert!(parse("*1\r\n".repeat(9).as_bytes()).is_err());
    }

    #[test]
    fn commands_carry_any_bytes() {
        assert_eq!(command(&["AUTH", "a\r\nb"]), b"*2\r\n$4\r\nAUTH\r\n$4\r\na\r\nb\r\n");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0usize..5) {
            let _ = parse(&bytes);
            let mut shaped = vec![b"+-:$*"[kind]];
            shaped.extend(bytes);
            let _ = parse(&shaped);
        }
    }
}
