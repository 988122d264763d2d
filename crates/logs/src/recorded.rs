//! Events that tminus itself recorded (`tminus.event/1`), one JSON object a line.

use crate::json::Object;
use tminus_core::event::{Event, VERSION};

/// Does an object look like a recorded event? Its envelope has keys that no logger writes together.
pub(crate) fn is_event(object: &Object<'_>) -> bool {
    ["v", "attempt", "seq", "t", "src", "type"].iter().all(|key| object.has(key))
        && object.get("v").is_some_and(|version| version.0 == VERSION.to_string())
        && object.text(&["type"]).is_some_and(|kind| kind.contains('.'))
}

/// The event that `text` is.
pub(crate) fn event(text: &str) -> Option<Event> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"v":1,"attempt":"0190-a","seq":3,"at":"2026-11-22T06:00:01Z","t":1000000000,"src":"live","type":"child.exited","data":{"code":3,"signal":null,"reason":null,"at":null}}"#;

    /// Keeps events and counts rows.
    #[derive(Default)]
    struct Kept {
        events: Vec<Event>,
        rows: Vec<String>,
    }

    impl crate::Sink for Kept {
        fn record(&mut self, record: tminus_core::record::Record) {
            self.rows.push(record.text);
        }
        fn event(&mut self, event: Event) {
            self.events.push(event);
        }
        fn skipped(&mut self, _: tminus_core::record::Skipped) {}
    }

    #[test]
    fn a_record_beside_log_lines_gives_its_events_and_they_give_rows() {
        let started = LINE.replace("child.exited", "child.spawned").replace("\"seq\":3", "\"seq\":2");
        let wrapped =
            format!("{{\"log\":{}, \"stream\":\"stderr\"}}", serde_json::to_string(&format!("{LINE}\n")).unwrap());
        let input = format!("{started}\nINFO up\n{LINE}\n{wrapped}\n");
        let mut kept = Kept::default();
        let options = crate::Options::default();
        let summary = crate::read(tminus_core::record::SourceId(0), input.as_bytes(), &options, &mut kept).unwrap();
        assert_eq!(kept.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 3, 3]);
        assert_eq!(kept.events[1], event(LINE).unwrap());
        assert_eq!(kept.rows, ["INFO up"]);
        assert_eq!((summary.rows, summary.formats["tminus-events"]), (1, 3));
    }

    #[test]
    fn a_recorded_event_is_told_from_a_logger_that_has_some_of_its_keys() {
        assert!(is_event(&Object::parse(LINE).unwrap()));
        assert_eq!(event(LINE).unwrap().seq, 3);
        for near in [
            r#"{"v":1,"level":30,"time":1795327200000,"pid":7,"hostname":"a","msg":"up"}"#,
            r#"{"v":0,"attempt":2,"seq":1,"t":1,"src":"x","type":"retry.started","msg":"again"}"#,
            r#"{"v":1,"attempt":2,"seq":1,"t":1,"src":"x","type":"retry"}"#,
        ] {
            assert!(!is_event(&Object::parse(near).unwrap()), "{near}");
        }
    }
}
