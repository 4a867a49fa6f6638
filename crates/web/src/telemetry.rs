//! Logs: one line an event, in text or JSON, to standard error.

use tracing_subscriber::{EnvFilter, fmt};

use crate::{ConfigError, Settings, config::environment_name};

/// Starts logging. Call once, in `main`.
///
/// # Errors
/// [`ConfigError::Invalid`] if the filter does not read.
pub fn init(settings: &Settings) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(settings.log())
        .map_err(|error| ConfigError::Invalid(environment_name("log"), error.to_string()))?;
    let subscriber = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process, as tests do, keeps the first.
    let _ = if settings.log_as_json()? {
        subscriber
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init()
    } else {
        subscriber
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init()
    };
    Ok(())
}
