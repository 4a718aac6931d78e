//! Killed at any moment, the next run converges.
//!
//! The real program changes two lab hosts over real sockets, and is killed at every record of its journal and at every
//! message on the wire, on a farm that is bare again each time. Then it is run again, which must make the farm as desired,
//! and once more, which must change nothing. The lab runs in a process of its own, as hosts do, and lives on.
//!
//! The journal's points need a debug build: there alone a variable ends the process at a record (`src/journal/crash.rs`).

#![cfg(all(unix, debug_assertions))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that cannot go on says so by panicking"
)]

mod crash;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crash::{Farm, Passed, Point};

/// Farms that are worked on at the same time.
const FARMS: usize = 3;

#[test]
fn killed_at_any_moment_the_next_run_converges() {
    let began = Instant::now();
    let farm = Farm::new();
    let (records, messages) = farm.count();
    let journal = (1..=records).flat_map(|number| ["before", "torn", "after"].map(|at| Point::Record(number, at)));
    let wire = (1..=messages)
        .flat_map(|number| [Passed::Nothing, Passed::Half, Passed::All].map(|passed| Point::Message(number, passed)));
    let points: Vec<Point> = journal.chain(wire).collect();
    let next = AtomicUsize::new(0);
    let wrong: Mutex<Vec<String>> = Mutex::default();
    let killed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..FARMS {
            scope.spawn(|| {
                let mut farm = Farm::new();
                while let Some(point) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    match farm.crash_and_recover(*point) {
                        Ok(true) => {
                            killed.fetch_add(1, Ordering::SeqCst);
                        }
                        // The two hosts' messages interleave otherwise each time; the last ones may not come.
                        Ok(false) => {}
                        Err(why) => {
                            wrong.lock().unwrap().push(format!("{point:?}: {why}"));
                            farm = Farm::new();
                        }
                    }
                }
            });
        }
    });
    let (wrong, killed) = (wrong.into_inner().unwrap(), killed.into_inner());
    println!(
        "crash points: {killed} killed of {} ({records} records x 3, {messages} messages x 3); {} did not converge; {} s",
        points.len(),
        wrong.len(),
        began.elapsed().as_secs()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(killed >= points.len() * 9 / 10, "only {killed} of {} points were reached", points.len());
}
