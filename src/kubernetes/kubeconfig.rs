//! A kubeconfig: which cluster and which user its context means, in the forms that need no plugin.

use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use url::Url;

use super::access::{Access, Authorities, Bearer};
use super::error::AccessError;
use crate::http::settings::Proxy;
use crate::secret::Token;
use crate::tls::settings::ClientCertificate;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    current_context: Option<String>,
    #[serde(default)]
    contexts: Vec<Named<Context>>,
    #[serde(default)]
    clusters: Vec<Named<Cluster>>,
    #[serde(default)]
    users: Vec<Named<User>>,
}

#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(alias = "context", alias = "cluster", alias = "user")]
    of: T,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    #[serde(default)]
    user: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[derive(Default)]
struct Cluster {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    insecure_skip_tls_verify: bool,
    proxy_url: Option<String>,
    tls_server_name: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct User {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    #[serde(rename = "client-certificate")]
    client_certificate: Option<PathBuf>,
    #[serde(rename = "client-key")]
    client_key: Option<PathBuf>,
    #[serde(rename = "client-certificate-data")]
    client_certificate_data: Option<String>,
    #[serde(rename = "client-key-data")]
    client_key_data: Option<String>,
    exec: Option<serde::de::IgnoredAny>,
    #[serde(rename = "auth-provider")]
    auth_provider: Option<serde::de::IgnoredAny>,
    username: Option<String>,
    #[serde(rename = "as")]
    impersonated: Option<String>,
}

/// Reads `path`, and makes files of the certificates that stand in it.
pub(super) fn read(path: &Path, context: Option<&str>) -> Result<Access, AccessError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| AccessError::File { path: path.to_owned(), source })?;
    let text = Zeroizing::new(text);
    Reader { path }.access(&text, context)
}

struct Reader<'a> {
    path: &'a Path,
}

