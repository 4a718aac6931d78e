//! A test that kills farmhand at each record of its journal says so with a variable. Release builds lack this file.

use std::io::Write as _;

/// The variable: the number of a record from 1 and `before`, `torn` or `after`, such as `3:torn`.
const VARIABLE: &str = "FARMHAND_TEST_CRASH";

/// Ends the process as a power cut would, where the test wants it: before the record, in its midst, or once it is kept.
pub(super) fn point(number: u64, moment: &str, mut file: impl std::io::Write, line: &str) {
    if std::env::var(VARIABLE).is_ok_and(|wanted| wanted == format!("{number}:{moment}")) {
        if moment == "torn" {
            let _ = file.write_all(&line.as_bytes()[..line.len() / 2]);
        }
        let _ = std::io::stderr().flush();
        std::process::abort();
    }
}
