//! The rounds in which others fail, as a whole and for a while: the store, and MotherDuck.

use std::path::{Path, PathBuf};

use super::{STEP_LIMIT, Soak};
use crate::cycle::CYCLE;
use crate::process::{Disk, Paused, ReadOnly};
use crate::stores::Store;

/// How the system tells that a file may not grow.
const FULL: &str = "File too large";
/// How it tells that a directory may not change.
const READ_ONLY: &str = "Permission denied";

impl Soak {
    /// The store stands still, is ended and started again with its data, is full or read-only, while pintail is at
    /// work.
    pub(super) fn outage(&mut self, number: usize) {
        let is_even = (number / CYCLE.len()).is_multiple_of(2);
        if let Store::File(dir) = &self.store {
            let dir = dir.clone();
            return if is_even { self.disk_is_full() } else { self.disk_is_read_only(&dir) };
        }
        let running = self.launch(Disk::Sound);
        std::thread::sleep(self.millis(100, 900));
        let pause = self.millis(200, 1500);
        self.outages += 1;
        match &mut self.store {
            Store::Vault(raft) if is_even => raft.restart(self.chance.bool(), pause),
            store @ (Store::File(_) | Store::Vault(_) | Store::Aws(_)) => {
                let paused = store.pause();
                std::thread::sleep(pause);
                drop(paused);
            }
        }
        self.end_soon(running);
    }

    fn disk_is_full(&mut self) {
        let blocks = self.chance.u32(0..3);
        let starved = self.launch(Disk::Full(blocks)).end_within(STEP_LIMIT);
        self.outages += u32::from(starved.said.contains(FULL));
        self.note(&starved);
    }

    /// The store is read-only from some point of the rotations on, and pintail is killed while it still is.
    fn disk_is_read_only(&mut self, dir: &Path) {
        let running = self.launch(Disk::Strict);
        std::thread::sleep(self.millis(0, 400));
        let bound = ReadOnly::new(dir);
        let ended = running.end_within(self.millis(800, 2000));
        drop(bound);
        self.outages += u32::from(ended.said.contains(READ_ONLY));
        self.note(&ended);
    }

    /// MotherDuck takes connections, and says nothing.
    pub(super) fn network_hangs(&mut self) {
        let running = self.launch(Disk::Sound);
        std::thread::sleep(self.millis(100, 900));
        let hung = Paused::new(self.sandbox.server.pid());
        std::thread::sleep(self.millis(200, 1500));
        self.outages += 1;
        drop(hung);
        self.end_soon(running);
    }

    /// MotherDuck ends, with or without warning, forgets all that it has not answered, and starts again.
    pub(super) fn motherduck_restarts(&mut self) {
        let running = self.launch(Disk::Sound);
        std::thread::sleep(self.millis(50, 900));
        let is_warned = self.chance.bool();
        self.sandbox.server.end(is_warned);
        self.truth.forget_events(&self.state_file());
        std::thread::sleep(self.millis(100, 1500));
        self.outages += 1;
        self.sandbox
            .start_again(&["--gateway-html", &format!("--dir={}", self.motherduck().display())]);
        self.end_soon(running);
    }

    fn motherduck(&self) -> PathBuf {
        self.dir.path().join("motherduck")
    }

    fn state_file(&self) -> PathBuf {
        self.motherduck().join("state.jsonl")
    }
}
