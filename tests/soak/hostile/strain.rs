//! How much slower than by itself a thread runs here: on a machine that many share, no time is worth more than that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// More than that is no excuse.
const MOST: f64 = 3.0;
/// As much of a processor is used for the measurement, every tenth of a second.
const WORK: Duration = Duration::from_millis(4);
const PAUSE: Duration = Duration::from_millis(100);

/// A measurement that lasts until it is asked for.
pub struct Strain {
    over: Arc<AtomicBool>,
    thread: JoinHandle<f64>,
}

impl Strain {
    pub fn measure() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let (mut passed, mut worked) = (Duration::ZERO, Duration::ZERO);
            while !is_over.load(Ordering::Relaxed) {
                let (begun, before) = (Instant::now(), used());
                while used_since(before) < WORK {
                    std::hint::spin_loop();
                }
                passed = passed.saturating_add(begun.elapsed());
                worked = worked.saturating_add(used_since(before));
                std::thread::sleep(PAUSE);
            }
            passed.as_secs_f64() / worked.as_secs_f64().max(0.001)
        });
        Self { over, thread }
    }

    /// How many times as long as by itself everything took: 1 at least, and no more than [`MOST`].
    pub fn so_far(self) -> f64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap().clamp(1.0, MOST)
    }
}

fn used_since(before: Duration) -> Duration {
    used().saturating_sub(before)
}

/// The processor's time that this thread has used.
fn used() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}
