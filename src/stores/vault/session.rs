//! Logging in to Vault: lazily, again before the Vault token expires, and once more when it turns out to be dead.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use vaultrs::api::auth::approle::requests::LoginWithApproleRequest;
use vaultrs::api::auth::kubernetes::requests::LoginWithKubernetesRequest;
use vaultrs::api::auth::oidc::requests::JWTLoginRequest;
use vaultrs::api::token::requests::{LookupTokenSelfRequest, RevokeTokenSelfRequest};

use super::answer::Answer;
use super::error::{LOOKS_WRAPPED, VaultError};
use super::reply::Auth;
use super::request::WithText;
use super::wire::Wire;
use crate::secret::{SecretSource, Token};
use crate::stores::settings::{SignedTokenMethod, VaultAuth, VaultStore};

/// A Vault token is replaced this long before its end, or a tenth of its life if that is shorter.
const SAFETY_MARGIN: Duration = Duration::from_secs(30);

/// More than a signed token takes up.
const LOGIN_BYTES: usize = 16 << 10;

/// After this time no request is on its way with a Vault token that was replaced.
const LAST_REQUEST: Duration = Duration::from_mins(2);
/// So long it may take to give a Vault token back.
const LOGOUT_LIMIT: Duration = Duration::from_secs(3);
/// What gives it back, as a policy names it.
pub(super) const LOGOUT_PATH: &str = "auth/token/revoke-self";

/// The way in, and the Vault token that was last obtained.
pub(super) struct Session {
    wire: Wire,
    auth: VaultAuth,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    login: Option<Login>,
    /// Vault tokens that were replaced, and when: requests may still be on their way with them.
    replaced: Vec<(Instant, Token)>,
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

/// The Vault tokens that are being given back.
static LOGOUTS: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Waits until Vault has taken back the tokens of the sessions that have ended, for a few seconds at most.
pub(in crate::stores) async fn logged_out() {
    LOGOUTS.close();
    let _ = timeout(LOGOUT_LIMIT, LOGOUTS.wait()).await;
}

/// Where the daemon goes over to another configuration, and at the end of a run: nobody else has any use for the token.
impl Drop for Session {
    fn drop(&mut self) {
        let Held { login, replaced } = std::mem::take(self.held.get_mut());
        let replaced = replaced.into_iter().map(|(_, token)| token);
        self.give_back(replaced.chain(login.map(|login| login.token)));
    }
}

/// Gives a Vault token back. That it fails costs nothing but a token that lives until it expires.
async fn log_out(wire: Wire, token: Token) {
    let Ok(header) = header(&token) else { return };
    let asked = async { wire.send(Some(&header), RevokeTokenSelfRequest {}).await?.success() };
    match timeout(LOGOUT_LIMIT, asked).await {
        Ok(Ok(())) => tracing::debug!("logged out of Vault"),
        Ok(Err(answer)) => tracing::debug!(error = answer.text(), "not logged out of Vault"),
        Err(_) => tracing::debug!("not logged out of Vault in time"),
    }
}

impl Session {
    pub(super) fn new(settings: &VaultStore, http: reqwest::Client) -> Result<Self, VaultError> {
        Ok(Self {
            wire: Wire::new(settings, http)?,
            auth: settings.auth.clone(),
            held: Mutex::default(),
        })
    }

    /// Gives back what it logged in for; what somebody put there is not its own.
    fn give_back(&self, tokens: impl Iterator<Item = Token>) {
        let Ok(runtime) = Handle::try_current() else { return };
        for token in tokens.filter(|_| self.logs_in()) {
            LOGOUTS.spawn_on(log_out(self.wire.clone(), token), &runtime);
        }
    }

    /// Whether its Vault tokens come from logins of its own.
    pub(super) fn logs_in(&self) -> bool {
        !matches!(self.auth, VaultAuth::Token(_))
    }

