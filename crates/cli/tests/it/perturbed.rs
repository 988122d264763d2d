//! Perturbed copies of recorded cases (`corpus/perturb`) keep their domain.

use crate::room::{binary, repository};
use std::process::Command;

#[test]
fn perturbed_cases_keep_their_domain() {
    let room = crate::room::Room::new();
    let out = room.path().join("kinds.json");
    let output = Command::new("python3")
        .arg(repository().join("corpus/perturbed-score"))
        .args(["--bin", binary(), "--seed", "1", "--show", "--json"])
        .arg(&out)
        .arg("--cases")
        .arg(repository().join("corpus/dev"))
        .output()
        .expect("python3 runs corpus/perturbed-score");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{text}");
    let kinds: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&out).unwrap_or_else(|e| panic!("{e}\n{text}"))).expect("JSON");
    let kinds = kinds.as_object().expect("an object");
    assert_eq!(kinds.len(), 10, "{text}");
    for (kind, result) in kinds {
        let count = |n: usize| result["domain"][n].as_u64().expect("a count") as u32;
        let (kept, of) = (count(0), count(1));
        let share = (kept * 100).checked_div(of).unwrap_or(100);
        assert!(share >= 90, "{kind} keeps {kept} of {of} domains\n{text}");
    }
}
