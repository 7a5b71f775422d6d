//! What the chain holds and what it shows: each way of changing a file, and each way of being cut short.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::fault::Diagnostic;

struct Bench {
    dir: tempfile::TempDir,
    log: Arc<AuditLog>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::new(&dir.path().join("audit.jsonl"), &"prod".parse().unwrap());
        Self { dir, log: Arc::new(log) }
    }

    /// A log of `count` lines.
    fn of(count: usize) -> Self {
        let bench = Self::new();
        bench.append(count);
        bench
    }

    fn append(&self, count: usize) {
        for _ in 0..count {
            self.log.append_blocking(&Entry::of(Event::Served)).unwrap();
        }
    }

    fn path(&self) -> PathBuf {
        self.log.path().to_owned()
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Writes the file anew from its lines, as somebody with an editor would.
    fn edit(&self, change: impl FnOnce(&mut Vec<String>)) {
        let mut lines = self.lines();
        change(&mut lines);
        std::fs::write(self.path(), lines.join("\n") + "\n").unwrap();
    }

    /// Cuts `bytes` off the end of the last line, and forgets the head, as a crash in the middle of a write would.
    fn tear(&self, bytes: usize) {
        let text = std::fs::read(self.path()).unwrap();
        let before = self.lines();
        std::fs::write(self.path(), &text[..text.len() - bytes]).unwrap();
        let last: serde_json::Value = serde_json::from_str(&before[before.len() - 2]).unwrap();
        let head = serde_json::json!({"seq": last["seq"], "hash": last["hash"]});
        std::fs::write(head_beside(&self.path()), head.to_string()).unwrap();
    }

    fn verify(&self) -> Chain {
        verify(&[self.path()], None).unwrap()
    }

    fn broken(&self) -> (u64, ChainProblem) {
        let broken = self.verify().broken.expect("nothing was found");
        (broken.at.line, broken.problem)
    }
}

#[test]
fn a_log_as_it_was_written_is_sound_and_private() {
    let bench = Bench::of(5);
    let chain = bench.verify();
    assert_eq!((chain.lines, chain.first, &chain.broken), (5, Some(1), &None));
    let last: serde_json::Value = serde_json::from_str(&bench.lines()[4]).unwrap();
    assert_eq!(chain.head.unwrap().hash, last["hash"].as_str().unwrap());
    for file in [bench.path(), head_beside(&bench.path())] {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn the_digest_of_a_line_can_be_computed_without_this_program() {
    let line = Bench::of(1).lines().remove(0);
    let (body, rest) = line.split_once(",\"hash\":").unwrap();
    assert_eq!(rest, format!("\"{}\"}}", line::sha256(body.as_bytes())));
}

#[test]
fn a_changed_line_is_named() {
    let bench = Bench::of(5);
    bench.edit(|lines| lines[2] = lines[2].replace("served", "sealed"));
    assert_eq!(bench.broken(), (3, ChainProblem::Changed));
}

#[test]
fn a_line_that_was_replaced_with_its_digest_is_betrayed_by_the_next() {
    let bench = Bench::of(5);
    let head = |line: &str| -> Head { serde_json::from_str(line).unwrap() };
    bench.edit(|lines| {
        let before = head(&lines[1]);
        let forged = Entry::of(Event::Revoked);
        let who = Who::this_process();
        lines[2] = line::write(&before, &"prod".parse().unwrap(), &who, &forged).unwrap().0;
    });
    assert_eq!(bench.broken(), (4, ChainProblem::Unlinked));
}

#[test]
fn missing_lines_are_counted() {
    let bench = Bench::of(6);
    bench.edit(|lines| drop(lines.drain(2..4)));
    assert_eq!(bench.broken(), (3, ChainProblem::Missing { first: 3, last: 4 }));
}

#[test]
fn moved_lines_are_told_from_missing_ones() {
    let bench = Bench::of(6);
    bench.edit(|lines| lines.swap(2, 4));
    assert_eq!(bench.broken(), (3, ChainProblem::Moved { expected: 3, found: 5 }));
    let bench = Bench::of(6);
    bench.edit(|lines| lines.push(lines[1].clone()));
    assert_eq!(bench.broken(), (7, ChainProblem::Moved { expected: 7, found: 2 }));
}

#[test]
fn an_end_that_was_cut_off_is_found_by_the_head_beside_it_and_by_one_kept_elsewhere() {
    let bench = Bench::of(4);
    let kept = bench.verify().head.unwrap().hash;
    bench.edit(|lines| lines.truncate(2));
    assert_eq!(bench.broken(), (2, ChainProblem::CutOff { last: 4 }));
    std::fs::remove_file(head_beside(&bench.path())).unwrap();
    assert_eq!(bench.verify().broken, None);
    let found = verify(&[bench.path()], Some(&kept)).unwrap().broken.unwrap();
    assert_eq!(found.problem, ChainProblem::Rewritten { hash: kept });
}

#[test]
fn what_was_cut_off_leaves_a_gap_before_the_next_line() {
    let bench = Bench::of(4);
    bench.edit(|lines| lines.truncate(2));
    bench.append(1);
    assert_eq!(bench.broken(), (3, ChainProblem::Missing { first: 3, last: 4 }));
}

#[test]
fn a_line_that_a_crash_cut_short_is_kept_and_told_of() {
    for bytes in [1, 2, 40, 200] {
        let bench = Bench::of(3);
        let whole = bench.lines();
        bench.tear(bytes);
        let after_crash = bench.verify();
        assert_eq!(after_crash.broken, None, "{bytes}");
        bench.append(1);
        let (lines, chain) = (bench.lines(), bench.verify());
        assert_eq!(chain.broken, None, "{bytes}: {lines:#?}");
        if bytes == 1 {
            // Only the line break was lost.
            assert_eq!((lines.len(), chain.lines), (4, 4));
            continue;
        }
        assert!(whole[2].starts_with(&lines[2]), "{bytes}: the torn line was not kept");
        assert!(lines[3].contains("\"event\":\"recovered\""), "{bytes}");
        assert_eq!((lines.len(), chain.lines, chain.torn.len()), (5, 4, 1), "{bytes}");
        bench.append(2);
        assert_eq!(bench.verify().broken, None, "{bytes}");
    }
}

#[test]
fn a_line_that_was_spoilt_later_does_not_pass_for_a_crash() {
    let bench = Bench::of(3);
    bench.tear(40);
    bench.append(1);
    bench.edit(|lines| lines[2].push('x'));
    assert_eq!(bench.broken(), (3, ChainProblem::UnknownLine));
    let bench = Bench::of(3);
    bench.edit(|lines| lines.push("by hand".to_owned()));
    assert_eq!(bench.broken(), (4, ChainProblem::UnknownLine));
}

#[test]
fn a_file_that_was_renamed_away_is_continued_by_a_new_one() {
    let bench = Bench::of(3);
    let old = bench.dir.path().join("audit.jsonl.1");
    std::fs::rename(bench.path(), &old).unwrap();
    bench.append(2);
    let chain = bench.verify();
    assert_eq!((chain.lines, chain.first, chain.broken), (2, Some(4), None));
    let chain = verify(&[old, bench.path()], None).unwrap();
    assert_eq!((chain.lines, chain.first, chain.broken), (5, Some(1), None));
}

#[test]
fn writers_side_by_side_make_one_chain() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let path = bench.path();
            scope.spawn(move || {
                let log = AuditLog::new(&path, &"prod".parse().unwrap());
                for _ in 0..10 {
                    log.append_blocking(&Entry::of(Event::Verified)).unwrap();
                }
            });
        }
    });
    let chain = bench.verify();
    assert_eq!((chain.lines, chain.broken), (40, None));
}

