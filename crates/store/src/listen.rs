//! Announcements: what one program tells the others through the database, so that they need not
//! ask all the time.

use std::{sync::Arc, time::Duration};

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::{Stream, StreamExt as _, stream};

use crate::{Store, StoreError, pool::Target};

/// What is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Deliveries are due.
    Webhooks,
    /// An admin asked for something.
    Jobs,
}

impl Channel {
    fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "keyway_webhooks",
            Self::Jobs => "keyway_jobs",
        }
    }

    /// Tells all who listen, when the transaction is committed.
    pub(crate) async fn announce(
        self,
        connection: &mut AsyncPgConnection,
    ) -> Result<(), diesel::result::Error> {
        diesel::sql_query(format!("NOTIFY {}", self.name()))
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// After a connection failed; doubled each time, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

struct Listener {
    target: Arc<Target>,
    channel: Channel,
    connection: Option<AsyncPgConnection>,
    pause: Duration,
}

impl Store {
    /// Yields once for each announcement, for ever, on a connection of its own that is made again
    /// whenever it breaks. Yields after each time that it is made, too: something may have been
    /// announced while nobody listened. An announcement is a hint, so look for work now and then
    /// without one.
    pub fn listen(&self, channel: Channel) -> impl Stream<Item = ()> + Send + Unpin + 'static {
        let listener = Listener {
            target: Arc::clone(&self.target),
            channel,
            connection: None,
            pause: PAUSE,
        };
        Box::pin(stream::unfold(listener, |mut listener| async {
            listener.next().await;
            Some(((), listener))
        }))
    }
}

impl Listener {
    async fn next(&mut self) {
        loop {
            let Some(connection) = &mut self.connection else {
                if self.connect().await {
                    return;
                }
                continue;
            };
            if announced(connection).await {
                return;
            }
            self.connection = None;
        }
    }

    /// Whether it listens now; it has waited a while if not. Whoever looks for work finds out, and
    /// says so, that the database is away.
    async fn connect(&mut self) -> bool {
        let Ok(connection) = self.subscribed().await else {
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            return false;
        };
        self.connection = Some(connection);
        self.pause = PAUSE;
        true
    }

    async fn subscribed(&self) -> Result<AsyncPgConnection, StoreError> {
        let connected = self.target.connect().await;
        let mut connection =
            connected.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        diesel::sql_query(format!("LISTEN {}", self.channel.name()))
            .execute(&mut connection)
            .await?;
        Ok(connection)
    }
}

/// Waits for an announcement; `false` if the connection breaks.
async fn announced(connection: &mut AsyncPgConnection) -> bool {
    let mut notifications = std::pin::pin!(connection.notifications_stream());
    matches!(notifications.next().await, Some(Ok(_)))
}