impl Reader<'_> {
    fn wrong(&self, reason: impl Into<String>) -> AccessError {
        AccessError::Kubeconfig { path: self.path.to_owned(), reason: reason.into() }
    }

    fn access(&self, text: &str, context: Option<&str>) -> Result<Access, AccessError> {
        // The parser's own words would quote the text, tokens included.
        let file: File = serde_saphyr::from_str(text)
            .map_err(|_| self.wrong("it is not the YAML of a kubeconfig"))?;
        let wanted = context.or(file.current_context.as_deref()).unwrap_or_default();
        let context = self.named(&file.contexts, "context", wanted)?;
        let cluster = self.named(&file.clusters, "cluster", &context.cluster)?;
        let user = self.named(&file.users, "user", &context.user)?;
        let unused = [
            (cluster.insecure_skip_tls_verify, "insecure-skip-tls-verify"),
            (cluster.tls_server_name.is_some(), "tls-server-name"),
            (user.exec.is_some(), "exec"),
            (user.auth_provider.is_some(), "auth-provider"),
            (user.username.is_some(), "username"),
            (user.impersonated.is_some(), "as"),
        ];
        if let Some((_, key)) = unused.into_iter().find(|(is_there, _)| *is_there) {
            return Err(self.wrong(format!("pintail does not support `{key}`")));
        }
        let url = Url::parse(&cluster.server)
            .ok()
            .filter(|url| url.scheme() == "https" || crate::http::is_loopback(url))
            .ok_or_else(|| self.wrong("`server` is not an https URL"))?;
        let proxy = match cluster.proxy_url.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => url.parse().map_err(|_| {
                self.wrong("`proxy-url` is not the plain URL of an HTTP proxy, without a password")
            })?,
            None => Proxy::None,
        };
        let files = tempfile::tempdir()
            .map_err(|source| AccessError::File { path: std::env::temp_dir(), source })?;
        let authorities =
            match (&cluster.certificate_authority, &cluster.certificate_authority_data) {
                (_, Some(data)) => Authorities::File(self.unpack(&files, "ca.crt", data)?),
                (Some(path), None) => Authorities::File(self.beside(path)),
                (None, None) => Authorities::System,
            };
        Ok(Access {
            url,
            authorities,
            bearer: self.bearer(user)?,
            identity: self.identity(user, &files)?,
            proxy,
            _files: Some(files),
        })
    }

    fn bearer(&self, user: &User) -> Result<Bearer, AccessError> {
        Ok(match (&user.token, &user.token_file) {
            (Some(token), _) => Bearer::Fixed(
                Token::new(token).map_err(|error| self.wrong(format!("`token`: {error}")))?,
            ),
            (None, Some(path)) => Bearer::File(self.beside(path)),
            (None, None) => Bearer::None,
        })
    }

    fn identity(
        &self,
        user: &User,
        files: &tempfile::TempDir,
    ) -> Result<Option<ClientCertificate>, AccessError> {
        let cert = match (&user.client_certificate_data, &user.client_certificate) {
            (Some(data), _) => Some(self.unpack(files, "client.crt", data)?),
            (None, path) => path.as_ref().map(|path| self.beside(path)),
        };
        let key = match (&user.client_key_data, &user.client_key) {
            (Some(data), _) => Some(self.unpack(files, "client.key", data)?),
            (None, path) => path.as_ref().map(|path| self.beside(path)),
        };
        match (cert, key) {
            (Some(cert_file), Some(key_file)) => {
                Ok(Some(ClientCertificate { cert_file, key_file }))
            }
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                Err(self.wrong("a client certificate needs its key, and a key its certificate"))
            }
        }
    }

    fn named<'a, T>(
        &self,
        all: &'a [Named<T>],
        what: &str,
        name: &str,
    ) -> Result<&'a T, AccessError> {
        let found = all.iter().find(|one| one.name == name).map(|one| &one.of);
        found.ok_or_else(|| self.wrong(format!("it has no {what} {name:?}")))
    }

    /// Paths in a kubeconfig are relative to it.
    fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    fn unpack(
        &self,
        files: &tempfile::TempDir,
        name: &str,
        data: &str,
    ) -> Result<PathBuf, AccessError> {
        let bytes = STANDARD
            .decode(data.split_whitespace().collect::<String>())
            .map(Zeroizing::new)
            .map_err(|_| self.wrong(format!("what stands in it for {name} is not base64")))?;
        let path = files.path().join(name);
        let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
        made.and_then(|mut file| file.write_all(&bytes))
            .map_err(|source| AccessError::File { path: path.clone(), source })?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Diagnostic;

    const TEXT: &str = "
apiVersion: v1
kind: Config
current-context: here
contexts:
- name: here
  context: {cluster: one, user: token, namespace: etl}
- name: there
  context: {cluster: one, user: certificate}
- name: aws
  context: {cluster: one, user: plugin}
- name: open
  context: {cluster: open, user: token}
clusters:
- name: one
  cluster:
    server: https://10.0.0.1:6443
    certificate-authority-data: aGVsbG8=
- name: open
  cluster: {server: 'https://10.0.0.1:6443', insecure-skip-tls-verify: true}
users:
- name: token
  user: {tokenFile: pintail.token}
- name: certificate
  user: {client-certificate: c.crt, client-key-data: aGVsbG8=}
- name: plugin
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: [eks, get-token]}
";

    fn access(text: &str, context: Option<&str>) -> Result<Access, AccessError> {
        Reader { path: Path::new("/etc/pintail/kubeconfig") }.access(text, context)
    }

    #[test]
    fn a_context_names_its_cluster_and_its_user() {
        let here = access(TEXT, None).unwrap();
        assert_eq!(here.url.as_str(), "https://10.0.0.1:6443/");
        let Authorities::File(ca) = &here.authorities else { panic!() };
        assert_eq!(std::fs::read(ca).unwrap(), b"hello");
        let Bearer::File(token) = &here.bearer else { panic!() };
        assert_eq!(token, Path::new("/etc/pintail/pintail.token"));
        let there = access(TEXT, Some("there")).unwrap().identity.unwrap();
        assert_eq!(there.cert_file, Path::new("/etc/pintail/c.crt"));
    }

    #[test]
    fn what_is_not_supported_is_named_and_nothing_of_it_is_quoted() {
        for (context, word) in
            [("aws", "`exec`"), ("open", "`insecure-skip-tls-verify`"), ("gone", "\"gone\"")]
        {
            let error = access(TEXT, Some(context)).err().unwrap();
            assert!(error.to_string().contains(word), "{error}");
            assert!(error.hint().is_some());
        }
        let error = access("users: [{name: x, user: {token: [s3cret]}}]", None).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
