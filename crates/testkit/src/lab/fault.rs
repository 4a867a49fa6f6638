//! Failures on demand.

use std::{collections::BTreeMap, time::Duration};

use super::calls::Endpoint;

/// A way for an endpoint to fail.
///
/// [`Fault::Slow`], [`Fault::Drip`], [`Fault::Truncated`] and [`Fault::Reset`] lose the answer of
/// a request that the vendor did serve: a code that was presented is spent. With the others, the
/// vendor did nothing.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The answer comes late.
    Slow(Duration),
    /// The answer comes a byte at a time, with this long between two bytes.
    Drip(Duration),
    /// An error status, with the body that the vendor documents for it or a page.
    Status(u16),
    /// An error status as above, with this `Retry-After`, and this `Date` if there is one.
    RetryAfter(u16, &'static str, Option<&'static str>),
    /// Status 200 and a page.
    Garbage,
    /// The first half of the answer, as if it were all.
    Truncated,
    /// Status 200 and a JSON text of this many bytes, as fast as they are taken.
    Huge(usize),
    /// Status 200, with an error in the vendor's words inside.
    OkWithError,
    /// The connection is closed once the request is read, without an answer.
    Reset,
    /// Status 302 to this URL.
    Redirect(String),
    /// An error at this status, whose words repeat all that was sent.
    Echo(u16),
    /// Any answer: status, content type, body.
    Answer(u16, &'static str, Vec<u8>),
}

/// What is to fail, by provider and endpoint.
#[derive(Debug, Default)]
pub(crate) struct Faults(BTreeMap<(String, Endpoint), Armed>);

#[derive(Debug)]
struct Armed {
    fault: Fault,
    once: bool,
}

impl Faults {
    pub(crate) fn arm(&mut self, provider: &str, endpoint: Endpoint, fault: Fault, once: bool) {
        self.0
            .insert((provider.to_owned(), endpoint), Armed { fault, once });
    }

    pub(crate) fn clear(&mut self, provider: &str) {
        self.0.retain(|(armed, _), _| armed != provider);
    }

    /// The fault for this call, spent if it was for once.
    pub(crate) fn take(&mut self, provider: &str, endpoint: Endpoint) -> Option<Fault> {
        let key = (provider.to_owned(), endpoint);
        let armed = self.0.get(&key)?;
        if armed.once {
            self.0.remove(&key).map(|armed| armed.fault)
        } else {
            Some(armed.fault.clone())
        }
    }
}
