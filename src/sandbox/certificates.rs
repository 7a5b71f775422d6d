//! The sandbox's own certificate authority, and the certificate of its Postgres endpoint.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::SandboxError;
use super::storage::{self, Privacy};

/// What Postgres clients and the endpoint need of the authority.
pub(super) struct Certificates {
    /// The authority's certificate, PEM.
    pub(super) ca_file: PathBuf,
    /// The endpoint's TLS settings.
    pub(super) server: Arc<ServerConfig>,
}

/// Takes the authority that `dir` holds, or makes one there, and has it sign a new certificate for the endpoint.
pub(super) fn prepare(dir: &Path) -> Result<Certificates, SandboxError> {
    let ca_file = dir.join("ca.pem");
    let key = authority_key(&dir.join("ca-key.pem"), &ca_file)?;
    let issuer = Issuer::new(authority(), key);

    let mut leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
        .map_err(SandboxError::Certificate)?;
    leaf.distinguished_name.push(DnType::CommonName, "pintail sandbox");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf_key = KeyPair::generate().map_err(SandboxError::Certificate)?;
    let certificate = leaf.signed_by(&leaf_key, &issuer).map_err(SandboxError::Certificate)?;

    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], private)
        })
        .map_err(SandboxError::Tls)?;
    // Clients that skip the negotiation of TLS (`sslnegotiation=direct`) insist on it.
    server.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(Certificates { ca_file, server: Arc::new(server) })
}

fn authority_key(key_file: &Path, ca_file: &Path) -> Result<KeyPair, SandboxError> {
    if let (Some(pem), true) = (storage::read(key_file)?, ca_file.exists()) {
        return KeyPair::from_pem(&pem).map_err(SandboxError::Certificate);
    }
    let key = KeyPair::generate().map_err(SandboxError::Certificate)?;
    let certificate = authority().self_signed(&key).map_err(SandboxError::Certificate)?;
    storage::write(key_file, key.serialize_pem().as_bytes(), Privacy::Private)?;
    storage::write(ca_file, certificate.pem().as_bytes(), Privacy::Public)?;
    Ok(key)
}

/// The same at every start, so that the key is all that must be kept to sign as the same authority.
fn authority() -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = rcgen::DistinguishedName::new();
    authority.distinguished_name.push(DnType::CommonName, "pintail sandbox authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
}
