//! `/v1/credentials`: list, read, change, import, export.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{
    client::{Client, send},
    support::{Gateway, TestApp},
};

const PATH: &str = "/v1/credentials";

/// A credential of the lab, connected by a flow, and its properties in clear.
async fn connected(gateway: &Gateway, app: &TestApp) -> (String, Value) {
    let code = gateway.code(app, &[]).await;
    let answer = gateway.redeem(app, &code).await.json();
    let credential = &answer["credential"];
    let id = credential["id"].as_str().expect("an id").to_owned();
    (id, credential["properties"].clone())
}

fn import(app: &TestApp) -> Value {
    json!({
        "oauth_app_id": app.id,
        "properties": {
            "kind": "linear_oauth2",
            "access_token": "canary-access-token",
            "refresh_token": "canary-refresh-token",
            "expires_at": "2030-01-01T00:00:00Z",
            "scope": "read",
            "linear_org_id": "org-7",
            "linear_org_name": "Arrakis Inc.",
        },
        "name": "Main workspace",
        "metadata": {"team": 7},
        "end_user": {"id": "user-7", "email": "u@client.example"},
    })
}

fn import_of_salesforce(app: &TestApp) -> Value {
    json!({
        "oauth_app_id": app.id,
        "properties": {
            "kind": "salesforce_oauth2",
            "access_token": "canary-access-token",
            "refresh_token": "canary-refresh-token",
            "instance_url": "https://acme.my.salesforce.com",
            "scope": "api openid refresh_token",
            "salesforce_org_id": "00D7x0000001gPFEAY",
            "salesforce_user_id": "0057x000001hQkJAAU",
            "id_url": "https://login.salesforce.com/id/00D7x0000001gPFEAY/0057x000001hQkJAAU",
            "login_host": "login.salesforce.com",
            "sandbox": false,
        },
        "name": "Production org",
        "metadata": {"team": 7},
        "end_user": {"id": "user-7"},
    })
}

