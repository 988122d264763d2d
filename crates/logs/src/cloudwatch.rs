//! Exports of CloudWatch Logs, where ECS and Lambda write: events, and results of Insights.

use crate::{
    emit::{Draft, Emitter},
    json::{Doc, Object, Value},
    json_logger::{self, Moment},
    time,
};
use tminus_core::record::Origin;

/// The message of an event of `aws logs get-log-events`, `filter-log-events` or a subscription.
pub(crate) fn message<'a>(object: &Object<'a>) -> Option<Value<'a>> {
    let event = object.has("ingestionTime") || object.has("logStreamName");
    object.get("message").filter(|message| event && message.0.starts_with('"'))
}

/// Reads an event with its message.
pub(crate) fn event(object: &Object<'_>, message: Value<'_>, mut draft: Draft, doc: &Doc<'_>, out: &mut Emitter<'_>) {
    draft.format = "cloudwatch";
    draft.record.line = doc.line_of(message.0);
    if let Some(Moment::Complete(time)) = json_logger::moment(object) {
        draft.envelope_time(time);
    }
    draft.record.detail.row_id = object.text(&["eventId", "id"]).map(|id| id.as_ref().into());
    out.text(draft, message.string().unwrap_or_default());
}

/// Whether a list may be a row of Insights, by its first member.
pub(crate) fn is_insights_row(items: &[Value<'_>]) -> bool {
    items.first().and_then(|item| item.object()).is_some_and(|first| first.has("field") && first.has("value"))
}

/// Reads a row of Insights, a list of `{"field": "@message", "value": ".."}`; false when it is none.
pub(crate) fn insights_row(fields: &[Value<'_>], mut draft: Draft, doc: &Doc<'_>, out: &mut Emitter<'_>) -> bool {
    let field = |name: &str| {
        fields.iter().find_map(|field| {
            let object = field.object()?;
            object.text(&["field"]).filter(|field| field == name)?;
            object.get("value")
        })
    };
    let Some((place, text)) = field("@message").and_then(|value| Some((value, value.string()?))) else {
        return false;
    };
    draft.format = "cloudwatch";
    draft.record.line = doc.line_of(place.0);
    // Insights writes UTC without saying so.
    let stamp = field("@timestamp").and_then(Value::string).and_then(|text| time::stamp(&text)).map(|(stamp, _)| stamp);
    draft.record.at = stamp.and_then(|stamp| out.utc(stamp));
    let mut name = |key: &str| field(key).and_then(Value::string).map(|text| out.interner.name(&text));
    let origin = Origin { service: name("@log"), instance: name("@logStream"), ..Origin::default() };
    draft.record.origin = out.interner.origin(origin);
    out.text(draft, text);
    true
}
