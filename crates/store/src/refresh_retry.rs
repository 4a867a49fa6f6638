//! Refreshes that wait for another try.

use chrono::{DateTime, Utc};
use diesel::{dsl::case_when, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use keyway_domain::ids::OauthAppId;

use crate::schema::grants;

/// Makes the grants of an app that wait after a failure due: what they failed by may be mended.
pub(crate) async fn retry_at_once(
    connection: &mut AsyncPgConnection,
    app: OauthAppId,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let later = grants::refresh_at.gt(now);
    diesel::update(grants::table)
        .filter(grants::oauth_app_id.eq(app.uuid()))
        .filter(grants::retry_at.is_not_null())
        .set((
            grants::retry_at.eq(None::<DateTime<Utc>>),
            grants::refresh_at.eq(case_when(later, Some(now)).otherwise(grants::refresh_at)),
        ))
        .execute(connection)
        .await?;
    Ok(())
}
