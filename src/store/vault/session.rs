//! Logging in to Vault: lazily, again before the Vault token expires, and once more when it turns out to be dead.

use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderValue};
use tokio::sync::Mutex;
use vaultrs::api::{AuthInfo, EndpointMiddleware};
use vaultrs::client::{VaultClient, VaultClientSettings};

use super::answer::Answer;
use super::error::VaultError;
use crate::config::{SignedTokenMethod, VaultAuth, VaultStore};
use crate::secret::{SecretSource, Token};

/// A Vault token is replaced this long before its end, or a tenth of its life if that is shorter.
const SAFETY_MARGIN: Duration = Duration::from_secs(30);

/// The way in, and the Vault token that was last obtained.
pub(super) struct Session {
    http: reqwest::Client,
    address: url::Url,
    namespace: Option<String>,
    auth: VaultAuth,
    login: Mutex<Option<Login>>,
}

struct Login {
    token: Token,
    /// When to log in again without being told to; never, for a token that does not expire.
    until: Option<Instant>,
    /// Which login of this session it is, so that of several callers that are refused at once only one logs in anew.
    number: u64,
}

/// A Vault token for one request.
struct Lease {
    token: Token,
    number: u64,
    /// Whether the login was made for this request.
    is_new: bool,
}

impl Session {
    pub(super) fn new(settings: &VaultStore, http: reqwest::Client) -> Result<Self, VaultError> {
        if let Some(namespace) = &settings.namespace
            && HeaderValue::from_str(namespace).is_err()
        {
            return Err(VaultError::Text { what: "namespace", text: namespace.clone() });
        }
        Ok(Self {
            http,
            address: settings.address.clone(),
            namespace: settings.namespace.clone(),
            auth: settings.auth.clone(),
            login: Mutex::new(None),
        })
    }

    /// Makes a request with a Vault token that is believed to live. An expired token and a policy's denial read the
    /// same; so when one is refused that may be dead, it logs in once more and tries again: what was refused had no
    /// effect.
    pub(super) async fn with<T, F>(&self, request: impl Fn(VaultClient) -> F) -> Result<T, Answer>
    where
        F: Future<Output = Result<T, Answer>>,
    {
        let first = self.lease(None).await?;
        let answer = match request(self.client(&first.token)?).await {
            Err(answer) if answer.is_denied() && !first.is_new => answer,
            other => return other,
        };
        if !self.may_be_dead(&first.token).await {
            return Err(answer);
        }
        let second = self.lease(Some(first.number)).await?;
        request(self.client(&second.token)?).await
    }

    /// The Vault token in hand, or one from a login now if there is none, it nears its end, or it is number `dead`.
    async fn lease(&self, dead: Option<u64>) -> Result<Lease, Answer> {
        let mut held = self.login.lock().await;
        if let Some(login) = held.as_ref()
            && dead != Some(login.number)
            && login.until.is_none_or(|until| Instant::now() < until)
        {
            let token = login.token.duplicate();
            return Ok(Lease { token, number: login.number, is_new: false });
        }
        let number = held.as_ref().map_or(0, |login| login.number + 1);
        let (token, lifetime) = self.log_in().await?;
        // Early enough that a request does not meet the end on its way.
        let until = lifetime.and_then(|life| {
            Instant::now().checked_add(life.saturating_sub((life / 10).min(SAFETY_MARGIN)))
        });
        *held = Some(Login { token: token.duplicate(), until, number });
        Ok(Lease { token, number, is_new: true })
    }

    /// Whether a Vault token that was refused deserves another login, rather than its policy another look.
    async fn may_be_dead(&self, token: &Token) -> bool {
        match &self.auth {
            // Another login only helps where somebody has put another token there.
            VaultAuth::Token(source) => {
                read(source).await.is_ok_and(|now| now.sha256() != token.sha256())
            }
            VaultAuth::AppRole { .. } | VaultAuth::SignedToken { .. } => {
                let Ok(client) = self.client(token) else { return false };
                vaultrs::token::lookup_self(&client).await.is_err()
            }
        }
    }

    /// A Vault token from its source or from a login, and how long it lives if that is known.
    async fn log_in(&self) -> Result<(Token, Option<Duration>), Answer> {
        let client = self.bare_client(String::new());
        let (secret, outcome) = match &self.auth {
            VaultAuth::Token(source) => return Ok((read(source).await?, None)),
            VaultAuth::AppRole { role_id, secret_id, mount } => {
                let secret = read(secret_id).await?;
                let text = secret.lend(str::to_owned);
                let login = vaultrs::auth::approle::login(&client, mount, role_id, &text).await;
                (secret, login)
            }
            VaultAuth::SignedToken { method, role, mount, token_file } => {
                let secret = read(&SecretSource::File(token_file.clone())).await?;
                let text = secret.lend(str::to_owned);
                let login = match method {
                    SignedTokenMethod::Kubernetes => {
                        vaultrs::auth::kubernetes::login(&client, mount, role, &text).await
                    }
                    SignedTokenMethod::Jwt => {
                        vaultrs::auth::oidc::login(&client, mount, &text, Some(role.clone())).await
                    }
                };
                (secret, login)
            }
        };
        let AuthInfo { client_token, lease_duration, .. } = outcome.map_err(|error| {
            let answer = secret.lend(|text| Answer::from(error).without(text));
            Answer::LoginRefused(Box::new(answer))
        })?;
        let token = Token::new(&client_token).map_err(Answer::Unusable)?;
        tracing::debug!("logged in to Vault");
        Ok((token, (lease_duration > 0).then(|| Duration::from_secs(lease_duration))))
    }

    /// A client that carries `token`, once it is known to fit into a header: vaultrs panics where it does not.
    fn client(&self, token: &Token) -> Result<VaultClient, Answer> {
        token.header("").map_err(Answer::Unusable)?;
        Ok(self.bare_client(token.lend(str::to_owned)))
    }

    /// Made of its public parts: `VaultClient::new` would follow redirects, and with them send the Vault token to
    /// another host; and its settings' builder reads the environment.
    fn bare_client(&self, token: String) -> VaultClient {
        VaultClient {
            http: rustify::clients::reqwest::Client::new(self.address.as_str(), self.http.clone()),
            middle: EndpointMiddleware {
                token,
                version: "v1".to_owned(),
                wrap: None,
                namespace: self.namespace.clone(),
            },
            settings: VaultClientSettings {
                address: self.address.clone(),
                ca_certs: vec![],
                identity: None,
                timeout: None,
                token: String::new(),
                verify: true,
                version: 1,
                wrapping: false,
                namespace: None,
                proxy: None,
            },
        }
    }
}

/// The headers of a request that vaultrs has no endpoint for.
pub(super) fn headers(client: &VaultClient) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-vault-request", HeaderValue::from_static("true"));
    if let Ok(mut token) = HeaderValue::from_str(&client.middle.token) {
        token.set_sensitive(true);
        headers.insert("x-vault-token", token);
    }
    if let Some(Ok(namespace)) = client.middle.namespace.as_deref().map(HeaderValue::from_str) {
        headers.insert("x-vault-namespace", namespace);
    }
    headers
}

async fn read(source: &SecretSource) -> Result<Token, Answer> {
    let source = source.clone();
    tokio::task::spawn_blocking(move || source.read())
        .await
        .map_err(|_| Answer::Unreachable("the login was cut short".to_owned()))?
        .map_err(Answer::Login)
}
