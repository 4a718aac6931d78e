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
