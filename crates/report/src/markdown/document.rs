//! A Markdown document under construction: lines, sections, list items, table rows.
//!
//! It takes text that is already encoded; only the callers know which parts are markup.

/// Lines, with at most one empty line in a row.
#[derive(Default)]
pub(super) struct Document {
    text: String,
}

impl Document {
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    pub(super) fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    pub(super) fn section(&mut self, title: &str) {
        self.blank();
        self.line(&format!("## {title}"));
    }

    pub(super) fn item(&mut self, text: &str) {
        self.line(&format!("- {text}"));
    }

    pub(super) fn row(&mut self, cells: &[&str]) {
        self.line(&format!("| {} |", cells.join(" | ")));
    }

    /// The document, ended by one line end.
    pub(super) fn finish(self) -> String {
        format!("{}\n", self.text.trim_end())
    }
}
