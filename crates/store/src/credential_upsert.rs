//! From a grant to its credential: the part that every door shares, be it a redeemed code, an
//! import, or a flow that ends on a hosted page.

/// Common table expressions that create or renew the credential of a grant.
///
/// They read `granted`, one row of `grants` with `name`, `metadata` and the three columns of the end
/// user, each null to leave what is there. They yield `upserted (id, account_id, oauth_app_id,
/// provider, kind, external_id, superseded_grant_id)`. A credential that was there keeps its id and
/// gets the new grant, and is well again; the old grant is erased, and with it any refresh of it
/// that is under way: that one will find no row to write to.
///
/// The credential is locked before anything is written, so that what is told of its health is true.
///
/// The parameters are the placeholders of a fresh credential id, two fresh event ids, and now.
macro_rules! upsert_credential {
    ($id:literal, $event:literal, $recovery:literal, $now:literal) => {
        concat!(
            "known AS (
                SELECT c.health_status
                FROM granted JOIN credentials c USING (oauth_app_id, kind, external_id)
                FOR NO KEY UPDATE OF c
            ), upserted AS (
                INSERT INTO credentials (id, account_id, oauth_app_id, provider, kind, external_id, grant_id, name, metadata,
                                         end_user_id, end_user_email, end_user_name, health_at, created_at, updated_at)
                SELECT ", $id, ", account_id, oauth_app_id, provider, kind, external_id, id, name, coalesce(metadata, '{}'),
                       end_user_id, end_user_email, end_user_name, ", $now, ", ", $now, ", ", $now, "
                FROM granted LEFT JOIN known ON true
                ON CONFLICT (oauth_app_id, kind, external_id) DO UPDATE
                SET superseded_grant_id = credentials.grant_id,
                    grant_id = excluded.grant_id,
                    name = coalesce(excluded.name, credentials.name),
                    metadata = coalesce((SELECT metadata FROM granted), credentials.metadata),
                    end_user_id = coalesce(excluded.end_user_id, credentials.end_user_id),
                    end_user_email = CASE WHEN excluded.end_user_id IS NULL THEN credentials.end_user_email ELSE excluded.end_user_email END,
                    end_user_name = CASE WHEN excluded.end_user_id IS NULL THEN credentials.end_user_name ELSE excluded.end_user_name END,
                    revision = credentials.revision + 1,
                    health_status = 'ok', health_notes = '[]', health_at = excluded.health_at,
                    updated_at = excluded.updated_at
                RETURNING id, account_id, oauth_app_id, provider, kind, external_id, superseded_grant_id
            ), erased AS (
                DELETE FROM grants USING upserted WHERE grants.id = upserted.superseded_grant_id
            ), told AS (
                INSERT INTO events (id, account_id, kind, credential_id, oauth_app_id, data, created_at)
                SELECT news.id, account_id, news.kind, upserted.id, oauth_app_id,
                       jsonb_build_object('provider', provider, 'kind', upserted.kind, 'external_id', external_id), ", $now, "
                FROM upserted LEFT JOIN known ON true, LATERAL (VALUES
                    (1, ", $event, ", CASE WHEN superseded_grant_id IS NULL THEN 'credential.created' ELSE 'credential.updated' END),
                    (2, ", $recovery, ", 'credential.recovered')) AS news (number, id, kind)
                WHERE number = 1 OR known.health_status <> 'ok'
                ORDER BY number
            )"
        )
    };
}

pub(crate) use upsert_credential;
