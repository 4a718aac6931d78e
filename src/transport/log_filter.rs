//! What may be logged.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Crates that log what they are about to seal, or what they have just opened, at their lower levels.
const TELLTALES: [&str; 6] = ["sspi", "picky", "picky_krb", "picky_asn1", "picky_asn1_der", "hyper"];

/// The filter for a number of `-v` switches. It takes nothing from the environment, and no number of switches makes
/// it pass a message in clear.
pub fn log_filter(verbosity: u8) -> EnvFilter {
    let (ours, others) = match verbosity {
        0 => (LevelFilter::WARN, LevelFilter::WARN),
        1 => (LevelFilter::INFO, LevelFilter::WARN),
        2 => (LevelFilter::DEBUG, LevelFilter::INFO),
        _ => (LevelFilter::TRACE, LevelFilter::DEBUG),
    };
    let capped = TELLTALES.map(|name| format!("{name}=warn")).join(",");
    // What a server says is told where it belongs; tiberius would tell it a second time.
    EnvFilter::builder()
        .with_default_directive(others.into())
        .parse_lossy(format!("farmhand={ours},{capped},tiberius=off"))
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_verbosity_passes_what_crates_of_kerberos_tell() {
        for verbosity in [0, 3, u8::MAX] {
            let log = Log::default();
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_env_filter(log_filter(verbosity))
                .with_writer(move || writer.clone())
                .finish();
            tracing::subscriber::with_default(subscriber, || {
                // The fields of spans are told with every event inside them.
                let _span =
                    tracing::debug_span!(target: "sspi::kerberos", "encrypt_message", message = "CANARY").entered();
                tracing::trace!(target: "sspi::kerberos::client::extractors", "CANARY");
                tracing::debug!(target: "sspi::kerberos", "CANARY");
                tracing::info!(target: "sspi::kdc", "CANARY");
                tracing::debug!(target: "picky_krb::crypto", "CANARY");
                tracing::error!(target: "farmhand::transport", "told");
            });
            let told = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
            assert!(told.contains("told") && !told.contains("CANARY"), "{verbosity}: {told}");
        }
    }
}
