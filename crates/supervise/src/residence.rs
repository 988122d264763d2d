//! Memory that only the start needed.
//!
//! What it is for: a supervisor that waits for months for one signal should not keep mapped what it
//! ran through once. What it must never do: touch a page that anybody has written to. Where to start
//! reading: [`give_back`].

use crate::sys;
use std::fs;

/// Most that is read of `/proc/self/smaps`: a process of this size has about 40 mappings of 700 bytes.
const SMAPS_MAX: usize = 256 * 1024;

/// Gives the kernel back the pages of programs and libraries that are not in use now, and the free
/// end of the heap. Whatever is needed again is mapped again out of the page cache. Meant for the
/// moment at which the start is over; where the kernel does not tell what is mapped, nothing happens.
pub fn give_back() {
    sys::trim_heap();
    let Ok(text) = fs::read_to_string("/proc/self/smaps") else { return };
    if text.len() <= SMAPS_MAX {
        for mapping in untouched(&text) {
            // Locked memory stays, as whoever locked it wanted.
            let _ = sys::forget_pages(mapping);
        }
    }
}

/// A mapping of a file that is as it is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The mappings of files without a single page of our own, as smaps (proc_pid_smaps(5)) tells them:
/// read-only, private, and nothing anonymous in them.
fn untouched(smaps: &str) -> Vec<Mapping> {
    let mut found = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if first == "Anonymous:" {
            found.extend(candidate.take().filter(|_| second == "0"));
        } else if !first.ends_with(':') {
            let of_file = words.nth(3).is_some_and(|path| path.starts_with('/'));
            candidate = range(first).filter(|_| of_file && matches!(second, "r--p" | "r-xp"));
        }
    }
    found
}

fn range(text: &str) -> Option<Mapping> {
    let (start, end) = text.split_once('-')?;
    let address = |hex| usize::from_str_radix(hex, 16).ok();
    Some(Mapping { start: address(start)?, end: address(end)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mappings_of_files_that_nobody_wrote_to_are_given_back() {
        let smaps = "\
00200000-0059e000 r--p 00000000 fe:00 5407248                            /usr/bin/tminus-run
Size:               3704 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
0059e000-00d1c000 r-xp 0039d000 fe:00 5407248                            /usr/bin/tminus-run
Anonymous:             0 kB
00d1c000-00d7d000 r--p 00b1a000 fe:00 5407248                            /usr/bin/tminus-run
Anonymous:           388 kB
00d7d000-00d7f000 rw-p 00b7a000 fe:00 5407248                            /usr/bin/tminus-run
Anonymous:             0 kB
0164b000-0168d000 rw-p 00000000 00:00 0                                  [heap]
Anonymous:            80 kB
7ffec0000000-7ffec0002000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
7f00000-7f01000 r--s 00000000 fe:00 326279                               /usr/lib/locale-archive
Anonymous:             0 kB
";
        let given: Vec<_> = untouched(smaps).into_iter().map(|mapping| (mapping.start, mapping.end)).collect();
        assert_eq!(given, [(0x20_0000, 0x59_e000), (0x59_e000, 0xd1_c000)]);
        assert_eq!(untouched("gibberish\nAnonymous: 0 kB\n"), []);
    }

    #[test]
    fn a_program_goes_on_after_it() {
        let text = |_: &str| std::hint::black_box(format!("{:?}", [1.5, 2.5]));
        let before = text("before");
        give_back();
        assert_eq!(text("after"), before);
    }
}
