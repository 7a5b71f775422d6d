//! Logging in to Vault: lazily, again before the Vault token expires, and once more when it turns out to be dead.

use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use serde::Serialize;
use tokio::sync::Mutex;

use super::answer::Answer;
use super::error::VaultError;
use super::wire::{Auth, Request, Wire};
use crate::config::{VaultAuth, VaultStore};
use crate::secret::{SecretSource, Token};

/// A Vault token is replaced this long before its end, or a tenth of its life if that is shorter.
const SAFETY_MARGIN: Duration = Duration::from_secs(30);

/// More than a signed token takes up.
const LOGIN_BYTES: usize = 16 << 10;

/// The way in, and the Vault token that was last obtained.
pub(super) struct Session {
    wire: Wire,
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
        Ok(Self {
            wire: Wire::new(settings, http)?,
            auth: settings.auth.clone(),
            login: Mutex::new(None),
        })
    }

    /// The way to Vault.
    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Makes a request with a Vault token that is believed to live. An expired token and a policy's denial read the
    /// same; so when one is refused that may be dead, it logs in once more and tries again: what was refused had no
    /// effect.
    pub(super) async fn with<T, F>(&self, request: impl Fn(HeaderValue) -> F) -> Result<T, Answer>
    where
        F: Future<Output = Result<T, Answer>>,
    {
        let first = self.lease(None).await?;
        let answer = match request(header(&first.token)?).await {
            Err(answer) if answer.is_denied() && !first.is_new => answer,
            other => return other,
        };
        if !self.may_be_dead(&first.token).await {
            return Err(answer);
        }
        let second = self.lease(Some(first.number)).await?;
        request(header(&second.token)?).await
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
                let Ok(token) = header(token) else { return false };
                let asked = Request::get("auth/token/lookup-self");
                let reply = self.wire.send(Some(&token), asked).await;
                reply.and_then(|reply| reply.success()).is_err()
            }
        }
    }

    /// A Vault token from its source or from a login, and how long it lives if that is known.
    async fn log_in(&self) -> Result<(Token, Option<Duration>), Answer> {
        let (mount, secret, body) = match &self.auth {
            VaultAuth::Token(source) => return Ok((read(source).await?, None)),
            VaultAuth::AppRole { role_id, secret_id, mount } => {
                let secret = read(secret_id).await?;
                let body = secret.lend(|text| text_of(&AppRole { role_id, secret_id: text }));
                (mount, secret, body)
            }
            // Kubernetes' login is the same request as that of a JWT; only who checks the token differs.
            VaultAuth::SignedToken { method: _, role, mount, token_file } => {
                let secret = read(&SecretSource::File(token_file.clone())).await?;
                let body = secret.lend(|text| text_of(&Jwt { role, jwt: text }));
                (mount, secret, body)
            }
        };
        let request = Request::post(format!("auth/{mount}/login"), body?);
        let reply = self.wire.send(None, request).await;
        let auth = reply.and_then(|reply| reply.auth());
        let Auth { client_token, lease_duration } = auth.map_err(|answer| {
            Answer::LoginRefused(Box::new(secret.lend(|text| answer.without(text))))
        })?;
        let token = Token::new(&client_token.0).map_err(Answer::Unusable)?;
        tracing::debug!("logged in to Vault");
        Ok((token, (lease_duration > 0).then(|| Duration::from_secs(lease_duration))))
    }
}

#[derive(Serialize)]
struct AppRole<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

#[derive(Serialize)]
struct Jwt<'a> {
    role: &'a str,
    jwt: &'a str,
}

/// The JSON text of a login, with the room that it needs, so that no copy of the secret stays behind.
fn text_of(login: &impl Serialize) -> Result<Zeroizing<String>, Answer> {
    let mut text = Zeroizing::new(Vec::with_capacity(LOGIN_BYTES));
    serde_json::to_writer(&mut *text, login).ok();
    let text = String::from_utf8(std::mem::take(&mut *text)).map(Zeroizing::new);
    text.map_err(|_| Answer::Unreachable("the login could not be written".to_owned()))
}

/// The header that carries a Vault token, where it is one that can.
fn header(token: &Token) -> Result<HeaderValue, Answer> {
    token.header("").map_err(Answer::Unusable)
}

async fn read(source: &SecretSource) -> Result<Token, Answer> {
    let source = source.clone();
    tokio::task::spawn_blocking(move || source.read())
        .await
        .map_err(|_| Answer::Unreachable("the login was cut short".to_owned()))?
        .map_err(Answer::Login)
}
