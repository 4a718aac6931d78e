//! The wish to end a run early.

use std::sync::Arc;

use tokio::sync::watch;

/// Asks a run to end: nothing new is begun, and what was sent is waited for.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Stop {
        Stop(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Asks for the end.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Whether the end was asked for.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the end is asked for.
    pub async fn asked(&self) {
        // The sender lives as long as this value, so there is always one.
        let _ = self.0.subscribe().wait_for(|asked| *asked).await;
    }

    /// What comes of `work`; `None` where the end was asked for first. Only what changes nothing may be given up so.
    pub async fn unless<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.asked() => None,
            done = work => Some(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_given_up_once_the_end_is_asked_for() {
        let stop = Stop::default();
        assert_eq!(stop.unless(async { 1 }).await, Some(1));
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.unless(std::future::pending::<()>()).await }
        });
        stop.ask();
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(stop.unless(async { 1 }).await, None);
    }
}
