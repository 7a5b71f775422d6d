//! Workers in the background: started again where one panics, and counted, so that nothing ends in silence.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

/// The pause before the first new start, which doubles.
const FIRST: Duration = Duration::from_secs(1);
/// No pause is longer; who ran for so long begins with the first pause again.
const LONGEST: Duration = Duration::from_mins(1);

/// A worker, and how often it had to be started again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// How often it panicked and was started again, since this process began.
    pub restarts: u64,
    /// When it last panicked.
    pub panicked_at: Option<Timestamp>,
}

static WORKERS: Mutex<BTreeMap<String, Worker>> = Mutex::new(BTreeMap::new());

/// Runs what `make` makes to its end. Where that panics it is made again, after a pause that grows. What must outlive a
/// panic is kept outside and shared with each.
pub async fn keep<F, Fut>(worker: &str, mut make: F) -> Fut::Output
where
    F: FnMut() -> Fut,
    Fut: Future,
{
    // Known from the start: the first count is then seen as a change.
    note(worker, 0);
    let mut pause = FIRST;
    loop {
        let began = Instant::now();
        match survive(make()).await {
            Ok(output) => return output,
            Err(Panicked) => {
                note(worker, 1);
                tracing::error!(worker, "worker panicked, and is started again");
            }
        }
        if began.elapsed() >= LONGEST {
            pause = FIRST;
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST);
    }
}

/// Work that ended by a panic. What it says of itself was told by the panic hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("pintail panicked, which is a fault in pintail")]
pub struct Panicked;

/// Does `work`, and outlives its panic: what it had in hand is gone.
pub async fn survive<Fut: Future>(work: Fut) -> Result<Fut::Output, Panicked> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| Panicked)
}

/// The workers by name.
pub fn workers() -> Vec<Worker> {
    known().values().cloned().collect()
}

fn note(name: &str, restarts: u64) {
    let mut known = known();
    let worker = known.entry(name.to_owned()).or_insert_with(|| Worker {
        name: name.to_owned(),
        restarts: 0,
        panicked_at: None,
    });
    worker.restarts = worker.restarts.saturating_add(restarts);
    if restarts > 0 {
        worker.panicked_at = Some(Timestamp::now());
    }
}

fn known() -> MutexGuard<'static, BTreeMap<String, Worker>> {
    WORKERS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_panics_is_started_again_and_counted() {
        let tries = AtomicU32::new(0);
        let output = keep("test.panics", || async {
            let before = tries.fetch_add(1, Ordering::Relaxed);
            assert!(before >= 3, "a fault in the worker");
            before
        });
        assert_eq!(output.await, 3);
        let ours = workers().into_iter().find(|one| one.name == "test.panics").unwrap();
        assert_eq!((ours.restarts, ours.panicked_at.is_some()), (3, true));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_begin_anew_after_a_good_time() {
        let (began, at) = (Instant::now(), Mutex::new(vec![]));
        keep("test.pauses", || async {
            let number = {
                let mut at = at.lock().unwrap();
                at.push(began.elapsed().as_secs());
                at.len()
            };
            if number == 3 {
                tokio::time::sleep(LONGEST).await;
            }
            assert!(number >= 5, "a fault in the worker");
        })
        .await;
        assert_eq!(*at.lock().unwrap(), [0, 1, 3, 64, 66]);
    }
}
