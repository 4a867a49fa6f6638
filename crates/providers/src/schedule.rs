//! When a grant is due for a refresh.

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{Random, freshness};

use crate::Provider;

impl Provider {
    /// When the background should refresh a grant of this provider that was made or refreshed at
    /// `now`; none if there is nothing to refresh with, or no need.
    pub fn refresh_at(
        &self,
        is_renewable: bool,
        expires_at: Option<DateTime<Utc>>,
        refresh_expires_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        random: &dyn Random,
    ) -> Option<DateTime<Utc>> {
        if !is_renewable {
            return None;
        }
        let refresh = self.definition.refresh.as_ref();
        let documented = refresh
            .and_then(|refresh| refresh.lifetime)
            .map(|life| now + TimeDelta::seconds(life.into()));
        freshness::refresh_at(expires_at, refresh_expires_at.or(documented), now, random)
    }
}
