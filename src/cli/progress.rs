//! What happens, as it happens: a bar a host on a terminal, a line an event elsewhere.

use std::collections::HashMap;
use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Ui;
use crate::engine::{Event, Listener, Status};

/// More hosts than this share one line, which a terminal can still show.
const MOST_BARS: usize = 32;

/// Tells of a run while it goes on.
#[derive(Clone)]
pub struct Progress {
    bars: Option<MultiProgress>,
}

impl Progress {
    /// A teller for so many hosts.
    pub fn new(hosts: usize) -> Progress {
        let bars = stderr().is_terminal() && (1..=MOST_BARS).contains(&hosts);
        Progress { bars: bars.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())) }
    }

    /// Whom the engine tells.
    pub fn listener(&self, ui: Ui) -> Listener {
        let Some(all) = self.bars.clone() else {
            return Arc::new(move |host: &str, event: Event| {
                if ui.verbose > 0 || matches!(event, Event::NotFetched(_)) {
                    ui.news(&format!("{host}: {}", words(&event)));
                }
            });
        };
        let bars: Mutex<HashMap<String, ProgressBar>> = Mutex::default();
        Arc::new(move |host: &str, event: Event| {
            let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
            let bar = bars.entry(host.to_owned()).or_insert_with(|| add(&all, host));
            match &event {
                Event::Looked(changes) => bar.set_length(2 + u64::from(*changes > 0)),
                Event::Stage(number, of) => {
                    bar.set_length(1 + *of as u64);
                    bar.set_position(*number as u64);
                }
                // It stays to be read when the bar has gone on.
                Event::NotFetched(_) => all.suspend(|| ui.news(&format!("{host}: {}", words(&event)))),
                _ => {}
            }
            bar.set_message(words(&event));
            if let Event::Ended(_) = event {
                bar.set_position(bar.length().unwrap_or(1));
                bar.abandon();
            }
        })
    }

    /// News among the bars.
    pub fn say(&self, ui: Ui, text: &str) {
        match &self.bars {
            Some(all) => all.suspend(|| ui.news(text)),
            None => ui.news(text),
        }
    }

    /// Takes the bars off the terminal, before results are printed.
    pub fn clear(&self) {
        if let Some(all) = &self.bars {
            let _ = all.clear();
        }
    }
}

fn add(all: &MultiProgress, host: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {prefix:16} [{bar:20}] {msg}");
    let bar = all.add(ProgressBar::new(2));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_prefix(host.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn words(event: &Event) -> String {
    match event {
        Event::Looking => "looking".to_owned(),
        Event::Looked(0) => "as desired".to_owned(),
        Event::Looked(1) => "1 change".to_owned(),
        Event::Looked(n) => format!("{n} changes"),
        Event::Waiting => "waiting for its turn".to_owned(),
        Event::Stage(number, of) => format!("changing, stage {number} of {of}"),
        Event::Sending { sent_bytes, total_bytes } => {
            format!("sending, {} of {} MiB", sent_bytes >> 20, total_bytes.div_ceil(1 << 20))
        }
        Event::Fetching(url) => format!("fetching {url}"),
        Event::NotFetched(why) => format!("nothing was fetched: {why}; sending it"),
        Event::Rebooting => "restarting".to_owned(),
        Event::Proving => "proving".to_owned(),
        Event::Ended(Status::Ok) => "ok".to_owned(),
        Event::Ended(Status::Changed) => "changed and proved".to_owned(),
        Event::Ended(Status::Unreachable) => "not reached".to_owned(),
        Event::Ended(Status::Failed) => "failed".to_owned(),
        Event::Ended(Status::Moved) => "moved since the plan".to_owned(),
        Event::Ended(Status::Held) => "held by another run".to_owned(),
        Event::Ended(Status::NotStarted) => "not started".to_owned(),
        Event::Ended(Status::Interrupted) => "interrupted".to_owned(),
    }
}
