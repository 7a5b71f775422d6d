//! Why a Secret was not read or written, and what a person can do about it.

use crate::fault::{Diagnostic, FaultKind};
use crate::kubernetes::{AccessError, Answer};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// There is no way to the API server.
    #[error("cannot reach the API server of Kubernetes")]
    Access(#[from] AccessError),
    /// The API server did not do what was asked.
    #[error("cannot {doing} Secret {name} in namespace {namespace}: {text}")]
    Request {
        /// What was tried.
        doing: &'static str,
        /// The Secret.
        name: String,
        /// Its namespace.
        namespace: String,
        /// What was answered.
        text: String,
        /// Whether trying again may help.
        kind: FaultKind,
        /// What a person can do.
        hint: Option<String>,
    },
    /// A Secret of which the annotation is not a record.
    #[error(
        "the annotation pintail.dev/record of Secret {name} in namespace {namespace} is not a record"
    )]
    Damaged {
        /// The Secret.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// A Secret that pintail must not or cannot keep.
    #[error("Secret {name} in namespace {namespace} {why}")]
    Unfit {
        /// The Secret.
        name: String,
        /// Its namespace.
        namespace: String,
        /// Why not.
        why: String,
        /// What a person can do.
        hint: String,
    },
}

impl KubernetesError {
    pub(super) fn new(
        doing: &'static str,
        (namespace, name): (&str, &str),
        answer: &Answer,
    ) -> Self {
        let kind =
            if answer.is_worth_repeating() { FaultKind::Transient } else { FaultKind::Permanent };
        let verb = match doing {
            "read" | "recall a token from" => "get",
            "create" => "create",
            _ => "patch",
        };
        let hint = if answer.is_of_a_terminating_namespace() {
            Some(format!(
                "namespace {namespace} is being deleted: choose another, or wait and make it anew"
            ))
        } else if answer.is_denied() {
            Some(format!(
                "give pintail's ServiceAccount a Role in namespace {namespace} with the verb `{verb}` for `secrets`"
            ))
        } else if answer.is_unauthorized() {
            Some("the API server does not know pintail's token: has its ServiceAccount been deleted?".to_owned())
        } else if answer.is_invalid() {
            Some(format!(
                "is the Secret immutable, or its type one that asks for other keys? kubectl --namespace {namespace} get \
                 secret {name} --output yaml"
            ))
        } else {
            None
        };
        let (name, namespace) = (name.to_owned(), namespace.to_owned());
        Self::Request { doing, name, namespace, text: answer.text(), kind, hint }
    }

    /// Whether it is about one Secret, and says nothing about the API server.
    pub fn is_of_one_secret(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Unfit { .. } => true,
            Self::Access(_) | Self::Request { .. } => false,
        }
    }
}

impl Diagnostic for KubernetesError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Access(error) => error.kind(),
            Self::Request { kind, .. } => *kind,
            Self::Damaged { .. } | Self::Unfit { .. } => FaultKind::Permanent,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Access(error) => error.hint(),
            Self::Request { hint, .. } => hint.clone(),
            Self::Damaged { name, namespace } => Some(format!(
                "put the annotation back, or remove it and adopt the token anew: kubectl --namespace {namespace} annotate \
                 secret {name} pintail.dev/record-"
            )),
            Self::Unfit { hint, .. } => Some(hint.clone()),
        }
    }
}
