//! The operations of `/openapi.json`, to be called one after the other.

use serde_json::{Value, json};

use crate::{
    client::{Client, send},
    support::{Answer, Gateway},
};

/// An operation of the document.
#[derive(Debug)]
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    pub described: Value,
}

impl Operation {
    /// Its path with ids of nothing in it.
    pub fn address(&self) -> String {
        let nothing = "01a20065-dfc8-7e73-b2cb-14f045897831";
        self.address_of(&[
            ("{id}", nothing),
            ("{delivery_id}", nothing),
            ("{secret_id}", nothing),
            ("{credential_id}", nothing),
            ("{client_id}", nothing),
            ("{path}", "x"),
            ("{slug}", "linear"),
            ("{provider}", "linear"),
            ("{token}", "x"),
        ])
    }

    /// Its path with these in it.
    pub fn address_of(&self, values: &[(&str, &str)]) -> String {
        let filled = values
            .iter()
            .fold(self.path.clone(), |path, (name, value)| {
                path.replace(name, value)
            });
        assert!(!filled.contains('{'), "{filled}");
        filled
    }

    pub fn scope(&self) -> Option<&str> {
        self.described.pointer("/security/0/api_token/0")?.as_str()
    }

    pub fn needs_token(&self) -> bool {
        self.described.pointer("/security/0/api_token").is_some()
    }

    pub fn takes_body(&self) -> bool {
        self.described.get("requestBody").is_some()
    }

    pub fn describes(&self, status: u16) -> bool {
        self.described["responses"]
            .get(status.to_string())
            .is_some()
    }

    /// The call for nothing that is there, with an empty body where one is taken.
    pub async fn call(&self, client: &Client<'_>) -> Answer {
        let mut request = client.request(&self.method, &self.address());
        if self.takes_body() {
            request = request.json(&json!({}));
        }
        send(request).await
    }
}

pub async fn document(gateway: &Gateway) -> Value {
    gateway
        .get(&format!("{}/openapi.json", gateway.base))
        .await
        .json()
}

pub async fn operations(gateway: &Gateway) -> Vec<Operation> {
    let document = document(gateway).await;
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, described) in item.as_object().expect("operations") {
            found.push(Operation {
                id: described["operationId"].as_str().expect("an id").to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                described: described.clone(),
            });
        }
    }
    assert!(found.len() > 30);
    found
}
