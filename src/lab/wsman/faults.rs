//! Faults that show on the wire.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::lab::{Answers, WireFault};

/// Which of a host's one-time faults have been shown.
#[derive(Default)]
pub(super) struct Faults {
    shown: AtomicBool,
}

impl Faults {
    /// The reset that a write shall meet, if it has not been shown since it was asked for.
    pub fn take_reset(&self, host: &dyn Answers) -> Option<WireFault> {
        if let fault @ Some(WireFault::ResetBeforeWrite | WireFault::ResetAfterWrite) = host.wire_fault() {
            fault.filter(|_| !self.shown.swap(true, Ordering::SeqCst))
        } else {
            self.shown.store(false, Ordering::SeqCst);
            None
        }
    }

    /// Whether a reset is asked for and has not been shown.
    pub fn reset_is_due(&self, host: &dyn Answers) -> bool {
        matches!(host.wire_fault(), Some(WireFault::ResetBeforeWrite | WireFault::ResetAfterWrite))
            && !self.shown.load(Ordering::SeqCst)
    }
}
