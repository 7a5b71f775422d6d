//! What happens in the rounds of a soak, one after the other.

/// What a round does.
#[derive(Debug, Clone, Copy)]
pub enum Round {
    /// Kills at the next step in turn.
    Step,
    /// Kills at any time.
    Any,
    /// Two pintails at once, one of them killed.
    Two,
    /// One stands still while another goes on, and then goes on itself.
    Late,
    /// The store stands still, is restarted, is full or read-only.
    Outage,
    /// MotherDuck's network hangs.
    Hang,
    /// MotherDuck is gone for a while, with all that it had in hand.
    Restart,
    /// The tokens are known to others: no gate.
    Compromised,
    /// A person goes back to the old token, wherever the last run was killed.
    Back,
    /// Nobody is killed.
    Whole,
}

/// The rounds, in turn.
pub const CYCLE: [Round; 18] = [
    Round::Step,
    Round::Any,
    Round::Step,
    Round::Any,
    Round::Step,
    Round::Outage,
    Round::Step,
    Round::Two,
    Round::Step,
    Round::Hang,
    Round::Step,
    Round::Restart,
    Round::Step,
    Round::Late,
    Round::Compromised,
    Round::Step,
    Round::Back,
    Round::Whole,
];
