//! Tests over running sandboxes.

mod postgres;
mod rest;
mod restart;
mod switches;

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Options, Sandbox, start};
use crate::tls::{Roots, http_client};

/// A running sandbox and a client.
struct Bench {
    sandbox: Sandbox,
    client: reqwest::Client,
    admin_token: String,
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }
}

impl Bench {
    async fn new(mut options: Options) -> Self {
        if options.accounts.is_empty() {
            options.accounts = vec!["etl_prod".parse().unwrap()];
        }
        let sandbox = start(options).await.unwrap();
        let ready = sandbox.ready();
        let client =
            http_client(Roots::Only(&ready.ca_file), None, Duration::from_secs(10)).unwrap();
        let admin_token = std::fs::read_to_string(&ready.admin_token_file).unwrap();
        Self { sandbox, client, admin_token }
    }

    async fn try_ask_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Reply, reqwest::Error> {
        let url = format!("{}{path}", self.sandbox.ready().api_url);
        let mut request = self.client.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Reply { status, headers, text: response.text().await? })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.try_ask_as(&self.admin_token, method, path, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Creates a token for `etl_prod`: its ID and its text.
    async fn token(&self, body: Value) -> (String, String) {
        let reply = self.post("/v1/users/etl_prod/tokens", body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let text = |key| reply.json()[key].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    async fn revoke(&self, id: &str) -> Reply {
        self.ask(Method::DELETE, &format!("/v1/users/etl_prod/tokens/{id}"), None).await
    }

    async fn listed(&self) -> Vec<String> {
        let reply = self.get("/v1/users/etl_prod/tokens").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let tokens = reply.json()["tokens"].as_array().unwrap().clone();
        tokens.iter().map(|token| token["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn change(&self, change: Value) {
        let reply = self.post("/_sandbox/faults", change).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    async fn plan(&self, fault: Value) {
        self.change(json!({ "fail_next": [fault] })).await;
    }

    async fn events(&self, kind: &str) -> Vec<Value> {
        let events = self.get("/_sandbox/events").await.json()["events"].clone();
        events.as_array().unwrap().iter().filter(|event| event["kind"] == kind).cloned().collect()
    }
}
