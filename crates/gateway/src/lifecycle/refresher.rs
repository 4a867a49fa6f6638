//! Refreshes ahead of expiry. Several gateways share the work; each is gentle to every provider.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::web;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use keyway_domain::{ids::OauthAppId, provider::ProviderSlug};
use keyway_providers::refusal::RefreshFailure;
use keyway_store::{LeasedRefresh, StoreError};
use keyway_web::config::RefreshLimits;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::{
    App,
    lifecycle::refresh::{self, Outcome},
};

/// Between two looks when nothing is due.
const IDLE: Duration = Duration::from_secs(1);
/// Between two looks when more is due than may be started at once.
const BUSY: Duration = Duration::from_millis(100);

/// Refreshes until the gateway stops.
pub async fn run(app: web::Data<App>, limits: RefreshLimits) {
    let refresher = Refresher::new(app.clone(), limits);
    while !app.stop.is_cancelled() {
        let pause = match refresher.start_due().await {
            Ok(0) => IDLE,
            Ok(_) => BUSY,
            Err(error) => {
                tracing::warn!(%error, "looking for due refreshes failed");
                IDLE
            }
        };
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = refresher.idle.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What this gateway does for each provider, and which apps rest.
pub struct Refresher {
    app: web::Data<App>,
    limits: RefreshLimits,
    /// By provider. Accounts whose own providers have one name share a lane.
    lanes: Mutex<HashMap<ProviderSlug, Arc<Lane>>>,
    resting: Arc<Resting>,
    idle: Arc<Notify>,
}

/// Apps whose provider asked for patience, each until when.
type Resting = Mutex<HashMap<OauthAppId, DateTime<Utc>>>;

/// The way to one provider.
struct Lane {
    running: Arc<Semaphore>,
    starts: Mutex<Starts>,
}

/// How many refreshes may start: as many as a second allows, and never more at once.
struct Starts {
    saved: f64,
    counted_at: DateTime<Utc>,
}

impl Refresher {
    /// Work for the providers of the app's catalogue.
    pub fn new(app: web::Data<App>, limits: RefreshLimits) -> Self {
        let now = app.now();
        let refreshing = app.catalogue.installed().iter();
        let lanes = refreshing
            .filter(|provider| provider.definition.can_renew())
            .map(|provider| (provider.slug.clone(), Arc::new(Lane::new(limits, now))))
            .collect();
        Self {
            app,
            limits,
            lanes: Mutex::new(lanes),
            resting: Arc::default(),
            idle: Arc::default(),
        }
    }

    /// Refreshes what is due and may be started now, to its end; how many that were.
    ///
    /// # Errors
    /// [`StoreError`] if looking failed.
    pub async fn once(&self) -> Result<usize, StoreError> {
        let due = self.lease_due().await?;
        let count = due.len();
        join_all(
            due.into_iter()
                .map(|(lease, permit)| self.refresh(lease, permit)),
        )
        .await;
        Ok(count)
    }

    /// Starts what is due and may be started now; how many that were.
    async fn start_due(&self) -> Result<usize, StoreError> {
        let due = self.lease_due().await?;
        let count = due.len();
        for (lease, permit) in due {
            self.app.tasks.spawn(self.refresh(lease, permit));
        }
        Ok(count)
    }

    async fn lease_due(&self) -> Result<Vec<(LeasedRefresh, OwnedSemaphorePermit)>, StoreError> {
        let now = self.app.now();
        let resting = self.resting(now);
        let known = self.known(now).await?;
        let mut due = Vec::new();
        for provider in self.app.store.list_due_providers(&known, now).await? {
            let Some(lane) = self.lane(&provider) else {
                continue;
            };
            let mut permits = lane.permits(self.limits, now);
            let limit = i64::try_from(permits.len()).unwrap_or_default();
            if limit == 0 {
                continue;
            }
            let leasing = self
                .app
                .store
                .lease_due_refreshes(&provider, &resting, limit, now);
            let leases = match leasing.await {
                Ok(leases) => leases,
                Err(error) => {
                    tracing::warn!(%error, %provider, "leasing due refreshes failed");
                    Vec::new()
                }
            };
            let idle = permits.split_off(leases.len().min(permits.len()));
            lane.give_back(idle);
            due.extend(leases.into_iter().zip(permits));
        }
        Ok(due)
    }

    /// All providers that there is a lane to; one that an account describes itself gets its own.
    async fn known(&self, now: DateTime<Utc>) -> Result<Vec<ProviderSlug>, StoreError> {
        let described = self.app.catalogue.described().await?;
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        for slug in described {
            let lane = || Arc::new(Lane::new(self.limits, now));
            lanes.entry(slug).or_insert_with(lane);
        }
        Ok(lanes.keys().cloned().collect())
    }

    fn lane(&self, provider: &ProviderSlug) -> Option<Arc<Lane>> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.get(provider).cloned()
    }

    /// One refresh, to its end, whoever waits for it.
    fn refresh(
        &self,
        lease: LeasedRefresh,
        permit: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (app, resting, idle) = (
            self.app.clone(),
            Arc::clone(&self.resting),
            Arc::clone(&self.idle),
        );
        async move {
            // A fault of our own is logged where it is found.
            if let Ok(Outcome::Failed(error)) = refresh::run(&app, &lease).await
                && let RefreshFailure::Later(Some(wait)) = error.refresh_failure()
            {
                rest(&resting, &lease, app.now() + wait);
            }
            drop(permit);
            idle.notify_one();
        }
    }

    /// The apps that rest now; those that have rested are forgotten.
    fn resting(&self, now: DateTime<Utc>) -> Vec<OauthAppId> {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.retain(|_, until| *until > now);
        resting.keys().copied().collect()
    }
}

fn rest(resting: &Resting, lease: &LeasedRefresh, until: DateTime<Utc>) {
    tracing::warn!(oauth_app = %lease.oauth_app_id, provider = %lease.provider, %until, "the provider asks for patience");
    let mut resting = resting.lock().unwrap_or_else(PoisonError::into_inner);
    let known = resting.entry(lease.oauth_app_id).or_insert(until);
    *known = until.max(*known);
}

impl Lane {
    fn new(limits: RefreshLimits, now: DateTime<Utc>) -> Self {
        let concurrency = usize::try_from(limits.concurrency).unwrap_or(usize::MAX);
        Self {
            running: Arc::new(Semaphore::new(concurrency)),
            starts: Mutex::new(Starts {
                saved: f64::from(limits.rate),
                counted_at: now,
            }),
        }
    }

    /// As many permits as may be used now.
    fn permits(&self, limits: RefreshLimits, now: DateTime<Utc>) -> Vec<OwnedSemaphorePermit> {
        let mut starts = self.starts();
        starts.count(limits.rate, now);
        let mut permits = Vec::new();
        while starts.saved >= 1.0 {
            let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() else {
                break;
            };
            permits.push(permit);
            starts.saved -= 1.0;
        }
        permits
    }

    /// Permits that found nothing to do: the starts that they stand for are not used up.
    fn give_back(&self, permits: Vec<OwnedSemaphorePermit>) {
        let mut starts = self.starts();
        for permit in permits {
            starts.saved += 1.0;
            drop(permit);
        }
    }

    fn starts(&self) -> std::sync::MutexGuard<'_, Starts> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Starts {
    fn count(&mut self, rate: u32, now: DateTime<Utc>) {
        let elapsed = (now - self.counted_at).max(TimeDelta::zero());
        let rate = f64::from(rate);
        self.saved = (self.saved + elapsed.as_seconds_f64() * rate).min(rate);
        self.counted_at = now;
    }
}
