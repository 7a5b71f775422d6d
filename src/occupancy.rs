//! What work tells whoever lent it a place to work in: that it begins, that it only waits, that an answer is late.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};

/// Whoever takes longer for an answer does so outside of the places to work in.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Room to wait in, given back when dropped.
pub type Room = Box<dyn Send>;

/// A place to work in, which others wait for.
pub trait Occupied: Send + Sync {
    /// Waits for a place, unless the work has one. `Break` says that nothing more is to be begun.
    fn enter(&self) -> BoxFuture<'_, ControlFlow<()>>;

    /// The work waits for nothing but time: others may have its place.
    fn leave(&self);

    /// An answer is late: others may have the place of whoever waits for it, as far as there is room to wait elsewhere,
    /// which is held for as long as what this returns.
    fn step_aside(&self) -> Option<Room>;

    /// An answer, or the limit that stood in its place, came after so long.
    fn answered(&self, after: Duration);
}

tokio::task_local! {
    static LENT: Arc<dyn Occupied>;
}

fn lent() -> Option<Arc<dyn Occupied>> {
    LENT.try_with(Arc::clone).ok()
}

/// Does `work`, which may give `place` back and take it again by the functions of this module.
pub async fn within<T>(place: Arc<dyn Occupied>, work: impl Future<Output = T>) -> T {
    LENT.scope(place, work).await
}

/// Waits for a place before something is begun; `Break` says that it is not to be. Work that was lent none waits for
/// none.
pub async fn enter() -> ControlFlow<()> {
    match lent() {
        Some(place) => place.enter().await,
        None => ControlFlow::Continue(()),
    }
}

/// Waits for nothing but time, without a place.
pub async fn pause(pause: Duration) {
    if let Some(place) = lent() {
        place.leave();
    }
    sleep(pause).await;
}

/// Waits for the answer to `request`: in a place while it may come soon, and without one when it does not.
pub async fn answer<T>(request: impl Future<Output = T>) -> T {
    let Some(place) = lent() else { return request.await };
    let began = Instant::now();
    let mut request = Box::pin(request);
    let answer = if let Ok(answer) = timeout(PATIENCE, request.as_mut()).await {
        answer
    } else {
        let _room = place.step_aside();
        request.await
    };
    place.answered(began.elapsed());
    answer
}
