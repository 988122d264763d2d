//! Writes the waterfall of a start where it was asked for.

use std::path::Path;
use tminus_report::start::StartView;
use tminus_report::timeline;

/// Text for `*.txt`, SVG for everything else.
pub(super) fn write(path: &Path, view: &StartView) -> Result<(), String> {
    let text = match path.extension() {
        Some(extension) if extension == "txt" => timeline::text(view, &tminus_report::Style::default()),
        _ => timeline::svg(view),
    };
    std::fs::write(path, text).map_err(|error| format!("the timeline cannot be written to {}: {error}", path.display()))
}