    /// How it logs in.
    pub(super) fn auth(&self) -> &VaultAuth {
        &self.auth
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
        let mut held = self.held.lock().await;
        if let Some(login) = held.login.as_ref()
            && dead != Some(login.number)
            && login.until.is_none_or(|until| Instant::now() < until)
        {
            let token = login.token.duplicate();
            return Ok(Lease { token, number: login.number, is_new: false });
        }
        let number = held.login.as_ref().map_or(0, |login| login.number + 1);
        let (token, lifetime) = self.log_in().await?;
        // Early enough that a request does not meet the end on its way.
        let until = lifetime.and_then(|life| {
            Instant::now().checked_add(life.saturating_sub((life / 10).min(SAFETY_MARGIN)))
        });
        let login = Login { token: token.duplicate(), until, number };
        if let Some(before) = held.login.replace(login) {
            held.replaced.push((Instant::now(), before.token));
        }
        let is_done = |(at, _): &mut (Instant, Token)| at.elapsed() >= LAST_REQUEST;
        let done = held.replaced.extract_if(.., is_done).map(|(_, token)| token);
        self.give_back(done);
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
                let reply = self.wire.send(Some(&token), LookupTokenSelfRequest {}).await;
                reply.and_then(|reply| reply.success()).is_err()
            }
        }
    }

    /// A Vault token from its source or from a login, and how long it lives if that is known.
    async fn log_in(&self) -> Result<(Token, Option<Duration>), Answer> {
        // What is sent is held until the answer was read: Vault's words may quote it.
        let (secret, reply) = match &self.auth {
            VaultAuth::Token(source) => return Ok((read(source).await?, None)),
            VaultAuth::AppRole { role_id, secret_id, mount } => {
                let secret = read(secret_id).await?;
                let text = secret.lend(|text| text_of(&AppRole { role_id, secret_id: text }))?;
                // The secret stands in the text alone: vaultrs would leave copies of it.
                let (mount, role_id, secret_id) = (mount.clone(), role_id.clone(), String::new());
                let request = LoginWithApproleRequest { mount, role_id, secret_id };
                (secret, self.wire.send(None, WithText { request, text }).await)
            }
            VaultAuth::SignedToken { method, role, mount, token_file } => {
                let secret = read(&SecretSource::File(token_file.clone())).await?;
                let text = secret.lend(|text| text_of(&Jwt { role, jwt: text }))?;
                let (mount, role, jwt) = (mount.clone(), role.clone(), String::new());
                let reply = match method {
                    SignedTokenMethod::Kubernetes => {
                        let request = LoginWithKubernetesRequest { mount, role, jwt };
                        self.wire.send(None, WithText { request, text }).await
                    }
                    SignedTokenMethod::Jwt => {
                        let request = JWTLoginRequest { mount, jwt, role: Some(role) };
                        self.wire.send(None, WithText { request, text }).await
                    }
                };
                (secret, reply)
            }
        };
        let auth = reply.and_then(|reply| reply.auth());
        let Auth { client_token, lease_duration } = auth.map_err(|mut answer| {
            let is_app_role = matches!(self.auth, VaultAuth::AppRole { .. });
            if let Answer::Status { status: 400, errors } = &mut answer
                && is_app_role
                && secret.lend(is_like_a_token)
            {
                errors.push(LOOKS_WRAPPED.to_owned());
            }
            Answer::LoginRefused(Box::new(answer))
        })?;
        let token = Token::new(&client_token.0).map_err(Answer::Unusable)?;
        tracing::debug!("logged in to Vault");
        Ok((token, (lease_duration > 0).then(|| Duration::from_secs(lease_duration))))
    }
}

/// Whether a text begins as Vault's tokens do. Secret IDs are UUIDs, unless somebody chose another text.
fn is_like_a_token(text: &str) -> bool {
    ["hvs.", "hvb.", "s.", "b."].iter().any(|prefix| text.starts_with(prefix))
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
    source.fetch().await.map_err(Answer::Login)
}
