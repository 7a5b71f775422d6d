//! Why workloads are not restarted, or not through with it.

use crate::fault::{Diagnostic, FaultKind};
use crate::kubernetes::Answer;

/// Why a restart did not come about, or is not complete.
#[derive(Debug, thiserror::Error)]
pub enum RestartError {
    /// The API server did not do what was asked.
    #[error("cannot {verb} {place}: {text}")]
    Request {
        /// What was tried, in Kubernetes' own word.
        verb: &'static str,
        /// On what.
        place: String,
        /// What was answered.
        text: String,
        /// What a person can do.
        hint: Option<String>,
    },
    /// A selector takes nothing.
    #[error("no workload in namespace {namespace} has the labels {selector}")]
    Nothing {
        /// The namespace.
        namespace: String,
        /// The selector.
        selector: String,
    },
    /// A workload of which the pods are not replaced.
    #[error("{workload} {why}")]
    Unfit {
        /// The workload.
        workload: String,
        /// Why not.
        why: &'static str,
        /// What a person can do.
        hint: String,
    },
    /// A workload of which the pods read other Secrets than the one that pintail keeps.
    #[error("{workload} does not read Secret {secret}, and other Secrets it does")]
    ReadsAnother {
        /// The workload.
        workload: String,
        /// What it should read.
        secret: String,
    },
    /// Another publication has restarted it since.
    #[error("{workload} was restarted for a later publication already")]
    Superseded {
        /// The workload.
        workload: String,
    },
    /// Somebody writes the workload again and again.
    #[error("{workload} was changed by somebody at each try to restart it")]
    Contested {
        /// The workload.
        workload: String,
    },
    /// The Secret of somebody else does not hold the served token yet.
    #[error("Secret {secret} {why}")]
    NotYet {
        /// The Secret.
        secret: String,
        /// What is missing.
        why: String,
    },
}

impl RestartError {
    pub(super) fn new(
        verb: &'static str,
        place: &crate::kubernetes::Place,
        answer: &Answer,
    ) -> Self {
        let place_text = place.to_string();
        let namespace = place.namespace.as_deref().unwrap_or_default();
        let hint = if answer.is_denied() {
            Some(format!(
                "give pintail's ServiceAccount a Role in namespace {namespace} with the verb `{verb}` for `{}`",
                place.resource
            ))
        } else if answer.is_absence() {
            Some("correct the name in `deploy.kubernetes`, or take it out".to_owned())
        } else {
            None
        };
        Self::Request { verb, place: place_text, text: answer.text(), hint }
    }
}

impl Diagnostic for RestartError {
    /// A hook is tried again until its deadline, whatever it says.
    fn kind(&self) -> FaultKind {
        FaultKind::Transient
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Request { hint, .. } => hint.clone(),
            Self::Unfit { hint, .. } => Some(hint.clone()),
            Self::ReadsAnother { secret, .. } => Some(format!(
                "let its pods refer to Secret {secret} (`envFrom`, `env` or a volume), name the Secret that they read by \
                 `deploy.kubernetes.after_secret`, or ask them by `gate.kubernetes.pods.http`"
            )),
            Self::NotYet { secret, .. } => {
                Some(format!("look at whoever fills Secret {secret}; nothing is restarted before"))
            }
            Self::Nothing { .. } | Self::Superseded { .. } | Self::Contested { .. } => None,
        }
    }
}
