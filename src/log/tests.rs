//! A log that is full, stands still, or is gone.

use std::sync::Mutex;
use std::time::Instant;

use super::*;

const SOON: Duration = Duration::from_secs(20);

fn carried<W: Write>(
    queue: &Arc<Queue>,
    out: impl Fn() -> W + Send + 'static,
) -> thread::JoinHandle<()> {
    let queue = queue.clone();
    thread::spawn(move || carry(&queue, out))
}

#[test]
fn lines_are_written_in_order_and_waited_for_at_the_end() {
    let queue = Arc::new(Queue::new(1_000));
    let (reader, writer) = std::io::pipe().unwrap();
    let thread = carried(&queue, move || writer.try_clone().unwrap());
    for number in 0..20 {
        queue.push(format!("{number}\n").as_bytes());
    }
    queue.flush(SOON);
    queue.close();
    thread.join().unwrap();
    let lines: Vec<_> =
        std::io::read_to_string(reader).unwrap().lines().map(str::to_owned).collect();
    let expected: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(lines, expected);
    assert_eq!(queue.dropped(), 0);
}

#[test]
fn a_log_that_cannot_be_written_is_counted_and_stops_nothing() {
    let queue = Arc::new(Queue::new(1_000));
    let thread = carried(&queue, || std::fs::File::create("/dev/full").unwrap());
    for _ in 0..3 {
        queue.push(b"a line\n");
    }
    queue.flush(SOON);
    assert_eq!(queue.dropped(), 3);
    queue.close();
    thread.join().unwrap();
}

#[test]
fn a_reader_that_stands_still_holds_nobody_up() {
    /// Writes nothing until it may.
    struct Stuck(Arc<Mutex<()>>);

    impl Write for Stuck {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            drop(self.0.lock());
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let queue = Arc::new(Queue::new(1_000));
    let gate = Arc::new(Mutex::new(()));
    let (held, ours) = (gate.lock().unwrap(), gate.clone());
    let thread = carried(&queue, move || Stuck(ours.clone()));
    for _ in 0..1_000 {
        queue.push(&[b'x'; 100]);
    }
    // Ten wait, and one may be in hand.
    assert!((989..=990).contains(&queue.dropped()), "{}", queue.dropped());
    let before = Instant::now();
    queue.flush(Duration::from_millis(50));
    assert!(before.elapsed() < SOON);
    drop(held);
    queue.flush(SOON);
    queue.push(b"once more\n");
    queue.flush(SOON);
    assert!(queue.dropped() <= 990);
    queue.close();
    thread.join().unwrap();
}
