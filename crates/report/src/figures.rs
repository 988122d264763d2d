//! Figures as people read them: counts, spans, moments.

use tminus_core::{Timestamp, time::Millis};

/// `1163` as `1,163`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 start`, `9 starts`.
pub(crate) fn counted(n: usize, one: &str) -> String {
    format!("{} {one}{}", count(n as u64), if n == 1 { "" } else { "s" })
}

/// A span in seconds, in the two largest units that matter: `5.3 s`, `56 s`, `10 min 49 s`,
/// `3 h 04 min`, `2 d 03 h`. `None` for what is not a span.
pub(crate) fn span(seconds: f64) -> Option<String> {
    if !seconds.is_finite() || !(0.0..1e12).contains(&seconds) {
        return None;
    }
    if seconds < 9.95 {
        return Some(format!("{seconds:.1} s"));
    }
    let s = seconds.round() as u64;
    Some(match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min {:02} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {:02} min", s / 3_600, s % 3_600 / 60),
        _ => format!("{} d {:02} h", s / 86_400, s % 86_400 / 3_600),
    })
}

/// How long something took, ns, as precisely as it matters: `0.4 ms`, `250 ms`, `75.0 s`,
/// `10 min 49 s`. Negative is nothing.
pub(crate) fn took(ns: i64) -> String {
    let ns = ns.max(0);
    let ms = ns as f64 / 1e6;
    match ns {
        0..50_000 => "0 ms".to_owned(),
        50_000..9_950_000 => format!("{ms:.1} ms"),
        9_950_000..999_500_000 => format!("{ms:.0} ms"),
        999_500_000..600_000_000_000 => format!("{:.1} s", ms / 1e3),
        _ => span(ms / 1e3).unwrap_or_default(),
    }
}

/// A limit as it was set: `75 s`, `0.5 s`, `1.25 s`.
pub(crate) fn limit(limit: Millis) -> String {
    let (whole, rest) = (limit.0 / 1000, limit.0 % 1000);
    match format!("{rest:03}").trim_end_matches('0') {
        "" => format!("{whole} s"),
        part => format!("{whole}.{part} s"),
    }
}

/// Seconds from one moment to the next.
pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// `21:37`, UTC.
pub(crate) fn minute(at: Timestamp) -> String {
    at.strftime("%H:%M").to_string()
}

/// `21:37:17`, UTC.
pub(crate) fn second(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// `2025-09-15 21:37:17`, UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2025-09-15`, UTC.
pub(crate) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// `21:28-21:37`, or `21:28` when both are in one minute; empty when neither is known.
pub(crate) fn minutes(from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    match (from.map(minute), to.map(minute)) {
        (Some(from), Some(to)) if from != to => format!("{from}-{to}"),
        (Some(at), _) | (None, Some(at)) => at,
        (None, None) => String::new(),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    match items.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