mod reading {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_credential_is_shown_masked_with_its_app() {
        let gateway = Gateway::start().await;
        let client = Client::new(&gateway).await;
        let app = gateway.register("linear").await;
        let (id, properties) = connected(&gateway, &app).await;
        let answer = client.get(&format!("{PATH}/{id}")).await;
        let shown = answer.ok(200);
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(
            (&shown["provider"], &shown["kind"]),
            (&json!("linear"), &json!("linear_oauth2"))
        );
        assert_eq!(shown["oauth_app"]["id"], json!(app.id));
        assert_eq!(shown["oauth_app"]["client_secret"], "***********");
        assert_eq!(shown["properties"]["kind"], "linear_oauth2");
        assert_eq!(shown["properties"]["access_token"], "***********");
        assert_eq!(shown["properties"]["refresh_token"], "***********");
        assert_eq!(
            shown["properties"]["linear_org_id"],
            properties["linear_org_id"]
        );
        assert_eq!(shown["health"]["status"], "ok");
        assert_eq!(shown["health"]["notes"], json!([]));
        assert!(shown["expires_at"].is_string());
        let list = client.get(PATH).await.ok(200);
        assert_eq!(list["data"], json!([shown]));
        let unknown = format!("{PATH}/01a20065-dfc8-7e73-b2cb-14f045897831");
        client
            .get(&unknown)
            .await
            .assert_refused(404, "no such credential");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_filter_finds_its_own() {
        let gateway = Gateway::start().await;
        let client = Client::new(&gateway).await;
        let app = gateway.register("linear").await;
        let stripe = gateway.register("stripe").await;
        connected(&gateway, &stripe).await;
        gateway.clock.advance(TimeDelta::seconds(1));
        let found = client.post(PATH, &import(&app)).await.ok(201);
        gateway
            .sql("UPDATE credentials SET health_status = 'error' WHERE provider = 'linear'")
            .await;
        for query in [
            "provider=linear".to_owned(),
            "kind=linear_oauth2".to_owned(),
            format!("oauth_app_id={}", app.id),
            "health.status=error".to_owned(),
            "end_user_id=user-7".to_owned(),
            "metadata=%7B%22team%22:7%7D".to_owned(),
        ] {
            let list = client.get(&format!("{PATH}?{query}")).await.ok(200);
            let ids: Vec<&Value> = list["data"]
                .as_array()
                .expect("rows")
                .iter()
                .map(|row| &row["id"])
                .collect();
            assert_eq!(ids, [&found["id"]], "{query}");
        }
        let page = client.get(&format!("{PATH}?limit=1")).await.ok(200);
        let cursor = page["next_cursor"].as_str().expect("another page");
        let rest = client
            .get(&format!("{PATH}?limit=1&cursor={cursor}"))
            .await
            .ok(200);
        assert_eq!(rest["data"][0]["provider"], "stripe", "newest first");
        assert_eq!(rest["next_cursor"], json!(null));
        for bad in ["health.status=fine", "oauth_app_id=x", "end_user_id="] {
            assert_eq!(
                client.get(&format!("{PATH}?{bad}")).await.status,
                400,
                "{bad}"
            );
        }
        for field in ["kind", "end_user_id"] {
            let answer = client.get(&format!("{PATH}?{field}=%00")).await;
            answer.assert_invalid(&[field]);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_another_account_nothing_is_seen_or_changed() {
        let gateway = Gateway::start().await;
        let app = gateway.register("linear").await;
        let (id, _) = connected(&gateway, &app).await;
        let stranger = gateway.other_account().await;
        let stranger = Client::of(
            &gateway,
            stranger,
            "credentials:read,credentials:write,credentials:token",
        )
        .await;
        let path = format!("{PATH}/{id}");
        assert_eq!(stranger.get(PATH).await.ok(200), json!({"data": []}));
        stranger.get(&path).await.assert_refused(404, "no such");
        stranger
            .patch(&path, &json!({"name": "x"}))
            .await
            .assert_refused(404, "no such");
        stranger
            .post(PATH, &import(&app))
            .await
            .assert_invalid(&["oauth_app_id"]);
        let export = stranger.get(&format!("{PATH}/export")).await;
        assert_eq!((export.status, export.body.as_str()), (200, ""));
    }
}

mod changing {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn name_and_metadata_change_under_the_revision() {
        let gateway = Gateway::start().await;
        let client = Client::new(&gateway).await;
        let app = gateway.register("linear").await;
        let (id, _) = connected(&gateway, &app).await;
        let path = format!("{PATH}/{id}");
        let body = json!({"name": "Main", "metadata": {"team": 7}});
        let request = client.request("PATCH", &path).header("if-match", "\"1\"");
        let answer = send(request.json(&body)).await;
        let shown = answer.ok(200);
        assert_eq!(answer.header("etag"), Some("\"2\""));
        assert_eq!(
            (&shown["name"], &shown["metadata"]["team"]),
            (&json!("Main"), &json!(7))
        );
        let request = client.request("PATCH", &path).header("if-match", "\"1\"");
        send(request.json(&body))
            .await
            .assert_refused(412, "If-Match");
        let shown = client.patch(&path, &json!({"name": null})).await.ok(200);
        assert_eq!(
            (&shown["name"], &shown["metadata"]["team"]),
            (&json!(null), &json!(7))
        );
        let kinds = gateway
            .sql("SELECT kind FROM events WHERE credential_id IS NOT NULL ORDER BY position")
            .await;
        assert_eq!(
            kinds,
            [
                "credential.created",
                "credential.updated",
                "credential.updated"
            ]
        );
        for (field, value) in [
            ("name", json!("")),
            ("name", json!("a\0")),
            // Postgres would give it back as a number that no float can hold.
            ("metadata", json!({"a": f64::MAX})),
            ("metadata", json!({"\0": 1})),
        ] {
            let answer = client.patch(&path, &json!({field: value})).await;
            answer.assert_invalid(&[field]);
        }
        let answer = client.patch(&path, &json!({"properties": {}})).await;
        answer.assert_refused(400, "the documented fields");
    }
}

mod importing {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_import_is_a_credential_and_another_of_the_same_org_renews_it() {
        let gateway = Gateway::start().await;
        let client = Client::new(&gateway).await;
        let app = gateway.register("salesforce").await;
        let first = client.post(PATH, &import_of_salesforce(&app)).await;
        let created = first.ok(201);
        assert_eq!(first.header("etag"), Some("\"1\""));
        assert_eq!(created["properties"]["access_token"], "***********");
        assert_eq!(created["name"], "Production org");
        assert_eq!(created["end_user"]["id"], "user-7");
        let mut again = import_of_salesforce(&app);
        // Another user of the org, and another of its hosts.
        again["properties"]["salesforce_user_id"] = json!("0057x000002bBbBAAU");
        again["properties"]["login_host"] = json!("acme.my.salesforce.com");
        again["properties"]["access_token"] = json!("canary-newer-token");
        for member in ["name", "metadata", "end_user"] {
            again.as_object_mut().expect("an object").remove(member);
        }
        let second = client.post(PATH, &again).await;
        let renewed = second.ok(200);
        assert_eq!(second.header("etag"), Some("\"2\""));
        for member in ["id", "name", "metadata", "end_user", "created_at"] {
            assert_eq!(renewed[member], created[member], "{member} stays");
        }
        let mut other = import_of_salesforce(&app);
        other["properties"]["salesforce_org_id"] = json!("00D7x0000002hQGEAY");
        let other = client.post(PATH, &other).await.ok(201);
        assert_ne!(other["id"], created["id"], "another org");
        client
            .delete(&format!("{PATH}/{}", other["id"].as_str().expect("an id")))
            .await
            .ok(200);
        let export = client.get(&format!("{PATH}/export")).await;
        assert!(export.body.contains("canary-newer-token"));
        assert!(!export.body.contains("canary-access-token"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_imports_at_the_same_moment_are_one_credential() {
        let gateway = Gateway::start().await;
        let client = Client::new(&gateway).await;
        let app = gateway.register("salesforce").await;
        let body = import_of_salesforce(&app);
        let requests = (0..32).map(|_| client.post(PATH, &body));
        let answers = futures_util::future::join_all(requests).await;
        let created = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(created, 1);
        let id = answers[0].json()["id"].clone();
        for answer in &answers {
            assert!(
                matches!(answer.status, 200 | 201),
                "{answer:?} {}",
                answer.log()
            );
            assert_eq!(answer.json()["id"], id);
        }
        for (table, rows) in [("credentials", "1"), ("grants", "1")] {
            assert_eq!(
                gateway.sql(&format!("SELECT count(*) FROM {table}")).await,
                [rows],
                "{table}"
            );
        }
        let created = gateway
            .sql("SELECT count(*) FROM events WHERE kind = 'credential.created'")
            .await;
        assert_eq!(created, ["1"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_field_that_is_wrong_is_named() {
        let gateway = Gateway::start().await;
        let client = Client::new(&gateway).await;
        let app = gateway.register("linear").await;
        for (pointer, value, field) in [
            (
                "/oauth_app_id",
                json!("01a20065-dfc8-7e73-b2cb-14f045897831"),
                "oauth_app_id",
            ),
            (
                "/properties/kind",
                json!("stripe_oauth2"),
                "properties.kind",
            ),
            (
                "/properties/access_token",
                json!("***********"),
                "properties.access_token",
            ),
            (
                "/properties/refresh_token",
                json!(7),
                "properties.refresh_token",
            ),
            (
                "/properties/linear_org_id",
                json!("\0"),
                "properties.linear_org_id",
            ),
            ("/name", json!("\n"), "name"),
            ("/metadata", json!({"a": "\0"}), "metadata"),
            ("/end_user", json!({"id": ""}), "end_user.id"),
            (
                "/end_user",
                json!({"id": "a", "email": "\0"}),
                "end_user.email",
            ),
        ] {
            let mut body = import(&app);
            *body.pointer_mut(pointer).expect("a member") = value;
            client.post(PATH, &body).await.assert_invalid(&[field]);
        }
        assert_eq!(gateway.sql("SELECT count(*) FROM grants").await, ["0"]);
    }
}

mod deleting {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_credential_is_deleted_and_revoked() {
        let gateway = Gateway::start().await;
        let client = Client::new(&gateway).await;
        let app = gateway.register("linear").await;
        let (id, _) = connected(&gateway, &app).await;
        let path = format!("{PATH}/{id}");
        let stale = client.request("DELETE", &path).header("if-match", "\"9\"");
        send(stale).await.assert_refused(412, "If-Match");
        let deleted = client.delete(&path).await.ok(200);
        assert_eq!(
            (&deleted["id"], &deleted["deleted"]),
            (&json!(id), &json!(true))
        );
        assert_eq!(deleted["revocation"]["outcome"], "revoked");
        client.get(&path).await.assert_refused(404, "no such");
        client.delete(&path).await.assert_refused(404, "no such");
        let outcome = gateway
            .sql("SELECT data->'revocation'->>'outcome' FROM events WHERE kind = 'credential.deleted'")
            .await;
        assert_eq!(outcome, ["revoked"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_provider_makes_of_it_is_told() {
        let gateway = Gateway::start().await;
        let client = Client::new(&gateway).await;
        let app = gateway.register("linear").await;
        let imported = client.post(PATH, &import(&app)).await.ok(201);
        let path = format!("{PATH}/{}", imported["id"].as_str().expect("an id"));
        let deleted = client.delete(&path).await.ok(200);
        assert_eq!(
            deleted["revocation"]["outcome"], "failed",
            "no token of the lab's"
        );
    }
}

mod exporting {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_exported_can_be_imported() {
        let gateway = Gateway::start().await;
        let client = Client::new(&gateway).await;
        let app = gateway.register("linear").await;
        let imported = client.post(PATH, &import(&app)).await.ok(201);
        gateway.clock.advance(TimeDelta::seconds(1));
        let (_, properties) = connected(&gateway, &app).await;
        let answer = client.get(&format!("{PATH}/export")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let lines: Vec<Value> = answer
            .body
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["properties"], import(&app)["properties"]);
        assert_eq!(
            lines[0]["oauth_app"],
            json!({"provider": "linear", "client_id": app.client_id})
        );
        assert_eq!(lines[0]["end_user"], import(&app)["end_user"]);
        assert_eq!(lines[1]["properties"], properties);
        let body = json!({"oauth_app_id": app.id, "properties": lines[0]["properties"]});
        assert_eq!(client.post(PATH, &body).await.ok(200)["id"], imported["id"]);
        let audited = gateway
            .sql("SELECT actor_kind FROM audit_events WHERE action = 'credential.exported'")
            .await;
        assert_eq!(audited, ["api_token"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn more_credentials_than_a_page_are_all_there_once() {
        let gateway = Gateway::start().await;
        let client = Client::new(&gateway).await;
        let app = gateway.register("linear").await;
        for number in 0..205 {
            let mut body = import(&app);
            body["properties"]["linear_org_id"] = json!(format!("org-{number}"));
            client.post(PATH, &body).await.ok(201);
        }
        let export = client.get(&format!("{PATH}/export")).await;
        let mut organizations: Vec<String> = export
            .body
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).expect("JSON");
                line["properties"]["linear_org_id"].to_string()
            })
            .collect();
        organizations.sort();
        organizations.dedup();
        assert_eq!(organizations.len(), 205);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn secrets_are_exported_to_their_scope_only() {
        let gateway = Gateway::start().await;
        let reader = Client::with(&gateway, "credentials:read,credentials:write").await;
        let answer = reader.get(&format!("{PATH}/export")).await;
        answer.assert_refused(403, "lacks credentials:token");
        let audited = gateway
            .sql("SELECT count(*) FROM audit_events WHERE action = 'credential.exported'")
            .await;
        assert_eq!(audited, ["0"]);
    }
}
