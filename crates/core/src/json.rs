//! Where and why a JSON text is not what it should be, for the errors of side files.

use serde::de::DeserializeOwned;
use serde_json::Error;

/// The message of `error` without the place that the parser adds to it.
pub(crate) fn without_place(error: &Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").filter(|_| error.line() > 0).unwrap_or(text.len());
    text[..end].to_owned()
}

/// Line and message of what keeps `text`, which is JSON, from being a `T`. `error` is what was met
/// in the parsed value; it knows no lines, and stands where the text read anew says nothing.
pub(crate) fn typed_error<T: DeserializeOwned>(text: &str, error: &Error) -> (usize, String) {
    let anew = serde_json::from_str::<T>(text).err();
    let error = anew.as_ref().unwrap_or(error);
    (error.line().max(1), without_place(error))
}