#[test]
fn nothing_but_a_plain_file_is_written() {
    let bench = Bench::new();
    let elsewhere = bench.dir.path().join("elsewhere");
    std::fs::write(&elsewhere, "mine").unwrap();
    std::os::unix::fs::symlink(&elsewhere, bench.path()).unwrap();
    let error = bench.log.append_blocking(&Entry::of(Event::Served)).unwrap_err();
    assert!(matches!(error, AuditError::NotAFile { .. }), "{error}");
    assert!(matches!(bench.log.ensure_writable(), Err(AuditError::NotAFile { .. })));
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "mine");
}

#[tokio::test]
async fn a_line_that_cannot_be_written_is_counted_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nowhere/audit.jsonl");
    let log = Arc::new(AuditLog::new(&path, &"prod".parse().unwrap()));
    log.note(Entry::of(Event::Served)).await;
    let error = log.append(Entry::of(Event::Began)).await.unwrap_err();
    assert!(error.hint().unwrap().contains("directory"));
    assert!(log.ensure_writable().is_err());
    assert_eq!(log.failures(), 2);
}

#[tokio::test]
async fn lines_that_were_lost_before_a_reload_are_counted_on() {
    let dir = tempfile::tempdir().unwrap();
    let owner = "prod".parse().unwrap();
    let before = Arc::new(AuditLog::new(&dir.path().join("nowhere/audit.jsonl"), &owner));
    before.note(Entry::of(Event::Served)).await;
    let after = AuditLog::new(&dir.path().join("audit.jsonl"), &owner).in_place_of(&before);
    assert_eq!(after.failures(), 1);
    // A run that began before the reload ends after it.
    before.note(Entry::of(Event::Sealed)).await;
    assert_eq!(after.failures(), 2);
}

#[test]
fn a_log_that_logrotate_has_packed_is_named_with_what_unpacks_it() {
    let bench = Bench::of(2);
    // gzip's header is enough to know it by.
    std::fs::write(bench.path(), b"\x1f\x8b\x08\x00rest").unwrap();
    let error = verify(&[bench.path()], None).unwrap_err();
    assert!(error.to_string().contains("is compressed"), "{error}");
    assert!(error.hint().unwrap().contains("gunzip"), "{error:?}");
}
