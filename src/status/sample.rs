//! (tests) A credential to show.

use std::sync::Arc;
use std::time::Duration;

use super::Configured;
use crate::names::CredentialName;
use crate::record::TokenType;
use crate::rotation::policy::{CatchUp, GatePace, OnFailure, Policy};
use crate::rotation::schedule::{Calendar, Schedule};

impl Configured {
    /// The credential `etl` with this calendar, whose tokens live 90 days, and no gate.
    pub(crate) fn sample(calendar: Calendar) -> Self {
        let name: CredentialName = "etl".parse().unwrap();
        Self {
            fleet: None,
            username: "etl_prod".parse().unwrap(),
            token_type: TokenType::ReadWrite,
            store: "main".to_owned(),
            path: "motherduck/etl".to_owned(),
            policy: Arc::new(Policy {
                schedule: Schedule::new(calendar, Duration::ZERO, &name),
                ttl: None,
                paused: false,
                renew_before: Duration::from_hours(7 * 24),
                catch_up: CatchUp::Run,
                on_failure: OnFailure::Hold,
                orphan_grace: Duration::from_mins(10),
                gate: GatePace::Open,
            }),
            name,
        }
    }
}
