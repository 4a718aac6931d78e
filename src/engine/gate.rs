//! How many hosts may be disturbed at a time, and none any more after one has failed its proof.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};

use crate::playbook::Serial;

/// How many hosts may be disturbed at a time once `done` hosts of `all` are done; one unless the playbook says more.
fn width(serial: &[Serial], done: usize, all: usize) -> usize {
    let mut passed = 0;
    let mut width = 1;
    for batch in serial {
        width = match batch {
            Serial::Hosts(hosts) => *hosts,
            Serial::Percent(percent) => all * usize::from(*percent) / 100,
        }
        .max(1);
        passed += width;
        if done < passed {
            break;
        }
    }
    width
}

/// The gate of one play: hosts pass it before they are disturbed.
pub struct Gate {
    serial: Vec<Serial>,
    all: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    inside: usize,
    done: usize,
    failed: Option<String>,
}

/// The right to disturb one host. It is given back with the host's proof, or with its failure.
pub struct Pass {
    gate: Arc<Gate>,
    host: String,
}

impl Gate {
    /// A gate for a play of so many hosts.
    pub fn new(serial: Vec<Serial>, all: usize) -> Arc<Gate> {
        Arc::new(Gate { serial, all, state: Mutex::default(), changed: Notify::new() })
    }

    /// Waits until the host may be disturbed.
    ///
    /// # Errors
    /// The host that failed, after which no other is disturbed.
    pub async fn enter(self: &Arc<Gate>, host: &str) -> Result<Pass, String> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that a change between look and wait is not missed.
            changed.as_mut().enable();
            {
                let mut state = self.state.lock().await;
                if let Some(failed) = &state.failed {
                    return Err(failed.clone());
                }
                if state.inside < width(&self.serial, state.done, self.all) {
                    state.inside += 1;
                    return Ok(Pass { gate: Arc::clone(self), host: host.to_owned() });
                }
            }
            changed.await;
        }
    }
}

impl Pass {
    /// Gives the right back: the host has proved its changes, or has not.
    pub async fn leave(self, proved: bool) {
        let mut state = self.gate.state.lock().await;
        state.inside -= 1;
        if proved {
            state.done += 1;
        } else if state.failed.is_none() {
            state.failed = Some(self.host.clone());
        }
        drop(state);
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_follow_the_list() {
        let check = |serial: Vec<Serial>, done: usize, expected: usize| {
            assert_eq!(width(&serial, done, 10), expected, "after {done}");
        };
        let ramp = || vec![Serial::Hosts(1), Serial::Percent(30), Serial::Percent(100)];
        check(ramp(), 0, 1);
        check(ramp(), 1, 3);
        check(ramp(), 3, 3);
        check(ramp(), 4, 10);
        check(vec![Serial::Percent(5)], 0, 1);
        check(Vec::new(), 0, 1);
    }

    #[tokio::test]
    async fn after_a_failure_nobody_enters() {
        let gate = Gate::new(vec![Serial::Hosts(2)], 4);
        let first = gate.enter("web01").await.ok().unwrap();
        let second = gate.enter("web02").await.ok().unwrap();
        let third = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter("web03").await.map(|_| ()) }
        });
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        first.leave(false).await;
        assert_eq!(third.await.unwrap(), Err("web01".to_owned()));
        second.leave(true).await;
        assert_eq!(gate.enter("web04").await.err(), Some("web01".to_owned()));
    }
}
