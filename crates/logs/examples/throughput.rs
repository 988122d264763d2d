//! Prints how fast a file is read: `cargo run --release -p tminus-logs --example throughput FILE`.

use std::{fs::File, time::Instant};
use tminus_core::record::{Record, Skipped, SourceId};
use tminus_logs::{Options, Sink, read};

/// Looks at every row without keeping it.
#[derive(Default)]
struct Count {
    text: usize,
    skipped: Vec<Skipped>,
}

impl Sink for Count {
    fn record(&mut self, record: Record) {
        self.text += record.text.len();
    }
    fn skipped(&mut self, skipped: Skipped) {
        self.skipped.push(skipped);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args_os().skip(1) {
        let mut count = Count::default();
        let start = Instant::now();
        let summary = read(SourceId(0), File::open(&path)?, &Options::default(), &mut count)?;
        let seconds = start.elapsed().as_secs_f64();
        let megabytes = summary.bytes as f64 / 1e6;
        println!("{}: {megabytes:.1} MB in {seconds:.3} s: {:.0} MB/s", path.display(), megabytes / seconds);
        println!("  {} rows, {} bytes of text, {:?}", summary.rows, count.text, summary.formats);
        for skipped in count.skipped.iter().take(5) {
            println!("  line {}: {}", skipped.line, skipped.reason);
        }
    }
    Ok(())
}
