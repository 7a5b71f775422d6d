//! The SDK's client, with everything set that it would else take from its defaults.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{Builder, RuntimeComponents};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use super::bounded::Bounded;
use super::error::AwsError;
use crate::http::settings::Proxy;
use crate::http::skew::Skew;
use crate::stores::settings::AwsStore;
use crate::tls::{Roots, root_store};

/// Where EC2, ECS and EKS hand out credentials.
const METADATA: &str = "169.254.169.254,169.254.170.2,169.254.170.23,fd00:ec2::254,fd00:ec2::23";

/// Refuses what would fail, or silently trust nobody, at the first request.
pub(super) fn check(settings: &AwsStore) -> Result<(), AwsError> {
    if is_plain(settings) {
        return Ok(());
    }
    root_store(Roots::System)?;
    Ok(())
}

/// A client by the SDK's own credential chain, and the role to assume if there is one. The chain may ask the network
/// (for a region, for credentials), so this is done at the first request.
pub(super) async fn client(settings: &AwsStore, skew: &Arc<Skew>) -> Result<Client, AwsError> {
    // On a system without roots, the SDK's client for a plain stand-in must not look for them.
    let roots = TrustStore::empty().with_native_roots(root_store(Roots::System).is_ok());
    let tls = TlsContext::builder()
        .with_trust_store(roots)
        .build()
        .map_err(|error| AwsError::Http(error.to_string()))?;
    let proxy = proxy(&settings.proxy)?;
    let http = aws_smithy_http_client::Builder::new().build_with_connector_fn(
        move |settings, components| {
            let mut connector = Connector::builder()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .tls_context(tls.clone())
                .proxy_config(proxy.clone());
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            connector.build()
        },
    );
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(Bounded { http, skew: Arc::clone(skew) })
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                .read_timeout(Duration::from_secs(20))
                .operation_attempt_timeout(Duration::from_secs(20))
                .operation_timeout(Duration::from_secs(50))
                .build(),
        );
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let shared = loader.load().await;
    if shared.region().is_none() {
        return Err(AwsError::NoRegion);
    }
    let mut config = Builder::from(&shared);
    if let Some(role) = &settings.role_arn {
        let provider = AssumeRoleProvider::builder(role)
            .configure(&shared)
            .session_name("pintail")
            .build()
            .await;
        config = config.credentials_provider(provider);
    }
    if let Some(url) = &settings.endpoint_url {
        config = config.endpoint_url(url.as_str());
    }
    Ok(Client::from_conf(config.build()))
}

/// The way out. What answers at an address of the machine's own, with credentials for example, is asked directly.
fn proxy(settings: &Proxy) -> Result<ProxyConfig, AwsError> {
    match settings {
        Proxy::None => Ok(ProxyConfig::disabled()),
        Proxy::Environment => Ok(ProxyConfig::from_env()),
        Proxy::At(url) => ProxyConfig::all(url.as_str())
            .map(|proxy| proxy.no_proxy(METADATA))
            .map_err(|error| AwsError::Http(error.to_string())),
    }
}

fn is_plain(settings: &AwsStore) -> bool {
    settings.endpoint_url.as_ref().is_some_and(|url| url.scheme() == "http")
}
