//! Records as lines, each sealed and tied to the one before. Pure: no disk, no clock.
//!
//! A line is canonical JSON: `{"after":A,"at":TIME,"record":R,"sum":S}`. `A` is the SHA-256 of the line before without
//! its line feed (of [`HEADER`] for the first), `S` that of the line's own text without the member `sum`; both are 64
//! lower-case hexadecimal digits. `sum` is what guards the last line, which no other line follows.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Record;
use crate::value::canonical;

/// What the first line is tied to: the format and its version.
const HEADER: &str = "farmhand journal 1";

/// A run as it was read back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its records in order, each with the time at which it was written.
    pub records: Vec<(String, Record)>,
    /// What is left of a last line that was not written to its end.
    pub torn: Option<Torn>,
}

/// The rest of a line that a crash cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The line's number, from 1.
    pub line: usize,
    /// How many bytes of it are there.
    pub bytes: usize,
}

/// The number of a line that does not hold, from 1, and what does not hold.
pub type Damage = (usize, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    after: String,
    at: String,
    record: Record,
    #[serde(rename = "sum")]
    _sum: String,
}

/// A record as the line after `before`, without its line feed; `at` is the time as text.
pub fn encode(before: Option<&str>, at: &str, record: &Record) -> String {
    let after = digest(before.unwrap_or(HEADER).as_bytes());
    let open = canonical(&serde_json::json!({ "after": after, "at": at, "record": record }));
    let sum = digest(open.as_bytes());
    format!("{},\"sum\":\"{sum}\"}}", open.strip_suffix('}').unwrap_or(&open))
}

/// Reads lines back. A last line without its line feed is a crash's doing and tolerated; nothing else is.
///
/// # Errors
/// The first line that is not as it was written.
pub fn verify(bytes: &[u8]) -> Result<Kept, Damage> {
    let mut kept = Kept::default();
    let mut before = digest(HEADER.as_bytes());
    let mut ended = false;
    for (line, text) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let Some(text) = text.strip_suffix(b"\n") else {
            kept.torn = Some(Torn { line, bytes: text.len() });
            break;
        };
        if ended {
            return Err((line, "it stands behind the end of the run".to_owned()));
        }
        let read = parse(text, &before).map_err(|why| (line, why))?;
        before = digest(text);
        ended = matches!(read.record, Record::End { .. });
        kept.records.push((read.at, read.record));
    }
    Ok(kept)
}

fn parse(text: &[u8], before: &str) -> Result<Line, String> {
    let told = "it does not have the digest that it tells of itself";
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
    let (open, sum) = text.rsplit_once(",\"sum\":").ok_or("it has no digest")?;
    if sum != format!("\"{}\"}}", digest(format!("{open}}}").as_bytes())) {
        return Err(told.to_owned());
    }
    let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if line.after == before {
        Ok(line)
    } else {
        Err("it does not follow the line before: a line was taken out, put in or changed".to_owned())
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Came, HostEnd, Intent, Outcome, Proof, Start, Told};
    use proptest::prelude::*;

    fn run() -> Vec<Record> {
        let host = || "web01".to_owned();
        let start = Start {
            format: 1,
            farmhand: "0.1.0".to_owned(),
            command: "apply site.yml".to_owned(),
            user: "ana".to_owned(),
            machine: "desk\n\"é".to_owned(),
            pid: 7,
            hosts: vec![host()],
        };
        let intent = Intent {
            host: host(),
            play: "Web servers".to_owned(),
            after: None,
            calls: vec!["iis_commit".to_owned()],
            statements: Vec::new(),
            changes: Vec::new(),
        };
        vec![
            Record::Start(start),
            Record::Intent(intent),
            Record::Outcome(Outcome { of: 2, host: host(), came: Came::Answers(vec![Told::Done]) }),
            Record::Proof(Proof { of: 2, host: host(), left: Vec::new(), evidence: std::collections::BTreeMap::new() }),
            Record::End { hosts: vec![HostEnd { host: host(), status: "changed".to_owned(), reasons: Vec::new() }] },
        ]
    }

    fn text(records: &[Record]) -> String {
        let mut lines: Vec<String> = Vec::new();
        for record in records {
            lines.push(encode(lines.last().map(String::as_str), "2026-11-21T12:34:56Z", record));
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn what_was_written_is_read_back() {
        let kept = verify(text(&run()).as_bytes()).unwrap();
        assert_eq!(kept.records.into_iter().map(|(_, record)| record).collect::<Vec<_>>(), run());
        assert_eq!((kept.torn, verify(b"")), (None, Ok(Kept::default())));
    }

    #[test]
    fn a_crash_is_tolerated_wherever_it_cut_the_last_line() {
        let text = text(&run());
        for cut in 0..text.len() {
            let part = String::from_utf8_lossy(&text.as_bytes()[..cut]);
            let kept = verify(&text.as_bytes()[..cut]).unwrap();
            assert_eq!(kept.records.len(), part.matches('\n').count(), "cut at {cut}");
            assert_eq!(kept.torn.is_some(), !part.is_empty() && !part.ends_with('\n'), "cut at {cut}");
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let text = text(&run());
        let mut flips = 0;
        for (index, bit) in (0..text.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
            let mut bytes = text.clone().into_bytes();
            bytes[index] ^= 1 << bit;
            let line = String::from_utf8_lossy(&text.as_bytes()[..index]).matches('\n').count() + 1;
            match verify(&bytes) {
                Err((found, _)) => assert!(found == line, "bit {bit} of byte {index}: {found} for {line}"),
                // The line feed of the last line itself: what is left looks like a crash, and is said to.
                Ok(kept) => assert!(index == text.len() - 1 && kept.torn.is_some(), "bit {bit} of byte {index}"),
            }
            flips += 1;
        }
        assert_eq!(flips, text.len() * 8);
    }

    proptest! {
        #[test]
        fn a_line_taken_out_put_in_or_moved_is_found(from in 0_usize..4, to in 0_usize..5) {
            let text = text(&run());
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            let mut out = lines.clone();
            out.remove(from);
            prop_assert!(verify(out.concat().as_bytes()).is_err());
            let mut twice = lines.clone();
            twice.insert(to, lines[from]);
            prop_assert!(verify(twice.concat().as_bytes()).is_err());
            let mut moved = lines.clone();
            moved.swap(from, to);
            prop_assert_eq!(verify(moved.concat().as_bytes()).is_err(), from != to);
        }
    }
}
