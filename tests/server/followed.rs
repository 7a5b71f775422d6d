//! A daemon that follows its configuration, and what it shows.

use std::collections::BTreeSet;

use pintail::config::Files;
use pintail::daemon::reload_signal;

use super::*;

/// A daemon in this process that follows the file that it was started with.
pub struct Followed {
    pub bench: Bench,
    pub shown: Shown,
    file: PathBuf,
}

impl Followed {
    /// With `more` at the end of the configuration.
    pub async fn start(more: &str) -> Self {
        let bench = Bench::new().await;
        let file = bench.dir.join("pintail.toml");
        write(&bench, &file, more);
        let files = Files::new(vec![file.clone()], []);
        let as_of = files.fingerprint();
        let config = Arc::new(files.load().unwrap());
        let daemon = Daemon::open(config.clone()).await.unwrap();
        let daemon = daemon.following(files, as_of, reload_signal().unwrap());
        let shown = bench.show(daemon, &config).await;
        Self { bench, shown, file }
    }

    /// Changes the end of the configuration, and waits until that is taken over.
    pub async fn reload(&self, more: &str) {
        let at = ["pintail_config_last_reload_success_timestamp_seconds"];
        let before = self.shown.metric(&at).await.unwrap();
        write(&self.bench, &self.file, more);
        self.shown.until("it is taken over", &at, |at| at > before).await;
    }

    /// Waits until `credential` is in `state`, and gives what `/status.json` tells of it.
    pub async fn until_state(&self, credential: &str, state: &str) -> Value {
        let begun = Instant::now();
        loop {
            let status: Value =
                serde_json::from_str(&self.shown.get("/status.json").await.1).unwrap();
            let all = status["credentials"].as_array().unwrap();
            let one = all.iter().find(|one| one["name"] == credential).cloned();
            if let Some(one) = one.as_ref().filter(|one| one["state"] == state) {
                return one.clone();
            }
            assert!(begun.elapsed() < PATIENCE, "{credential} is not {state}: {one:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The text of the token at `path`, as a consumer reads it.
    pub fn token(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.bench.dir.join("secrets").join(path).join("token")).ok()
    }

    /// Whether the service accepts the token at `path`.
    pub async fn connects(&self, path: &str) -> bool {
        let Some(token) = self.token(path) else { return false };
        let url = format!("{}/v1/users/etl_prod/tokens", self.bench.sandbox.ready().api_url);
        let request = self.bench.client.get(url).bearer_auth(token.trim());
        // A Member may not list, and a token that is gone is not known.
        request.send().await.unwrap().status() != 401
    }

    /// The names of the living tokens of an account.
    pub async fn living(&self, account: &str) -> BTreeSet<String> {
        let url = format!("{}/v1/users/{account}/tokens", self.bench.sandbox.ready().api_url);
        let admin = std::fs::read_to_string(&self.bench.sandbox.ready().admin_token_file).unwrap();
        let request = self.bench.client.get(url).bearer_auth(admin.trim());
        let list: Value = request.send().await.unwrap().json().await.unwrap();
        let tokens = list["tokens"].as_array().unwrap().iter();
        tokens.map(|token| token["name"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn stop(self) {
        self.shown.stop().await;
        self.bench.sandbox.stop().await;
    }
}

fn write(bench: &Bench, file: &Path, more: &str) {
    drop(bench.config(more));
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text.replace("[daemon]", "[daemon]\nwatch = \"1s\"")).unwrap();
}
